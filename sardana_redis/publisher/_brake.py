"""When points have to wait here because of Redis' memory."""

from __future__ import annotations

import math
import time
from typing import Final

from sardana_redis.settings import PublisherSettings
from sardana_redis.store import Memory, PublishStore

__all__ = ["Brake"]

_COPY_SHARE: Final = 8
"""While Redis rewrites its file, this part of maxmemory may be sent.

What changes meanwhile exists twice, in Redis and in the child that writes the file, and the
child's memory does not count against maxmemory. A container whose limit is a third above maxmemory
has room for it; without this a Redis of 120 MiB in 160 MiB was killed (seen on Kubernetes).
"""


_LONGEST_COPY_SECONDS: Final = 60.0
"""A child that takes longer may hang on its disk, or feed a replica: no reason to wait for ever."""

_STALE_SECONDS: Final = 1.0
"""After as long without a look, a copy may be another one."""


class Brake:
    """Holds points back while Redis is nearly full, or copies its memory.

    `is_full`: it is nearly full; `has_been_full`: it was, since `release`. `is_pressed`, which the
    publisher's thread sets: points have no room to wait for the end of a copy, nor the time.
    """

    pulse_seconds = 0.1

    def __init__(self, store: PublishStore, settings: PublisherSettings) -> None:
        self._store = store
        self._ratio = settings.brake_ratio
        self._pulse_at = 0.0
        self._room_bytes = math.inf
        self._sent_bytes = 0
        self._copied_bytes = 0
        self._copied_since: float | None = None
        self._looked_at = -math.inf
        self.is_pressed = False
        self.is_full = False
        self.has_been_full = False

    @property
    def is_on(self) -> bool:
        """Whether points had to wait at the last look."""
        return self._room_bytes < 0

    def release(self) -> None:
        """Notes that no points wait."""
        self.is_full = self.has_been_full = False
        self._room_bytes = max(0.0, self._room_bytes)

    def note_sent(self, size_bytes: int) -> None:
        """Counts what was sent."""
        self._sent_bytes += size_bytes
        self._copied_bytes += size_bytes

    def holds(self) -> bool:
        """Whether points have to wait.

        The nearer the limit the more often Redis is looked at: a small one is full in 100 ms.
        """
        now = time.monotonic()
        if now >= self._pulse_at or self._sent_bytes > max(0, self._room_bytes / 2):
            self._look(self._store.pulse(), now)
            self._pulse_at = now + self.pulse_seconds
        return self.is_on

    def _look(self, memory: Memory, now: float) -> None:
        room = self._ratio * memory.maximum - memory.used if memory.maximum else math.inf
        self.is_full = room < 0
        self.has_been_full = self.has_been_full or self.is_full
        if not memory.is_copied:
            self._copied_since = None
        elif self._copied_since is None or now - self._looked_at > _STALE_SECONDS:
            self._copied_since, self._copied_bytes = now, 0
        if self._has_to_spare(memory, now):
            room = min(room, memory.maximum / _COPY_SHARE - self._copied_bytes)
        self._room_bytes = room
        self._sent_bytes = 0
        self._looked_at = now

    def _has_to_spare(self, memory: Memory, now: float) -> bool:
        """Whether a copy of Redis' memory needs room now."""
        if self._copied_since is None or not memory.maximum or self.is_pressed:
            return False
        return now - self._copied_since < _LONGEST_COPY_SECONDS
