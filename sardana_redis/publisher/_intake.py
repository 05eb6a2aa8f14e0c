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

__all__ = ["Doorbell", "Intake"]

Row = tuple[Any, ...]

_ROW_BYTES = 64
_SCALAR_BYTES = 32
_ARRAY_SHARE = 0.9
"""Arrays may take this share of the buffer: what is left is for the scalars behind them."""


class Doorbell:
    """Wakes the publisher's thread; ringing costs less than a microsecond and never blocks."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[None] = SimpleQueue()
        self._rung = False
        self._urgent = False

    def ring(self) -> None:
        """Says that something waits."""
        if not self._rung:
            self._rung = True
            self._queue.put(None)

    def ring_at_once(self) -> None:
        """Says that something must not wait for more of its kind."""
        self._urgent = True
        self._queue.put(None)

    def wait(self, timeout: float, linger: float) -> None:
        """Returns `linger` seconds after the first ring, at once if urgent, or after `timeout`."""
        try:
            self._queue.get(timeout=max(timeout, 0.0))
            deadline = time.monotonic() + linger
            while not self._urgent:
                self._queue.get(timeout=max(deadline - time.monotonic(), 0.0))
        except Empty:
            pass
        while not self._queue.empty():
            self._queue.get_nowait()
        # Reset last, look afterwards: a ring that is missed here finds its row looked at, one
        # that rang since the queue was emptied is heard again. The other way round a ring in
        # between would leave an empty queue that counts as rung, and no later one be heard.
        self._rung = False
        self._urgent = False


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
        self._last_ring_bytes = 0

    def put(self, row: Row) -> None:
        """Takes one point, or counts what the buffer's limit made it drop."""
        array_bytes = 0
        for i in self._arrays:
            array_bytes += _bytes_of(row[i])
        size = self._scalar_bytes + array_bytes
        for i in self._texts:
            size += len(row[i]) if isinstance(row[i], str) else 0
        room = self._limit_bytes - self._held_bytes()
        without_arrays = bool(array_bytes) and size > room - self._array_reserve_bytes
        if without_arrays:
            row = tuple(None if i in self._arrays else value for i, value in enumerate(row))
            size -= array_bytes
        if size > room:
            self.dropped_points += 1
            return
        self.dropped_arrays += without_arrays
        self.rows.append((row, size))
        self.put_bytes += size
        self.points += 1
        self._ring()

    @property
    def held_bytes(self) -> int:
        """Bytes of points that are not confirmed."""
        return self.put_bytes - self.freed_bytes

    def _ring(self) -> None:
        if self.put_bytes - self._last_ring_bytes >= self._batch_bytes:
            self._last_ring_bytes = self.put_bytes
            self._bell.ring_at_once()
        else:
            self._bell.ring()


def _bytes_of(value: Any) -> int:
    """What an array takes; of a list roughly, 0 for what stands for a skipped array."""
    nbytes: int | None = getattr(value, "nbytes", None)
    if nbytes is not None or not isinstance(value, list | tuple) or not value:
        return nbytes or 0
    width = len(value[0]) if isinstance(value[0], list | tuple) else 1
    return _SCALAR_BYTES * len(value) * width
