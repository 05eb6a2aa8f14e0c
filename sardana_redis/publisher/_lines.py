"""Every line that an operator may read about Redis during a scan.

One line says what happened, what becomes of the data, and what to do. They are quoted in
docs/operator-guide.md, and tests/unit/test_docs.py compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping

from sardana_redis.errors import Outage, StoreError, StoreUnavailable

__all__ = [
    "away_line",
    "bug_line",
    "continued_line",
    "dropped_line",
    "full_line",
    "full_redis_line",
    "held_back_line",
    "misfit_line",
    "nexus_options_line",
    "outage_line",
    "still_waiting_line",
]

_KEPT = "The scan goes on and its points are kept: they are delivered when Redis can take them."

_OUTAGES: dict[Outage, tuple[str, str]] = {
    Outage.UNREACHABLE: (
        "cannot be reached",
        "Is it running, and is RedisURL right (lsenv RedisURL)?",
    ),
    Outage.TIMEOUT: ("does not answer", "Is its machine overloaded or frozen?"),
    Outage.LOST: ("closed the connection", "Was it restarted?"),
    Outage.UNSURE: ("lost what it had confirmed", "Was it restarted or flushed?"),
    Outage.LOADING: ("is still loading its data", "Nothing to do."),
    Outage.FULL: ("has no memory left", "Is the memory tracker running?"),
    Outage.DISK: ("cannot write to its disk", "Is the disk full?"),
    Outage.READ_ONLY: ("is read-only", "Is RedisURL that of the primary (lsenv RedisURL)?"),
    Outage.REFUSED: ("refuses our account", "Are user and password of RedisURL right?"),
}


def outage_line(url: str, error: StoreError) -> str:
    """Says that Redis cannot take the scan's points for now. `url` shows no password."""
    if isinstance(error, StoreUnavailable):
        what, remedy = _OUTAGES[error.reason]
        return f"Redis at {url} {what}. {_KEPT} {remedy}"
    reason = str(error).rstrip(".")
    return f"Redis at {url} cannot take this scan: {reason}. {_KEPT}"


def away_line(url: str, error: StoreError | None) -> str:
    """Says that Redis cannot be used, or did not answer yet, to somebody who needs it now."""
    if isinstance(error, StoreUnavailable):
        what, remedy = _OUTAGES[error.reason]
        return f"Redis at {url} {what}. {remedy}"
    if error is not None:
        reason = str(error).rstrip(".")
        return f"Redis at {url} cannot take it: {reason}."
    return f"Redis at {url} does not answer in time."


def full_redis_line(url: str) -> str:
    """Says that Redis has no room for points, to somebody who needs it now."""
    return f"Redis at {url} is nearly full. Is the memory tracker running?"


def still_waiting_line(points: int) -> str:
    """Says that a scan ended before Redis had all its points."""
    return (
        f"{points} points of this scan are not in Redis yet. "
        "They are delivered behind the next scans; nothing to do."
    )


def held_back_line(url: str, points: int) -> str:
    """Says that a scan ended before Redis had room for all its points."""
    return (
        f"Redis at {url} is nearly full: {points} points of this scan are kept here until there "
        "is room. Is the memory tracker running?"
    )


def full_line() -> str:
    """Says that the buffer is full, so that points have to go."""
    return (
        "The Redis recorder's buffer is full because Redis has been away for too long: points are "
        "not published from now on, arrays first. Files that Sardana writes are not concerned."
    )


def dropped_line(points: int, arrays: int) -> str:
    """Says, at the end of a scan, what did not find room in the buffer."""
    return (
        f"Not published because the Redis recorder's buffer was full: {points} points, and the "
        f"arrays of {arrays} more. In Redis the scan counts as failed."
    )


def misfit_line(misfits: Mapping[str, int]) -> str:
    """Says which streams had values that their declaration could not hold."""
    names = ", ".join(list(misfits)[:5])
    return (
        f"{sum(misfits.values())} values of {names} did not fit what their channel declares and "
        "were cast, cut or padded in Redis: check dtype and shape of the channel."
    )


def bug_line(what: str) -> str:
    """Says that the recorder met what nobody foresaw."""
    return (
        f"The Redis recorder failed and is off for this scan ({what}); the scan itself goes on. "
        "Please report it with MacroServer's log."
    )


def continued_line(number: int, point: int) -> str:
    """Says that a scan was closed by the memory tracker while Redis was out of our reach."""
    return (
        f"Scan #{number} was closed in Redis while it could not be reached; its points from "
        f"number {point} on are published as a second scan of the same number."
    )


def nexus_options_line(reason: str) -> str:
    """Says that `NexusWriterOpts` cannot be used."""
    return f"NexusWriterOpts is left aside for this scan: {reason}."
