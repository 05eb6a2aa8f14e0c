"""What the tracker has seen of scans and streams, from one look at Redis to the next. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sardana_redis.keys import PUBLISHER
from sardana_redis.memory_tracker._snapshot import Sample, ScanFacts, StreamFacts
from sardana_redis.model import ScanState
from sardana_redis.store import LastState, StreamStanding, TrackedScan

__all__ = ["Ledger", "ScanRecord", "StreamRecord"]

_MOST_SAMPLES = 64
_SAMPLE_SECONDS = 1.0


@dataclass(slots=True)
class StreamRecord:
    """A stream as it was seen, from one look to the next."""

    key: str
    members: tuple[str, ...] = ()
    standing: StreamStanding = field(default_factory=StreamStanding)
    samples: list[Sample] = field(default_factory=list)
    _facts: StreamFacts | None = None

    def facts(self) -> StreamFacts:
        """The stream for the policy; made anew only after a change."""
        if self._facts is None:
            now = self.standing
            useful = tuple(sample for sample in self.samples if sample.end >= now.first_end)
            self._facts = StreamFacts(
                self.key,
                now.first,
                now.first_end,
                now.last_first,
                now.end,
                now.is_sealed,
                useful,
                members=self.members,
            )
        return self._facts

    def note(self, standing: StreamStanding, time_ms: int) -> bool:
        """Takes a standing; returns whether the stream grew since the last one."""
        if standing.end < self.standing.end:
            self.samples.clear()  # Redis lost data, and what follows may have other edges
        has_grown = not self.samples or standing.end > self.samples[-1].end
        self.standing = standing
        self._facts = None
        if has_grown:
            self._add(Sample(time_ms, standing.end))
        return has_grown

    def _add(self, sample: Sample) -> None:
        last = self.samples[-2].time_ms if len(self.samples) > 1 else 0
        if sample.time_ms - last < _SAMPLE_SECONDS * 1000:
            # Of looks in quick succession one a second is enough; a later time is the safe side.
            self.samples[-1] = sample
        else:
            self.samples.append(sample)
        if len(self.samples) > _MOST_SAMPLES:
            del self.samples[1:-1:2]


@dataclass(slots=True)
class ScanRecord:
    """A scan that is tracked; times are of Redis' clock, `silent_since` of the process's."""

    scan: TrackedScan
    active_ms: int
    state: ScanState = ScanState.CREATED
    streams: dict[str, StreamRecord] = field(default_factory=dict)
    lives: bool = False
    silent_since: float | None = None
    expires: bool = False
    is_leaving: bool = False

    @property
    def lead(self) -> StreamRecord | None:
        """The stream that a writer's position is counted on."""
        return None if self.scan.lead is None else self.streams.get(self.scan.lead)

    @property
    def is_closed(self) -> bool:
        """Whether the scan is closed."""
        return self.state is ScanState.CLOSED


