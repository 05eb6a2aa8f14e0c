"""Redis' errors, turned into ours."""

from __future__ import annotations

import redis.exceptions as foreign

from sardana_redis.errors import (
    Outage,
    StoreError,
    StoreUnavailable,
    StoreUnusable,
    StreamSealedError,
)

__all__ = ["translate"]

_BY_CLASS: tuple[tuple[type[Exception], Outage], ...] = (
    (foreign.BusyLoadingError, Outage.LOADING),
    (foreign.AuthenticationError, Outage.REFUSED),
    (foreign.AuthorizationError, Outage.REFUSED),
    (foreign.NoPermissionError, Outage.REFUSED),
    # types-redis, which redis-om brings along, describes redis-py 4
    (foreign.OutOfMemoryError, Outage.FULL),  # type: ignore[attr-defined]
    (foreign.ReadOnlyError, Outage.READ_ONLY),
    (foreign.MasterDownError, Outage.READ_ONLY),
    (foreign.TimeoutError, Outage.TIMEOUT),
    (TimeoutError, Outage.TIMEOUT),
    (foreign.ConnectionError, Outage.LOST),
)

# Replies that redis-py has no class for, by the word that Redis begins them with.
_BY_WORD: dict[str, Outage] = {
    "MISCONF": Outage.DISK,
    "NOREPLICAS": Outage.READ_ONLY,
    "BUSY": Outage.TIMEOUT,
    "UNBLOCKED": Outage.READ_ONLY,
    "NOAUTH": Outage.REFUSED,
}


def translate(error: Exception, *, connecting: bool = False) -> StoreError:
    """The error of ours that says the same as redis-py's `error`."""
    text = str(error)
    outage = _outage(error, text)
    if outage is Outage.LOST and connecting:
        outage = Outage.UNREACHABLE
    if outage is not None:
        return StoreUnavailable(text, outage)
    if "has exhausted the last possible ID" in text or "is already sealed" in text:
        return StreamSealedError(text)
    return StoreUnusable(text)


def _outage(error: Exception, text: str) -> Outage | None:
    """Why Redis cannot be used for now, or None where the error says something else."""
    for cls, outage in _BY_CLASS:
        if isinstance(error, cls):
            return outage
    if isinstance(error, OSError):
        return Outage.LOST
    # A function call that meets full memory reports it inside its own error text.
    if "OOM command not allowed" in text:
        return Outage.FULL
    # A command of a connection that we gave up was carried out after all: look again.
    if "equal or smaller than the target stream top item" in text:
        return Outage.UNSURE
    return _BY_WORD.get(text.partition(" ")[0])
