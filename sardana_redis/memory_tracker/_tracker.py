"""One look at Redis after the other: at its memory each time, at scans now and then."""

from __future__ import annotations

import time

from sardana_redis.errors import TrackingRefusedError
from sardana_redis.lag import LagCollector
from sardana_redis.log import get_logger
from sardana_redis.memory_tracker._caretaker import Caretaker
from sardana_redis.memory_tracker._lag_watch import LagWatch
from sardana_redis.memory_tracker._ledger import Ledger
from sardana_redis.memory_tracker._lines import bytes_text, initial_lines
from sardana_redis.memory_tracker._reclaimer import Reclaimer
from sardana_redis.memory_tracker._sight import Sight
from sardana_redis.memory_tracker._snapshot import Limits
from sardana_redis.metrics import TrackerMetrics
from sardana_redis.store import Memory, TrackStore

__all__ = ["Tracker"]

_LOOK_SECONDS = 1.0
_GLANCE_SHARE = 5.0
"""A glance is followed by a pause of four times its own length at least."""

_log = get_logger(__name__)


class Tracker:
    """Tracks all scans of a Redis, over a TrackStore that somebody else connects.

    Methods may raise StoreUnavailable and StoreUnusable, and TrackingRefusedError where
    it makes no sense to go on.
    """

    def __init__(
        self,
        store: TrackStore,
        limits: Limits,
        metrics: TrackerMetrics,
        lags: LagCollector,
        *,
        monitoring_period: float,
    ) -> None:
        self._store = store
        self._limits = limits
        self._metrics = metrics
        self._lags = lags
        metrics.threshold_ratio.set(limits.cleaning_threshold / 100)
        self._monitoring_period = monitoring_period
        self._ledger = Ledger()
        self._sight = Sight(store, self._ledger)
        self._caretaker = Caretaker(self._sight, store, self._ledger, limits, metrics)
        self._lag_watch = LagWatch(store, self._ledger, self._sight.book, lags)
        self._reclaimer = Reclaimer(self._sight, store, self._ledger, limits, metrics)
        self._run_id = ""
        self._foreign_end: bytes | None = None
        self._maximum = 0
        self._look_at = self._update_at = self._glance_at = 0.0

    def begin(self) -> None:
        """Takes up its work on a connection that is new."""
        self._check(self._store.memory())
        run_id = self._store.run_id()
        self._sight.begin(anew=run_id != self._run_id)
        self._run_id = run_id
        self._foreign_end = None
        self._look_at = self._update_at = 0.0

    def lose_sight(self) -> None:
        """Shows no numbers any more, because Redis does not answer."""
        self._metrics.lose_sight()
        self._lags.lags = {}

    def turn(self) -> None:
        """Does what is due: memory each time, scans once a second, all of it each period."""
        memory = self._store.memory()
        self._check(memory)
        self._glance()
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOK_SECONDS
            self._look_around(memory)
        if now >= self._update_at:
            self._update_at = now + self._monitoring_period
            self._update(memory)
        self._reclaimer.relieve(memory)

    def _check(self, memory: Memory) -> None:
        if memory.maximum == 0:
            raise TrackingRefusedError(
                "Redis has no maxmemory, so nobody can say when it is full: set maxmemory (and "
                "maxmemory-policy noeviction) in its configuration, then start the tracker again."
            )
        if memory.maximum != self._maximum:
            self._maximum = memory.maximum
            threshold, protected = self._limits.cleaning_threshold, self._limits.protected_history
            for line in initial_lines(memory.maximum, threshold, protected):
                _log.info(line)
        self._metrics.used_bytes.set(memory.used)
        self._metrics.max_bytes.set(memory.maximum)
        self._metrics.used_ratio.set(memory.used / memory.maximum)
        self._metrics.fragmentation_ratio.set(memory.fragmentation_ratio)

    def _glance(self) -> None:
        """Takes news of scans and writers, as often as that takes little of the time."""
        begun = time.monotonic()
        if begun < self._glance_at:
            return
        self._sight.look_for_births()
        self._sight.follow_states()
        self._sight.look_at_leads()
        self._lag_watch.look()
        self._sight.look_further()
        self._glance_at = begun + _GLANCE_SHARE * (time.monotonic() - begun)

    def _look_around(self, memory: Memory) -> None:
        self._watch_for_others()
        self._sight.look_for_heartbeats()
        if 100 * memory.used >= self._limits.hard_threshold * memory.maximum:
            # A full Redis takes no heartbeat that has to be set anew.
            self._ledger.forgive_silence(time.monotonic())
        self._drop_the_gone([k for k, record in self._ledger.scans.items() if record.is_leaving])
        self._caretaker.decide(memory)
        self._caretaker.count()

    def _update(self, memory: Memory) -> None:
        self._drop_the_gone(list(self._ledger.scans))
        self._sight.look_at_all()
        self._caretaker.sweep()
        _log.info(f"Memory usage: {bytes_text(memory.used)}")

    def _drop_the_gone(self, keys: list[str]) -> None:
        for key in self._sight.look_for_the_gone(keys):
            self._reclaimer.forget(key)

    def _watch_for_others(self) -> None:
        end = self._store.foreign_journal_end()
        if self._foreign_end is not None and end > self._foreign_end:
            raise TrackingRefusedError(
                "blissdata's own memory_tracker runs on this Redis and trims what nobody has "
                "written yet: stop it (its key _MEMORY_TRACKING_ grows), then start this one."
            )
        self._foreign_end = end
