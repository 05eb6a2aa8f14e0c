"""What is said and counted of trimming: of many steps a second one line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from sardana_redis.log import get_logger
from sardana_redis.memory_tracker._lines import too_recent_line, trimmed_line
from sardana_redis.memory_tracker._policy import Reason
from sardana_redis.memory_tracker._snapshot import Limits
from sardana_redis.metrics import ReclaimReason, TrackerMetrics

__all__ = ["Announcer"]

_PATIENCE_SECONDS = 2.0
"""At the limit room comes and goes with what writers report; only a standstill is a failure."""

_FAILURE_SECONDS = 1.0
_REPEAT_SECONDS = 30.0
_TRIM_SECONDS = 5.0

_COUNTED_AS: Mapping[Reason, ReclaimReason] = {
    Reason.WRITTEN: ReclaimReason.WRITTEN,
    Reason.UNREAD: ReclaimReason.UNREAD,
    Reason.PROTECTED: ReclaimReason.PROTECTED,
    Reason.SCANS: ReclaimReason.FINISHED,
}

_log = get_logger(__name__)


class Announcer:
    """Tells of trims, of what they cost, and of a memory that nothing frees."""

    def __init__(
        self,
        limits: Limits,
        metrics: TrackerMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._metrics = metrics
        self._clock = clock
        self._entries = 0
        self._trim_line_at = 0.0
        self._stuck_since: float | None = None
        self._counted_at = 0.0
        self._said: tuple[Reason, float] | None = None

    def trimmed(self, reason: Reason, entries: int) -> None:
        """Some entries were trimmed."""
        self.relieved()
        self._metrics.reclaims[_COUNTED_AS[reason]].inc()
        self._entries += entries
        now = self._clock()
        if reason is not Reason.WRITTEN:
            _log.warning("Trimmed the oldest data for want of memory", entries=entries,
                         reason=str(reason))  # fmt: skip
        elif now >= self._trim_line_at:
            self._trim_line_at = now + _TRIM_SECONDS
            _log.info(trimmed_line(self._limits.cleaning_time_slice), entries=self._entries)
            self._entries = 0

    def deleted(self, scan_key: str) -> None:
        """A scan that is finished was deleted for its memory."""
        self._metrics.reclaims[_COUNTED_AS[Reason.SCANS]].inc()
        _log.warning("Deleted a finished scan for want of memory", scan=scan_key)

    def lost(self, writer: str, scan_key: str, points: int) -> None:
        """Points are gone that a writer had not written."""
        _log.error("Trimmed points that a writer still needed",
                   writer=writer, scan=scan_key, points=points)  # fmt: skip

    def relieved(self) -> None:
        """There is room, or some was made."""
        self._stuck_since = self._said = None

    def stuck(self, reason: Reason, writers: Collection[str]) -> None:
        """Nothing could be trimmed although memory is short."""
        now = self._clock()
        if self._stuck_since is None:
            self._stuck_since = now
        if now < self._stuck_since + _PATIENCE_SECONDS:
            return
        if now >= self._counted_at + _FAILURE_SECONDS:
            self._counted_at = now
            self._metrics.reclaim_failures.inc()
        if self._said is None or self._said[0] is not reason or now >= self._said[1]:
            self._said = reason, now + _REPEAT_SECONDS
            self._say_why_not(reason, writers)

    def _say_why_not(self, reason: Reason, writers: Collection[str]) -> None:
        if reason is Reason.TOO_RECENT:
            _log.critical(too_recent_line(self._limits.protected_history))
        elif reason is Reason.NEEDED:
            _log.critical("Unable to free memory ! Writers still need what is left",
                          writers=sorted(writers))  # fmt: skip
        else:
            _log.critical("Unable to free memory ! No scan has data left")
