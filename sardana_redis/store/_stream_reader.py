"""One stream, read entry by entry from a point on: what came, what is missing, where it ends.

Pure: it makes commands and takes replies. Entries may overlap or have other edges than
before, because a publisher sent them again; each point is handed out once.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgpack
import numpy as np

from sardana_redis.keys import SEAL_ID
from sardana_redis.model import JSON
from sardana_redis.store._followed import FollowedStream, Values
from sardana_redis.store._link import Command

__all__ = ["ENTRY_BYTES", "StreamReader"]

ENTRY_BYTES = 200
"""About what an entry costs beside its payload, here and on its way."""


@dataclass(slots=True)
class _Run:
    """Consecutive points up to `end`; of a gap there is nothing, else payloads not yet decoded."""

    end: int
    is_gap: bool
    payloads: list[tuple[bytes, int, int]] = field(default_factory=list)
    decoded: Values | None = None


class StreamReader:
    """Reads a stream from the point `first` on.

    `first` is the next point to take, `end` the one behind the last that came; `sealed` is
    the stream's final length once that is known. `payload_bytes` and `entries` count what came.
    """

    def __init__(
        self, stream: FollowedStream, first: int = 0, *, keeps_times: bool = False
    ) -> None:
        self.stream = stream
        self.first = first
        self.end = first
        self.sealed: int | None = None
        self.payload_bytes = 0
        self.entries = 0
        self.times: deque[tuple[int, int]] = deque()
        self._points = 0
        self._keeps_times = keeps_times
        self._last_id: bytes | None = None
        self._runs: deque[_Run] = deque()
        self._decode = _decoder(stream)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more can come."""
        return self.sealed is not None and self.end >= self.sealed

    @property
    def must_look(self) -> bool:
        """Whether the next reading has to find its place anew."""
        return self._last_id is None

    @property
    def last_id(self) -> bytes:
        """The id behind which news of the stream comes, for XREAD."""
        return self._last_id or f"{self.end}-0".encode()

    def look_again(self) -> None:
        """Makes the next reading look for the place anew: Redis may have lost what it had."""
        self._last_id = None
        self.sealed = None

    def end_here(self) -> None:
        """Takes the stream for ended: nobody will write into it or seal it."""
        if self.sealed is None:
            self.sealed = self.end

    @property
    def held_bytes(self) -> int:
        """About how many bytes the points take that came and were not taken yet."""
        share = (self.end - self.first) / max(1, self._points)
        return int((self.payload_bytes + ENTRY_BYTES * self.entries) * min(1.0, share))

    def commands(self, count: int) -> list[Command]:
        """What to ask Redis for: one command as a rule, two where the place must be found.

        The later entries come first: whatever they show, those before them were there by then.
        """
        if self.has_ended:
            return []
        key = self.stream.key
        if self._last_id is not None:
            return [("XRANGE", key, b"(" + self._last_id, "+", "COUNT", count)]
        return [
            ("XRANGE", key, self.end + 1, "+", "COUNT", count),
            ("XREVRANGE", key, self.end, "-", "COUNT", 1),
        ]

    def feed(self, replies: Sequence[list[Any]]) -> int:
        """Takes the replies to `commands`; returns how many entries there were."""
        if not replies:
            return 0
        looked = len(replies) == 2
        entries = [*replies[1], *replies[0]] if looked else replies[0]
        for number, (entry_id, flat) in enumerate(entries):
            index = int(entry_id.partition(b"-")[0])
            fields = dict(zip(flat[::2], flat[1::2], strict=True))
            is_seal = index == SEAL_ID
            first = int(fields[b"id"]) if is_seal else index
            if first > self.end:
                if not looked and number == 0:
                    # A publisher that sent entries again may have given them other edges.
                    self._last_id = None
                    return 0
                self._add_gap(first)
            if is_seal:
                self.sealed = first
            else:
                self._add(first, fields)
            self._last_id = entry_id
        return len(entries)

    def run(self) -> tuple[bool, int]:
        """Whether the next points are a gap, and how many of that kind there are."""
        if not self._runs:
            return True, 0
        head = self._runs[0]
        return head.is_gap, head.end - self.first

    def take(self, length: int) -> Values | None:
        """The next `length` points, which have to be of one kind; None for a gap."""
        run = self._runs[0]
        values: Values | None = None
        if not run.is_gap:
            values = self._decoded(run)
            if len(values) > length:
                run.decoded, values = values[length:], values[:length]
            else:
                run.decoded = None
        self.first += length
        if self.first >= run.end:
            self._runs.popleft()
        return values

    def oldest_time(self, written: int) -> int | None:
        """Redis' time in ms of the oldest entry that has a point from `written` on."""
        while self.times and self.times[0][0] <= written:
            self.times.popleft()
        return self.times[0][1] if self.times else None

    def _decoded(self, run: _Run) -> Values:
        if run.payloads:
            came = self._decode(run.payloads)
            run.payloads = []
            run.decoded = came if run.decoded is None else _joined(run.decoded, came)
        return run.decoded if run.decoded is not None else []

    def _add_gap(self, first: int) -> None:
        if self._runs and self._runs[-1].is_gap:
            self._runs[-1].end = first
        else:
            self._runs.append(_Run(first, is_gap=True))
        self.end = first

    def _add(self, first: int, fields: dict[bytes, bytes]) -> None:
        length = int(fields.get(b"len", 1))
        payload = fields[b"payload"]
        self.entries += 1
        self.payload_bytes += len(payload)
        self._points += length
        if first + length <= self.end:
            return
        if not self._runs or self._runs[-1].is_gap:
            self._runs.append(_Run(self.end, is_gap=False))
        run = self._runs[-1]
        run.payloads.append((payload, length, self.end - first))
        run.end = self.end = first + length
        if self._keeps_times and b"t" in fields:
            self.times.append((self.end, int(fields[b"t"])))


def _joined(one: Values, other: Values) -> Values:
    if not (isinstance(one, np.ndarray) and isinstance(other, np.ndarray)):
        return [*one, *other]
    same = one.shape[1:] == other.shape[1:]
    return np.concatenate((one, other)) if same else [*one, *other]


def _decoder(stream: FollowedStream) -> Any:
    if stream.dtype == JSON:
        return _decode_json
    dtype = np.dtype(stream.dtype)
    if -1 in stream.shape:
        return lambda payloads: _decode_free(payloads, dtype)
    return lambda payloads: _decode_fixed(payloads, dtype, stream.shape)


def _decode_json(payloads: list[tuple[bytes, int, int]]) -> Values:
    return [json.loads(payload) for payload, _, _ in payloads]


def _decode_fixed(
    payloads: list[tuple[bytes, int, int]], dtype: np.dtype[Any], shape: tuple[int, ...]
) -> Values:
    size = dtype.itemsize * int(np.prod(shape, dtype=int))
    data = b"".join(payload[skip * size :] for payload, _, skip in payloads)
    return np.frombuffer(data, dtype).reshape(-1, *shape)


def _decode_free(payloads: list[tuple[bytes, int, int]], dtype: np.dtype[Any]) -> Values:
    parts = []
    for payload, length, skip in payloads:
        shape, data = msgpack.unpackb(payload)
        parts.append(np.frombuffer(data, dtype).reshape(length, *shape)[skip:])
    if all(part.shape[1:] == parts[0].shape[1:] for part in parts):
        return np.concatenate(parts)
    return [point for part in parts for point in part]
