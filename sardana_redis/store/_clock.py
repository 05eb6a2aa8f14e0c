"""Redis' clock, which all times on the wire are of."""

from __future__ import annotations

import time
from typing import Any

__all__ = ["RedisClock"]


class RedisClock:
    """Tells Redis' time without asking each time; `set` takes what Redis said."""

    def __init__(self) -> None:
        self._offset_seconds = 0.0

    def set(self, reply: Any, asked_at: float) -> None:
        """Takes the reply to TIME; `asked_at` is this machine's time before the question."""
        seconds, microseconds = (int(part) for part in reply)
        middle = (asked_at + time.time()) / 2
        self._offset_seconds = seconds + microseconds / 1e6 - middle

    def now_ms(self) -> int:
        """Redis' time in milliseconds."""
        return int((time.time() + self._offset_seconds) * 1000)
