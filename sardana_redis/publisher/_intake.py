"""Where a scan's thread leaves its points.

Everything here is called from the scan's thread and from ours at the same time without a
lock: Sardana ends macros with asynchronous exceptions, which could strike while a lock is
held. A deque's append and popleft are atomic, and each counter has one writer.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from sardana_redis.model import JSON, StreamSpec

__all__ = ["Doorbell", "Intake", "Row"]

Row = tuple[Any, ...]

_ROW_BYTES = 64
_SCALAR_BYTES = 32
_ARRAY_SHARE = 0.9
"""Arrays may take this share of the buffer: what is left is for the scalars behind them."""


class Doorbell:
    """Wakes the publisher's thread; ringing costs less than a microsecond and never blocks."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[None] = SimpleQueue()
        self.is_rung = False
        self._urgent = False

    def ring(self) -> None:
        """Says that something waits."""
        if not self.is_rung:
            self.is_rung = True
            self._queue.put(None)

    def ring_at_once(self) -> None:
        """Says that something must not wait for more of its kind."""
        self._urgent = True
        self._queue.put(None)

    def wait(self, timeout: float, linger: float) -> float | None:
        """Ends `linger` seconds after the first ring, at once if urgent, or after `timeout`.

        Returns the monotonic time until which nobody rang; None if somebody had before.
        """
        had_rung = not self._queue.empty()
        quiet_until: float | None = None
        try:
            self._queue.get(timeout=max(timeout, 0.0))
            quiet_until = time.monotonic()
            deadline = time.monotonic() + linger
            while not self._urgent:
                self._queue.get(timeout=max(deadline - time.monotonic(), 0.0))
        except Empty:
            quiet_until = quiet_until or time.monotonic()
        while not self._queue.empty():
            self._queue.get_nowait()
        # Reset last, look afterwards: a ring that is missed here finds its row looked at, one
        # that rang since the queue was emptied is heard again. The other way round a ring in
        # between would leave an empty queue that counts as rung, and no later one be heard.
        self.is_rung = False
        self._urgent = False
        return None if had_rung else quiet_until


class Intake:
    """The points of one scan that nobody has encoded yet, and what had to be dropped."""

    def __init__(
        self,
        streams: Sequence[StreamSpec],
        bell: Doorbell,
        *,
        limit_bytes: int,
        batch_bytes: int,
        held_bytes: Callable[[], int],
    ) -> None:
        self.rows: deque[tuple[Row, int]] = deque()
        self.put_bytes = 0
        self.freed_bytes = 0
        self.points = 0
        self.dropped_points = 0
        self.dropped_arrays = 0
        self._bell = bell
        self._limit_bytes = limit_bytes
        self._batch_bytes = batch_bytes
        self._held_bytes = held_bytes
        self._scalar_bytes = _ROW_BYTES + _SCALAR_BYTES * len(streams)
        self._array_reserve_bytes = int((1 - _ARRAY_SHARE) * limit_bytes)
        self._arrays = tuple(i for i, s in enumerate(streams) if s.shape)
        self._texts = tuple(i for i, s in enumerate(streams) if s.dtype == JSON)
        self.varies = bool(self._arrays or self._texts)
        self._ring_at_bytes = batch_bytes
        self._granted_until = 0

    def put(self, row: Row) -> None:
        """Takes one point, or counts what the buffer's limit made it drop."""
        size = self._scalar_bytes
        if self.varies:
            size += self._array_bytes(row) + self._text_bytes(row)
        if self.put_bytes + size > self._granted_until:
            self._put_near_limit(row, size)
        else:
            self._keep(row, size)

    @property
    def held_bytes(self) -> int:
        """Bytes of points that are not confirmed."""
        return self.put_bytes - self.freed_bytes

    @property
    def taken_points(self) -> int:
        """Points that `put` has dealt with: kept or dropped."""
        return self.points + self.dropped_points

    def _keep(self, row: Row, size: int, dropped_arrays: bool = False) -> None:
        # No asynchronous exception can strike between these four lines, but behind `append`.
        self.points += 1
        self.dropped_arrays += dropped_arrays
        self.put_bytes += size
        self.rows.append((row, size))
        if self.put_bytes >= self._ring_at_bytes:
            self._ring_at_bytes = self.put_bytes + self._batch_bytes
            self._bell.ring_at_once()
        elif not self._bell.is_rung:
            self._bell.ring()

    def _put_near_limit(self, row: Row, size: int) -> None:
        """Looks how much room there is; drops the arrays of the point first, then the point."""
        room = self._limit_bytes - self._held_bytes()
        array_bytes = self._array_bytes(row)
        has_no_room = array_bytes > 0 and size > room - self._array_reserve_bytes
        if has_no_room:
            row = tuple(None if i in self._arrays else value for i, value in enumerate(row))
            size -= array_bytes
        if size > room:
            self.dropped_points += 1
            return
        self._granted_until = self.put_bytes + self._grant(room)
        self._keep(row, size, dropped_arrays=has_no_room)

    def _grant(self, room: int) -> int:
        """Bytes that may come without another look at the room: all scans together need some.

        Nothing near the limit, where each byte counts.
        """
        spare = room - self._array_reserve_bytes
        return spare // 16 if spare > self._limit_bytes // 4 else 0

    def _array_bytes(self, row: Row) -> int:
        return sum([_bytes_of(row[i]) for i in self._arrays])

    def _text_bytes(self, row: Row) -> int:
        return sum([len(row[i]) for i in self._texts if isinstance(row[i], str)])


def _bytes_of(value: Any) -> int:
    """What an array takes; of a list roughly, 0 for what stands for a skipped array."""
    nbytes: int | None = getattr(value, "nbytes", None)
    if nbytes is not None or not isinstance(value, list | tuple) or not value:
        return nbytes or 0
    width = len(value[0]) if isinstance(value[0], list | tuple) else 1
    return _SCALAR_BYTES * len(value) * width
