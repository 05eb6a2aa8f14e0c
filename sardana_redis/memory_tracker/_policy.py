"""What leaves Redis when memory runs short, and in which order. Pure.

What all registered writers have written goes first, the oldest of it first, and recent data
only when memory presses. What somebody still needs goes only above the hard threshold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sardana_redis.memory_tracker._snapshot import Limits, ScanFacts, Snapshot, StreamFacts

__all__ = ["STEP_PERCENT", "Reason", "Reclaim", "Trim", "reclaim"]

STEP_PERCENT = 5.0
"""So much of maxmemory goes at once of what is still needed."""

_LEAST_AGE_OF_DELETION_SECONDS = 600.0
"""So long a publisher retains a closed scan, and would publish it again if Redis lost it."""


class Reason(StrEnum):
    """Why something is trimmed, or nothing is."""

    ENOUGH = "enough memory"
    WRITTEN = "written"
    UNREAD = "unread"
    PROTECTED = "protected history"
    SCANS = "finished scans"
    TOO_RECENT = "too recent"
    NEEDED = "needed by a writer"
    NOTHING_LEFT = "nothing left"


@dataclass(frozen=True, slots=True)
class Trim:
    """Of these streams the entries that lie wholly below the point `up_to` go."""

    scan_key: str
    stream_keys: tuple[str, ...]
    up_to: int


@dataclass(frozen=True, slots=True)
class Reclaim:
    """What to do about memory: trims, or closed scans to be deleted, or nothing, and why.

    `needed_by` names the writers that keep data from being trimmed.
    """

    reason: Reason
    trims: tuple[Trim, ...] = ()
    deletions: tuple[str, ...] = ()
    needed_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stream that can be trimmed: points below `up_to` may go."""

    scan: ScanFacts
    stream: StreamFacts
    up_to: int


def reclaim(snapshot: Snapshot, limits: Limits) -> Reclaim:
    """The next step against a memory that is too full; its trims always free something."""
    if snapshot.used_percent < limits.cleaning_threshold:
        return Reclaim(Reason.ENOUGH)
    is_hard = snapshot.used_percent >= limits.hard_threshold
    written = list(_written(snapshot))
    ready = written
    if not (is_hard and snapshot.positions):
        ready = _oldest_slice(snapshot, limits, written)
    if ready:
        return Reclaim(Reason.WRITTEN, _trims(ready))
    if snapshot.used_percent >= limits.pressing_threshold and (
        finished := _finished_scans(snapshot, limits)
    ):
        return Reclaim(Reason.SCANS, deletions=finished)
    if is_hard and (step := _forced_step(snapshot)):
        return Reclaim(Reason.UNREAD if snapshot.positions else Reason.PROTECTED, _trims(step))
    if written:
        return Reclaim(Reason.TOO_RECENT)
    needed_by = _needed_by(snapshot)
    return Reclaim(Reason.NEEDED if needed_by else Reason.NOTHING_LEFT, needed_by=needed_by)


def _written(snapshot: Snapshot) -> Iterator[_Piece]:
    """What no registered writer needs any more, whatever its age."""
    for scan in snapshot.scans:
        floor = snapshot.floor(scan)
        for stream in scan.streams:
            up_to = min(floor, stream.limit)
            if _frees_something(stream, up_to):
                yield _Piece(scan, stream, up_to)


def _oldest_slice(snapshot: Snapshot, limits: Limits, pieces: list[_Piece]) -> list[_Piece]:
    """The oldest share of the history that these pieces cover, without what is protected."""
    is_pressing = bool(snapshot.positions) and snapshot.used_percent >= limits.pressing_threshold
    protected_seconds = 0.0 if is_pressing else limits.protected_history
    latest = snapshot.now_ms - int(protected_seconds * 1000)
    # An entry can go when the time is over at which its last point was there.
    first_times = [
        sample.time_ms
        for piece in pieces
        for sample in piece.stream.samples
        if piece.stream.first_end <= sample.end
    ]
    if not first_times:
        return []
    origin = min(first_times)
    share = (snapshot.now_ms - origin) * limits.cleaning_time_slice / 100
    horizon = min(origin + int(share), latest)
    aged = (
        _Piece(piece.scan, piece.stream, min(piece.up_to, piece.stream.end_at(horizon)))
        for piece in pieces
    )
    return [piece for piece in aged if _frees_something(piece.stream, piece.up_to)]


