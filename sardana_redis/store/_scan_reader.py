"""A scan, read in rows: what all of its streams have of the same points. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sardana_redis.keys import POINT_NUMBER_STREAM
from sardana_redis.store._followed import Chunk, FollowedScan, FollowedStream, Gap, Values
from sardana_redis.store._link import Command
from sardana_redis.store._stream_reader import ENTRY_BYTES, StreamReader

__all__ = ["ScanReader", "lead_stream"]

_FIRST_COUNT = 4
"""Entries of the first reading, when nobody knows their size: a batch of ours has 1 MiB at most."""

_MOST_COUNT = 20_000
_READ_BYTES = 4 * 2**20
"""As much Redis holds twice for a moment, in the streams and in its reply."""

_MOST_HELD_BYTES = 64 * 2**20


def lead_stream(streams: Sequence[FollowedStream]) -> FollowedStream | None:
    """The stream that tells how far a scan is: that of the point numbers, else the first."""
    numbers = (stream for stream in streams if stream.name == POINT_NUMBER_STREAM)
    return next(numbers, streams[0] if streams else None)


class ScanReader:
    """Reads the streams `names` of a scan from the point `first` on.

    `first` is the next point to be taken. Commands and replies pass in the order in which
    `commands` gave them.
    """

    def __init__(self, scan: FollowedScan, names: Iterable[str], first: int = 0) -> None:
        wanted = frozenset(names)
        self.scan = scan
        self.first = first
        self._readers = [
            StreamReader(stream, first, keeps_times=stream.name == POINT_NUMBER_STREAM)
            for stream in scan.streams
            if stream.name in wanted
        ]
        self._sent: list[int] = []
        self._dry: list[StreamReader] = []
        self._count = _FIRST_COUNT
        self._has_more = True

    @property
    def lead(self) -> StreamReader | None:
        """The stream whose news wakes a follower."""
        stream = lead_stream([reader.stream for reader in self._readers])
        return next((reader for reader in self._readers if reader.stream is stream), None)

    @property
    def has_more(self) -> bool:
        """Whether Redis had more at the last reading than was asked for."""
        return self._has_more

    @property
    def has_ended(self) -> bool:
        """Whether all streams are sealed and all their points were taken."""
        return all(reader.has_ended and reader.first >= reader.end for reader in self._readers)

    @property
    def length(self) -> int:
        """How many points have come, of the stream that has most."""
        return max((reader.end for reader in self._readers), default=self.first)

    def look_again(self) -> None:
        """Makes the next reading find its place anew, after a connection was lost."""
        self._has_more = True
        for reader in self._readers:
            reader.look_again()

    def end_here(self) -> None:
        """Takes the streams for ended that had no more at the last reading and have no seal."""
        for reader in self._dry:
            reader.end_here()

    def commands(self) -> list[Command]:
        """What to ask Redis for: where much is held, only the streams that all others wait for."""
        slowest = min((r.end for r in self._readers if not r.has_ended), default=0)
        is_full = sum(reader.held_bytes for reader in self._readers) > _MOST_HELD_BYTES
        parts = [
            [] if is_full and reader.end > slowest else reader.commands(self._count)
            for reader in self._readers
        ]
        self._sent = [len(part) for part in parts]
        return [command for part in parts for command in part]

    def feed(self, replies: Sequence[Any]) -> None:
        """Takes the replies to the last `commands`."""
        self._has_more = False
        self._dry = []
        at = 0
        for reader, sent in zip(self._readers, self._sent, strict=True):
            came = reader.feed(replies[at : at + sent])
            at += sent
            has_more = came >= self._count or (sent == 1 and reader.must_look)
            self._has_more |= has_more
            if sent and not has_more:
                self._dry.append(reader)
        self._count = self._next_count()

    def take(self, most: int) -> Chunk | Gap | None:
        """The next points, as far as all streams have them, at most so many; None: wait.

        A gap comes as a whole, however long it is. A stream that is sealed holds up no other
        that has more points.
        """
        runs = [reader.run() for reader in self._readers]
        lengths: list[int] = []
        some_have = False
        for reader, (is_gap, run) in zip(self._readers, runs, strict=True):
            if run == 0:
                if not reader.has_ended:
                    return None
                continue
            lengths.append(run)
            some_have |= not is_gap
        if not lengths:
            return None
        length = min(lengths)
        if some_have:
            length = min(length, most)
        first = self.first
        self.first += length
        values: dict[str, Values] = {}
        for reader, (_, run) in zip(self._readers, runs, strict=True):
            came = reader.take(length) if run else None
            if came is not None:
                values[reader.stream.name] = came
        return Chunk(first, length, values) if some_have else Gap(first, length)

    def oldest_time(self, written: int) -> int | None:
        """Redis' time in ms of the oldest entry that came and has a point from `written` on."""
        lead = self.lead
        return None if lead is None else lead.oldest_time(written)

    def _next_count(self) -> int:
        """So many entries of each stream as make about 4 MiB in all."""
        entries = sum(reader.entries for reader in self._readers)
        if not entries:
            return self._count
        bytes_ = sum(reader.payload_bytes for reader in self._readers)
        row = (bytes_ / entries + ENTRY_BYTES) * len(self._readers)
        return max(1, min(_MOST_COUNT, int(_READ_BYTES / row)))
