"""Sardana's variable `RedisRequireWriters`: what an operator wants where a writer is missing."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

__all__ = ["VARIABLE", "RequireWriters", "require_writers", "wrong_require_line"]

VARIABLE: Final = "RedisRequireWriters"


class RequireWriters(StrEnum):
    """Whether the writers are looked at: not at all; told; told, and no scan without them."""

    OFF = "off"
    WARN = "warn"
    REFUSE = "refuse"


def require_writers(value: Any) -> RequireWriters | None:
    """What the variable holds, unset is `warn`; None where it makes no sense."""
    if value is None:
        return RequireWriters.WARN
    try:
        return RequireWriters(str(value).strip().lower())
    except ValueError:
        return None


def wrong_require_line(value: Any) -> str:
    """Says that the variable holds something else; it then counts as `warn`."""
    return (
        f"RedisRequireWriters is {value!r} and counts as warn: "
        "set it to off, warn or refuse with senv."
    )