def _forced_step(snapshot: Snapshot) -> list[_Piece]:
    """The oldest data, needed or not, as much as one step frees; at least one entry."""
    to_free = snapshot.maximum_bytes * STEP_PERCENT / 100
    step: list[_Piece] = []
    for scan in snapshot.scans:
        pieces = [
            _Piece(scan, stream, stream.limit)
            for stream in scan.streams
            if _frees_something(stream, stream.limit)
        ]
        if not pieces:
            continue
        size = _size(snapshot, pieces)
        if size > to_free:
            return step + _cut(pieces, to_free / size, must_free=not step)
        step += pieces
        to_free -= size
    return step


def _cut(pieces: list[_Piece], share: float, *, must_free: bool) -> list[_Piece]:
    """That share of a scan's data; streams of one length are cut at one point."""
    begin = min(piece.stream.first / piece.stream.end for piece in pieces)
    until = begin + share * (1 - begin)
    cut = [
        _Piece(piece.scan, piece.stream, min(piece.up_to, int(until * piece.stream.end)))
        for piece in pieces
    ]
    kept = [piece for piece in cut if _frees_something(piece.stream, piece.up_to)]
    if kept or not must_free:
        return kept
    return [_Piece(piece.scan, piece.stream, piece.stream.first_end) for piece in pieces]


def _size(snapshot: Snapshot, pieces: list[_Piece]) -> float:
    """About how many bytes the pieces take; all of Redis where a stream's size is not known."""
    if not all(piece.stream.size_bytes for piece in pieces):
        return snapshot.maximum_bytes
    shares = (
        (piece.up_to - piece.stream.first) / (piece.stream.end - piece.stream.first)
        for piece in pieces
    )
    return sum(s * piece.stream.size_bytes for s, piece in zip(shares, pieces, strict=True))


def _finished_scans(snapshot: Snapshot, limits: Limits) -> tuple[str, ...]:
    """The oldest twentieth of the closed scans that nobody needs; none while others leave."""
    age_seconds = max(limits.protected_history, _LEAST_AGE_OF_DELETION_SECONDS)
    latest = snapshot.now_ms - age_seconds * 1000
    if any(scan.is_leaving for scan in snapshot.scans):
        return ()
    finished = [
        scan.key
        for scan in snapshot.scans
        if scan.is_closed and scan.active_ms <= latest and not snapshot.waiting_for(scan)
    ]
    return tuple(finished[: -(-len(finished) // 20)])


def _frees_something(stream: StreamFacts, up_to: int) -> bool:
    """Whether a whole entry lies below the point, and none of the stream's end with it."""
    return stream.first < stream.first_end <= min(up_to, stream.limit)


def _needed_by(snapshot: Snapshot) -> tuple[str, ...]:
    """The writers for whose sake something stays that could be trimmed."""
    ready = [
        (scan, stream.first_end)
        for scan in snapshot.scans
        for stream in scan.streams
        if _frees_something(stream, stream.limit)
    ]
    return tuple(
        writer
        for writer in snapshot.positions
        if any(snapshot.needs(writer, scan) < first_end for scan, first_end in ready)
    )


def _trims(pieces: list[_Piece]) -> tuple[Trim, ...]:
    return tuple(
        Trim(piece.scan.key, (piece.stream.key, *piece.stream.members), piece.up_to)
        for piece in pieces
    )
