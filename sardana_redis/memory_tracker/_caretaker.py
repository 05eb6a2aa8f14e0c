"""What becomes of scans in the end: they expire, are deleted, or are closed as orphans."""

from __future__ import annotations

from datetime import datetime

from sardana_redis.errors import ScanRefusedError, StoreUnusable
from sardana_redis.log import get_logger
from sardana_redis.memory_tracker._ledger import Ledger, ScanRecord
from sardana_redis.memory_tracker._lifetimes import Fate, FateKind, fates
from sardana_redis.memory_tracker._lines import expiry_line, inactive_line
from sardana_redis.memory_tracker._sight import Sight
from sardana_redis.memory_tracker._snapshot import Limits
from sardana_redis.metrics import ReclaimReason, TrackerMetrics
from sardana_redis.model import EndReason
from sardana_redis.store import Memory, TrackStore

__all__ = ["Caretaker"]

_DELETION = "DELETION"
"""blissdata's end reason of an open scan that is deleted."""

_log = get_logger(__name__)


class Caretaker:
    """Carries out what the policy says of scans."""

    def __init__(
        self,
        sight: Sight,
        store: TrackStore,
        ledger: Ledger,
        limits: Limits,
        metrics: TrackerMetrics,
    ) -> None:
        self._sight = sight
        self._metrics = metrics
        self._store = store
        self._ledger = ledger
        self._limits = limits

    def decide(self, memory: Memory) -> None:
        """Lets the policy say what becomes of scans now, and does it."""
        if not fates(self._sight.snapshot(memory, {}), self._limits):
            return  # what does not happen without writers does not with them either
        for fate in fates(self._sight.snapshot(memory, self._sight.positions()), self._limits):
            if not self._sight.is_skipped(fate.scan_key):
                self._carry_out(fate)

    def count(self) -> None:
        """Counts the scans by their states, and those that closed since the last time."""
        states = self._ledger.states()
        for state, gauge in self._metrics.scans.items():
            gauge.set(states[state])
        closed, self._ledger.closed = self._ledger.closed, []
        for reason in self._store.end_reasons(closed):
            if reason in self._metrics.scans_closed:
                self._metrics.scans_closed[EndReason(reason)].inc()

    def sweep(self) -> None:
        """Removes what writers reported of scans that are gone."""
        for writer, done in list(self._sight.positions().items()):
            unknown = [key for key in done if key not in self._ledger.scans]
            there = self._store.tracked(unknown)
            gone = [key for key in unknown if key not in there]
            self._store.forget_progress(writer, gone)

    def _carry_out(self, fate: Fate) -> None:
        record = self._ledger.scans[fate.scan_key]
        try:
            if fate.kind is FateKind.EXPIRE:
                self._expire(record)
            elif fate.kind is FateKind.CLOSE_ORPHAN:
                self._close_orphan(record)
            else:
                self._delete_inactive(record)
        except (ScanRefusedError, StoreUnusable) as error:
            self._sight.skip(fate.scan_key, error)

    def _expire(self, record: ScanRecord) -> None:
        seconds = self._limits.closed_scan_deletion
        self._store.expire(record.scan, seconds)
        record.expires = True
        _log.info(expiry_line(record.scan.key, seconds), scan=record.scan.key)

    def _close_orphan(self, record: ScanRecord) -> None:
        if self._store.close(record.scan, str(EndReason.FAILURE), _now_text()):
            self._metrics.orphan_scans_closed.inc()
            _log.warning("Closed a scan that its MacroServer left open", scan=record.scan.key)

    def _delete_inactive(self, record: ScanRecord) -> None:
        if self._store.close(record.scan, _DELETION, _now_text()):
            self._store.delete(record.scan)
            record.is_leaving = True
            self._metrics.reclaims[ReclaimReason.INACTIVE].inc()
            line = inactive_line(record.scan.key, self._limits.inactive_scan_deletion)
            _log.warning(line, scan=record.scan.key)


def _now_text() -> str:
    return datetime.now().astimezone().isoformat()
