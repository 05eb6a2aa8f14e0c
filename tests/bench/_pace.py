"""Points at a steady rate."""

from __future__ import annotations

import time
from collections.abc import Iterator

__all__ = ["paced"]


def paced(rate: float | None, seconds: float, most: int | None = None) -> Iterator[int]:
    """Counts points at `rate` a second (None: back to back) for `seconds`, to `most` at most.

    Whoever is late catches up without a pause.
    """
    start = time.perf_counter()
    end = start + seconds
    number = 0
    while most is None or number < most:
        now = time.perf_counter()
        if now >= end:
            return
        if rate is not None:
            due = start + number / rate
            if due >= end:
                return
            if due > now:
                time.sleep(due - now)
        yield number
        number += 1
