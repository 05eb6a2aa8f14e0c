"""Doing things at most so often."""

from __future__ import annotations

__all__ = ["Pace"]


class Pace:
    """Says whether `seconds` have passed since it last said yes; the first time it does."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._next = float("-inf")

    def is_due(self, now: float) -> bool:
        """Whether it is time again at `now`, a monotonic time; the next time is set if so."""
        if now < self._next:
            return False
        self._next = now + self.seconds
        return True

    def hurry(self) -> None:
        """Makes it due at once."""
        self._next = float("-inf")

    def put_off(self, until: float) -> None:
        """Makes it due at that monotonic time."""
        self._next = until
