"""Looks again and again at what is true but for the stalls of a busy machine."""

from __future__ import annotations

import time

_BEARABLE_SECONDS = 1.0
_FEWEST_LOOKS = 3


class Patience:
    """Bears a look that is wrong while a thread or a process had no turn.

    `is_tried`: the last look was wrong.
    """

    def __init__(self) -> None:
        self.is_tried = False
        self._wrong_since = 0.0
        self._wrong_on_end = self._wrong = self._looks = 0

    def look(self, wrong: str | None) -> None:
        """Counts a look and what is wrong; AssertionError where each was wrong for 1 s on end."""
        now = time.monotonic()
        if wrong and not self.is_tried:
            self._wrong_since, self._wrong_on_end = now, 0
        self.is_tried = bool(wrong)
        self._looks += 1
        self._wrong += self.is_tried
        self._wrong_on_end += self.is_tried
        lasts = now - self._wrong_since > _BEARABLE_SECONDS and self._wrong_on_end >= _FEWEST_LOOKS
        assert not (wrong and lasts), f"for {now - self._wrong_since:.1f} s: {wrong}"

    def judge(self) -> None:
        """AssertionError unless most looks were right."""
        assert 2 * self._wrong < self._looks, f"{self._wrong} of {self._looks} looks were wrong"
