"""What there is in Redis: scans, their states, their streams, the writers' positions."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence

from sardana_redis.errors import ScanUnreadableError, StoreError
from sardana_redis.log import get_logger
from sardana_redis.memory_tracker._book import WriterBook
from sardana_redis.memory_tracker._ledger import Ledger
from sardana_redis.memory_tracker._lines import deleted_line, tracking_line
from sardana_redis.memory_tracker._snapshot import Positions, Snapshot
from sardana_redis.store import Memory, StreamStanding, TrackStore

__all__ = ["Sight"]

_LONGEST_LOOK_SECONDS = 0.02
_STREAMS_A_LOOK = 200

_log = get_logger(__name__)


class Sight:
    """Looks at Redis and keeps the ledger.

    What makes no sense is left alone, with one line in the log. `book` has what writers
    reported. Every method may raise StoreUnavailable.
    """

    def __init__(self, store: TrackStore, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger
        self._skipped: set[str] = set()
        self._due: deque[tuple[str, str]] = deque()
        self._history = "0-0"
        self.book = WriterBook(store, self.skip)

    def begin(self, *, anew: bool) -> None:
        """Finds all scans on a new connection; `anew` forgets what was known of them."""
        if anew:
            # What a restarted server kept may have other edges than what was seen.
            self._ledger.scans.clear()
            self._skipped.clear()
        self._ledger.forgive_silence(time.monotonic())
        self._history = self._store.history_end()
        self._track(self._store.scan_keys())
        self.book.reread()

    def look_for_births(self) -> None:
        """Begins to track the scans that were born since the last look."""
        self._history, born = self._store.wait(self._history, {}, 0)
        for key in self._track(born):
            _log.info(tracking_line(key), scan=key)

    def follow_states(self) -> None:
        """Takes the states of all open scans; of one that changed its streams as well."""
        self._take_states([record.scan.key for record in self._ledger.open_scans()])

    def look_for_heartbeats(self) -> None:
        """Takes whether the publishers of the open scans live."""
        keys = [record.scan.key for record in self._ledger.open_scans()]
        now = time.monotonic()
        for key, age in zip(keys, self._store.heartbeats(keys), strict=True):
            self._ledger.note_heartbeat(key, age, now=now)

    def look_for_the_gone(self, keys: Sequence[str]) -> list[str]:
        """Ends tracking those of the scans that were deleted, or have expired."""
        gone = []
        for key, seconds in zip(keys, self._store.seconds_to_live(keys), strict=True):
            record = self._ledger.scans[key]
            if seconds is not None:
                record.expires = seconds >= 0
            elif not record.is_leaving or not self._store.tracked([key]):
                self._ledger.remove(key)
                gone.append(key)
                _log.info(deleted_line(key), scan=key)
        return gone

    def refresh(self, streams: Sequence[tuple[str, str]]) -> None:
        """Looks how far these streams are, given with their scans."""
        replies = self._store.standings([stream_key for _, stream_key in streams])
        good: list[tuple[str, str, StreamStanding]] = []
        for (key, stream_key), reply in zip(streams, replies, strict=True):
            if isinstance(reply, StoreError):
                self._ledger.drop_stream(stream_key)
                self.skip(stream_key, reply)
            else:
                good.append((key, stream_key, reply))
        self._ledger.note_standings(good, self._store.now_ms())

    def look_at_all(self) -> None:
        """Looks how far all streams are that may grow: some of them now, more at each call.

        2,000 streams of another publisher take 80 ms, in which nothing else would be seen.
        """
        if not self._due:
            self._due.extend(self._ledger.unsealed_streams())
        self.look_further()

    def look_further(self) -> None:
        """Goes on with a look at all streams, for a short while."""
        until = time.monotonic() + _LONGEST_LOOK_SECONDS
        while self._due and time.monotonic() < until:
            some = [self._due.popleft() for _ in range(min(len(self._due), _STREAMS_A_LOOK))]
            self.refresh([pair for pair in some if self._ledger.has_stream(*pair)])

    def look_at_leads(self) -> None:
        """Looks how many points the open scans have, and how far writers are with all of them."""
        self.refresh(self._ledger.open_leads())
        self.book.look(self._ledger.scans)

    def positions(self) -> Positions:
        """All that the registered writers reported."""
        self.book.reread()
        return self.book.positions

    def snapshot(
        self, memory: Memory, positions: Positions, sizes: Mapping[str, int] | None = None
    ) -> Snapshot:
        """All that is known now."""
        scans = self._ledger.facts(time.monotonic(), sizes or {})
        return Snapshot(self._store.now_ms(), memory.used, memory.maximum, scans, positions)

    def is_skipped(self, what: str) -> bool:
        """Whether something is left alone."""
        return what in self._skipped

    def skip(self, what: str, error: Exception) -> None:
        """Leaves something alone that makes no sense, with one line in the log."""
        if what not in self._skipped:
            self._skipped.add(what)
            _log.warning("Skipped what cannot be read", what=what, error=str(error))

    def _track(self, keys: Sequence[str]) -> list[str]:
        """Begins to track scans; returns the keys of those that were not tracked before."""
        new = [key for key in keys if key not in self._ledger.scans and key not in self._skipped]
        now_ms = self._store.now_ms()
        added = []
        for key, scan in self._store.tracked(new).items():
            if isinstance(scan, ScanUnreadableError):
                self.skip(key, scan)
            else:
                self._ledger.add(scan, now_ms)
                added.append(key)
        self._take_states(added, changed=added)
        return added

    def _take_states(self, keys: Sequence[str], changed: Collection[str] = ()) -> None:
        scans = self._ledger.scans
        looked_at = set(changed)
        states = self._store.last_states([scans[key].scan for key in keys])
        for key, state in zip(keys, states, strict=True):
            if isinstance(state, StoreError):
                self._ledger.remove(key)
                self.skip(key, state)
            elif state is not None and self._ledger.note_state(key, state, is_new=key in changed):
                looked_at.add(key)
        self.refresh(self._ledger.streams_of(looked_at))
