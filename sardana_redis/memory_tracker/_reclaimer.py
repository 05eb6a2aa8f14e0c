"""Making room when memory runs short: asks the policy, and trims."""

from __future__ import annotations

import time

from sardana_redis.errors import StoreUnusable
from sardana_redis.memory_tracker._announcer import Announcer
from sardana_redis.memory_tracker._ledger import Ledger
from sardana_redis.memory_tracker._losses import Losses
from sardana_redis.memory_tracker._policy import Reason, Reclaim, reclaim
from sardana_redis.memory_tracker._sight import Sight
from sardana_redis.memory_tracker._snapshot import Limits, Positions
from sardana_redis.metrics import TrackerMetrics
from sardana_redis.store import Memory, TrackStore

__all__ = ["Reclaimer"]

_SETTLE_SECONDS = 0.5
"""So long writers may say what they had written, before a further step counts as a loss."""

_DOUBT_SECONDS = 0.3
"""Replies to readers take tens of megabytes for a moment: no reason to give up unread data."""

_MOST_ROUNDS = 20
_FORCED = (Reason.UNREAD, Reason.PROTECTED)


class Reclaimer:
    """Keeps used memory below the thresholds."""

    def __init__(
        self,
        sight: Sight,
        store: TrackStore,
        ledger: Ledger,
        limits: Limits,
        metrics: TrackerMetrics,
    ) -> None:
        self._sight = sight
        self._store = store
        self._ledger = ledger
        self._limits = limits
        self._metrics = metrics
        self._announcer = Announcer(limits, metrics)
        self._losses = Losses()
        self._settle_at = 0.0
        self._hard_since: float | None = None

    def relieve(self, memory: Memory) -> None:
        """Trims until memory is below the threshold, or nothing can be trimmed for now."""
        if self._losses.is_waiting and time.monotonic() >= self._settle_at:
            for (writer, key), points in self._losses.settle(self._sight.positions()).items():
                self._announcer.lost(writer, key, points)
        if not self._is_short(memory):
            self._hard_since = None
            self._announcer.relieved()
            return
        self._sight.look_for_births()
        self._sight.follow_states()
        self._sight.look_at_all()
        positions = self._sight.positions()
        for _ in range(_MOST_ROUNDS):
            may_go_on = self._step(memory, positions)
            before, memory = memory, self._store.memory()
            self._metrics.reclaimed_bytes.inc(max(0, before.used - memory.used))
            if not may_go_on or not self._is_short(memory):
                return

    def forget(self, scan_key: str) -> None:
        """Drops what is known of a scan that is gone."""
        self._losses.forget(scan_key)

    def _is_short(self, memory: Memory) -> bool:
        return 100 * memory.used >= self._limits.cleaning_threshold * memory.maximum

    def _step(self, memory: Memory, positions: Positions) -> bool:
        """Carries out one decision; returns whether another one may follow at once."""
        is_hard = self._note_hard(memory)
        sizes = self._sizes() if is_hard else {}
        decision = reclaim(self._sight.snapshot(memory, positions, sizes), self._limits)
        if decision.deletions:
            self._delete(decision)
            return False
        if not decision.trims:
            self._announcer.stuck(decision.reason, decision.needed_by)
            return False
        if decision.reason in _FORCED and self._must_wait():
            return False
        return self._trim(decision)

    def _note_hard(self, memory: Memory) -> bool:
        """Whether the hard threshold is reached; keeps since when it is."""
        if 100 * memory.used < self._limits.hard_threshold * memory.maximum:
            self._hard_since = None
        elif self._hard_since is None:
            self._hard_since = time.monotonic()
        return self._hard_since is not None

    def _must_wait(self) -> bool:
        """Whether it is too early to take what somebody may need."""
        now = time.monotonic()
        since = now if self._hard_since is None else self._hard_since
        return now < max(self._settle_at, since + _DOUBT_SECONDS)

    def _trim(self, decision: Reclaim) -> bool:
        cuts = [(key, trim.up_to) for trim in decision.trims for key in trim.stream_keys]
        scans = [trim.scan_key for trim in decision.trims for _ in trim.stream_keys]
        edges: dict[str, int] = {}
        entries = 0
        for (stream_key, _), scan_key, done in zip(
            cuts, scans, self._store.trim(cuts), strict=True
        ):
            if done is None:
                self._sight.skip(stream_key, StoreUnusable("it is no stream"))
                continue
            entries += done.entries
            edges[scan_key] = max(done.up_to, edges.get(scan_key, 0))
        self._announcer.trimmed(decision.reason, entries)
        self._sight.refresh(self._ledger.streams_of(edges))
        if decision.reason in _FORCED:
            self._settle_at = time.monotonic() + _SETTLE_SECONDS
            self._losses.note(edges)
            return False
        return entries > 0

    def _delete(self, decision: Reclaim) -> None:
        for key in decision.deletions:
            record = self._ledger.scans[key]
            self._store.delete(record.scan)
            record.is_leaving = True
            self._announcer.deleted(key)

    def _sizes(self) -> dict[str, int]:
        """About how many bytes the bundles of streams take that hold data, by their first one."""
        bundles = self._ledger.bundles_with_data()
        keys = [key for bundle in bundles for key in bundle]
        sizes = dict(zip(keys, self._store.sizes(keys), strict=True))
        return {bundle[0]: sum(sizes[key] for key in bundle) for bundle in bundles}
