"""The lines of the log, in the words of the proof of concept."""

from __future__ import annotations

import math
from datetime import timedelta

__all__ = [
    "bytes_text",
    "deleted_line",
    "expiry_line",
    "inactive_line",
    "initial_lines",
    "too_recent_line",
    "tracking_line",
    "trimmed_line",
]

_SUFFIXES = ("B", "KB", "MB", "GB", "TB", "PB")


def bytes_text(count: float) -> str:
    """A size such as `2.531MB`."""
    exponent = min(int(math.log(count, 1024)), len(_SUFFIXES) - 1) if count >= 1 else 0
    return f"{count / 1024**exponent:.4g}{_SUFFIXES[exponent]}"


def initial_lines(maximum: int, threshold: float, protected: float) -> tuple[str, ...]:
    """What the tracker says of its limits when it begins."""
    trigger = bytes_text(maximum * threshold / 100)
    return (
        f"INIT | Redis max. memory: {bytes_text(maximum)}",
        f"INIT | Mem. usage to trigger cleanup: {threshold:g}% ({trigger})",
        f"INIT | Protected history length: {protected:g} seconds",
    )


def tracking_line(key: str) -> str:
    """A scan was born."""
    return f"Start tracking {key}"


def expiry_line(key: str, seconds: float) -> str:
    """A closed scan got its expiry."""
    life = timedelta(seconds=seconds)
    return f"Scan {key} is terminated, expiration set to {life} seconds"


def deleted_line(key: str) -> str:
    """Somebody deleted a scan, or it expired."""
    return f"Scan {key} has been deleted, stop tracking"


def inactive_line(key: str, seconds: float) -> str:
    """An open scan without a sign of life goes."""
    silence = timedelta(seconds=seconds)
    return f"Open scan {key} was inactive for {silence} seconds, deleting now"


def trimmed_line(percent: float) -> str:
    """The oldest data went."""
    return f"Trimmed off the oldest {percent:g}% of stream history"


def too_recent_line(protected: float) -> str:
    """All that is left is too young to go."""
    return (
        "Unable to free memory ! Remaining data is too recent to be freed "
        f"(protected_history: {protected:g} seconds)"
    )
