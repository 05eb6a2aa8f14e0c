"""What the tracker knows at one moment, in frozen data: all that its decisions depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sardana_redis.model import ScanState, WriterProgress, WriterScanState

__all__ = ["Limits", "Positions", "Sample", "ScanFacts", "Snapshot", "StreamFacts"]

Positions = Mapping[str, Mapping[str, WriterProgress]]
"""Of each registered writer, what it reported, by the scan's key."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When to do what: shares of maxmemory and of history in percent, times in seconds."""

    cleaning_threshold: float = 80.0
    hard_threshold: float = 95.0
    protected_history: float = 180.0
    cleaning_time_slice: float = 20.0
    inactive_scan_deletion: float = 86_400.0
    closed_scan_deletion: float = 604_800.0
    orphan_timeout: float = 600.0

    @property
    def pressing_threshold(self) -> float:
        """From here on written data go whatever their age: halfway to the hard threshold."""
        return (self.cleaning_threshold + self.hard_threshold) / 2


@dataclass(frozen=True, slots=True)
class Sample:
    """At `time_ms` of Redis' clock a stream had `end` points."""

    time_ms: int
    end: int


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """A stream, by the edges of its entries; `members` are cut with it, at the same point.

    Its first entry holds the points `first` to `first_end - 1`, its last one `last_first` to
    `end - 1`. All four are the stream's length where it holds no data. `samples` are in the
    order of time; `size_bytes`, of all members as well, is 0 where nobody
    asked.
    """

    key: str
    first: int
    first_end: int
    last_first: int
    end: int
    is_sealed: bool
    samples: tuple[Sample, ...] = ()
    size_bytes: int = 0
    members: tuple[str, ...] = ()

    @property
    def limit(self) -> int:
        """No point from here on may ever be trimmed: the last entry holds an open stream's end."""
        return self.end if self.is_sealed else self.last_first

    def end_at(self, time_ms: int) -> int:
        """How many points the stream had at that time at least, as far as is known."""
        return max((s.end for s in self.samples if s.time_ms <= time_ms), default=0)


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """A scan; times are of Redis' clock.

    `silent_seconds`: how long ago its publisher showed for the last time that it lives, or that
    nobody could have heard it; None while its heartbeat is there. `expires`: its expiry was set
    before. `is_leaving`: it was deleted, which takes Redis a few seconds.
    """

    key: str
    publisher: str
    state: ScanState
    active_ms: int
    streams: tuple[StreamFacts, ...] = ()
    silent_seconds: float | None = 0.0
    expires: bool = False
    is_leaving: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether nothing can come any more."""
        return self.state is ScanState.CLOSED

    @property
    def end(self) -> int:
        """The length of its longest stream."""
        return max((stream.end for stream in self.streams), default=0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of it; `scans` are in the order of their births."""

    now_ms: int
    used_bytes: int
    maximum_bytes: int
    scans: tuple[ScanFacts, ...] = ()
    positions: Positions = field(default_factory=dict)

    @property
    def used_percent(self) -> float:
        """How full Redis is, in percent."""
        return 100 * self.used_bytes / self.maximum_bytes

    def floor(self, scan: ScanFacts) -> int:
        """The first point that some registered writer still needs; the scan's end if none does."""
        return min((self.needs(writer, scan) for writer in self.positions), default=scan.end)

    def waiting_for(self, scan: ScanFacts) -> tuple[str, ...]:
        """The registered writers that have not finished a scan."""
        return tuple(
            name
            for name, done in self.positions.items()
            if scan.key not in done or done[scan.key].state is WriterScanState.OPEN
        )

    def needs(self, writer: str, scan: ScanFacts) -> int:
        """The first point that a registered writer still needs; the scan's end if none."""
        progress = self.positions[writer].get(scan.key)
        if progress is None:
            return 0
        return progress.points if progress.state is WriterScanState.OPEN else scan.end
