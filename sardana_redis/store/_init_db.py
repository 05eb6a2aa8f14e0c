"""Making a Redis database ready for blissdata.

blissdata initialises only a database that is empty. This does the same steps, by
blissdata's own code, beside foreign keys too, under a lock, once.

Private names of blissdata 2.4 (seen in 2.4.5, pinned by
tests/integration/test_init_db.py): `DataStore._setup_redis_db`, `DataStore._redis`.
"""

from __future__ import annotations

import secrets
import time
from typing import Any
from urllib.parse import urlsplit

from blissdata.redis_engine.store import DataStore
from redis import exceptions as foreign

from sardana_redis.errors import Outage, StoreUnavailable, StoreUnusable
from sardana_redis.keys import INIT_LOCK, PROTOCOL, PROTOCOL_VERSION
from sardana_redis.store._errors import translate
from sardana_redis.store._link import Link

__all__ = ["MAX_PREFIX_EXPANSIONS", "check_database", "initialise_database"]

MAX_PREFIX_EXPANSIONS = 2000
"""What blissdata sets; RediSearch forgets it at a restart unless its command line says so."""

_LOCK_MILLISECONDS = 30_000
_LOCK_POLL_SECONDS = 0.05
_NEEDED_MODULES = {"rejson": "RedisJSON", "search": "RediSearch"}


def check_database(link: Link) -> bool:
    """Whether the database is initialised; RediSearch's search limit is set again if so.

    Raises StoreUnusable where this Redis cannot serve blissdata 2.4.
    """
    version = link.call("GET", PROTOCOL)
    if version is not None and int(version) != PROTOCOL_VERSION:
        raise StoreUnusable(
            f"This Redis was initialised for blissdata's protocol {int(version)}, sardana-redis "
            f"speaks {PROTOCOL_VERSION}: upgrade sardana-redis or use another Redis."
        )
    _require_modules(link)
    if version is None:
        return False
    _set_search_limit(link)
    return True


def initialise_database(url: str, *, timeout_seconds: float = 5.0) -> bool:
    """Whether this call initialised the database; False where it was done before.

    Safe to repeat, to race and beside foreign keys. `url` may hold a password.
    """
    link = Link(url, timeout_seconds=timeout_seconds)
    try:
        token = secrets.token_hex(8)
        deadline = time.monotonic() + _LOCK_MILLISECONDS / 1000
        while True:
            if check_database(link):
                return False
            if link.call("SET", INIT_LOCK, token, "NX", "PX", _LOCK_MILLISECONDS) is not None:
                break
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    "Another process has been initialising this Redis for 30 s.", Outage.TIMEOUT
                )
            time.sleep(_LOCK_POLL_SECONDS)
        try:
            if check_database(link):  # somebody was done between our look and our lock
                return False
            _set_up(_with_timeout(url, timeout_seconds))
        finally:
            if link.call("GET", INIT_LOCK) == token.encode():
                link.call("DEL", INIT_LOCK)
        _set_search_limit(link)
        return True
    finally:
        link.close()


class _SetUpDataStore(DataStore):
    """A DataStore whose set-up accepts a database that holds other keys."""

    def _setup_redis_db(self) -> None:
        self._redis.dbsize = _no_keys  # type: ignore[assignment,method-assign]  # on purpose
        super()._setup_redis_db()  # type: ignore[no-untyped-call]  # blissdata is untyped


def _no_keys(*_: Any) -> int:
    return 0


def _set_up(url: str) -> None:
    try:
        _SetUpDataStore(url, init_db=True)  # type: ignore[no-untyped-call]  # untyped
    except (foreign.RedisError, OSError) as error:
        raise translate(error) from error
    except RuntimeError as error:  # blissdata's only class for "missing module"
        raise StoreUnusable(str(error)) from error


def _with_timeout(url: str, seconds: float) -> str:
    """The URL for blissdata's own client, which would wait for a frozen Redis for ever."""
    parts = urlsplit(url)
    options = f"socket_timeout={seconds}&socket_connect_timeout={seconds}"
    return parts._replace(query=f"{parts.query}&{options}".removeprefix("&")).geturl()


def _require_modules(link: Link) -> None:
    try:
        modules = link.call("MODULE", "LIST")
    except (StoreUnusable, StoreUnavailable) as error:
        if isinstance(error, StoreUnavailable) and error.reason is not Outage.REFUSED:
            raise
        return  # an account that may not ask; the first command will tell
    names = {bytes(module[1]).decode().lower() for module in modules}
    missing = [title for name, title in _NEEDED_MODULES.items() if name not in names]
    if missing:
        raise StoreUnusable(
            f"This Redis has no {' and no '.join(missing)}, which blissdata needs: "
            "use Redis 8 or redis-stack."
        )


def _set_search_limit(link: Link) -> None:
    """Sets the limit as blissdata does; accounts that may not configure are left alone."""
    replies = link.pipeline(
        [("CONFIG", "SET", "search-max-prefix-expansions", MAX_PREFIX_EXPANSIONS)]
    )
    if isinstance(replies[0], StoreUnusable):  # RediSearch before Redis 8 has its own command
        link.pipeline([("FT.CONFIG", "SET", "MAXPREFIXEXPANSIONS", MAX_PREFIX_EXPANSIONS)])