class Ledger:
    """All scans that are tracked, by their key; `closed` are those that were seen to close."""

    def __init__(self) -> None:
        self.scans: dict[str, ScanRecord] = {}
        self.closed: list[str] = []
        self._deaf_until = 0.0

    def add(self, scan: TrackedScan, now_ms: int) -> None:
        """Begins to track a scan, unless it is tracked."""
        if scan.key not in self.scans:
            record = ScanRecord(scan, now_ms)
            record.streams = {stream.key: stream for stream in _bundles(scan)}
            self.scans[scan.key] = record

    def remove(self, key: str) -> bool:
        """Ends tracking a scan; returns whether it was tracked."""
        return self.scans.pop(key, None) is not None

    def drop_stream(self, stream_key: str) -> bool:
        """Leaves a stream alone from now on; returns whether it was one of a tracked scan."""
        found = [r for r in self.scans.values() if r.streams.pop(stream_key, None) is not None]
        return bool(found)

    def note_state(self, key: str, state: LastState, *, is_new: bool = False) -> bool:
        """Takes a scan's state, its first one if `is_new`; returns whether it has changed."""
        record = self.scans[key]
        has_changed = record.state is not state.state
        record.state = state.state
        if record.is_closed:
            record.active_ms = state.time_ms
            if has_changed and not is_new:
                self.closed.append(key)
        return has_changed

    def note_heartbeat(self, key: str, age: float | None, *, now: float) -> None:
        """Takes how old a scan's heartbeat is, None for none; `now` is monotonic, in seconds."""
        record = self.scans[key]
        record.lives = age is not None
        if age is not None:
            record.silent_since = max(now - age, self._deaf_until)
        elif record.silent_since is None:
            record.silent_since = now

    def forgive_silence(self, now: float) -> None:
        """Makes every wait for a heartbeat begin anew: nobody could have been heard until now."""
        self._deaf_until = now
        for record in self.scans.values():
            record.silent_since = None

    def note_standings(
        self, standings: Sequence[tuple[str, str, StreamStanding]], now_ms: int
    ) -> None:
        """Takes the standings of streams, each with the keys of its scan and of the stream."""
        stamps = {key: standing.stamp_ms for key, _, standing in standings if standing.stamp_ms}
        for key, stream_key, standing in standings:
            record = self.scans[key]
            stream = record.streams[stream_key]
            time_ms = now_ms
            if not stream.samples:
                # Seen for the first time: what is known of its age counts.
                known = record.active_ms if record.is_closed else stamps.get(key, now_ms)
                time_ms = min(known, now_ms)
            if stream.note(standing, time_ms) and not record.is_closed:
                record.active_ms = max(record.active_ms, time_ms)

    def streams_of(self, keys: Iterable[str]) -> list[tuple[str, str]]:
        """The streams of those scans that are tracked, each with its scan."""
        return [
            (key, stream) for key in keys if key in self.scans for stream in self.scans[key].streams
        ]

    def has_stream(self, key: str, stream_key: str) -> bool:
        """Whether the stream is tracked as one of that scan."""
        return key in self.scans and stream_key in self.scans[key].streams

    def unsealed_streams(self) -> list[tuple[str, str]]:
        """The streams that may grow, each with its scan."""
        return [
            (key, stream.key)
            for key, record in self.scans.items()
            for stream in record.streams.values()
            if not stream.standing.is_sealed
        ]

    def open_leads(self) -> list[tuple[str, str]]:
        """The streams of point numbers of open scans, each with its scan."""
        return [
            (record.scan.key, lead.key)
            for record in self.scans.values()
            if (lead := record.lead) and not lead.standing.is_sealed
        ]

    def bundles_with_data(self) -> list[tuple[str, ...]]:
        """The streams that hold more than a seal, with those that are cut with them."""
        return [
            (stream.key, *stream.members)
            for record in self.scans.values()
            for stream in record.streams.values()
            if stream.standing.first_end > stream.standing.first
        ]

    def open_scans(self) -> list[ScanRecord]:
        """The scans that are not closed."""
        return [record for record in self.scans.values() if not record.is_closed]

    def states(self) -> Counter[ScanState]:
        """How many scans there are in each state."""
        return Counter(record.state for record in self.scans.values())

    def facts(self, now: float, sizes: Mapping[str, int]) -> tuple[ScanFacts, ...]:
        """All scans in the order of their births; their keys begin with the time of it."""
        return tuple(_facts(self.scans[key], now, sizes) for key in sorted(self.scans))


def _bundles(scan: TrackedScan) -> list[StreamRecord]:
    """The streams to look at; those that are cut at the same points are one bundle.

    Our publisher sends a batch of points to all streams of a scan in one transaction, and no
    entry of another stream is longer than that of the point numbers.
    """
    if scan.publisher != PUBLISHER or scan.lead is None:
        return [StreamRecord(key) for key in scan.stream_keys]
    others = tuple(key for key in scan.stream_keys if key != scan.lead)
    return [StreamRecord(scan.lead, others)]


def _facts(record: ScanRecord, now: float, sizes: Mapping[str, int]) -> ScanFacts:
    silent_since = now if record.silent_since is None else record.silent_since
    streams = (stream.facts() for stream in record.streams.values())
    return ScanFacts(
        key=record.scan.key,
        publisher=record.scan.publisher,
        state=record.state,
        active_ms=record.active_ms,
        streams=tuple(
            replace(stream, size_bytes=sizes[stream.key]) if stream.key in sizes else stream
            for stream in streams
        ),
        silent_seconds=None if record.lives else now - silent_since,
        expires=record.expires,
        is_leaving=record.is_leaving,
    )
