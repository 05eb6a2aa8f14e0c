"""The publishers of this MacroServer: one for each Redis that its scans go to."""

from __future__ import annotations

import atexit
import threading
from pathlib import Path

from sardana_redis.publisher import Publisher
from sardana_redis.settings import PublisherSettings, Settings, masked_url
from sardana_redis.store import RedisStore

__all__ = ["publisher_for", "shut_down"]

_Key = tuple[str, Path | None, PublisherSettings, str]

_MOST_PUBLISHERS = 4
"""Doors may have a RedisURL each; beyond this many the one that began first retires."""

_publishers: dict[_Key, Publisher] = {}
_retired: list[Publisher] = []
_lock = threading.Lock()


def publisher_for(settings: Settings, macroserver: str) -> Publisher:
    """The publisher for these settings: one for each Redis, and each change of settings."""
    key = (settings.url, settings.password_file, settings.publisher, macroserver)
    with _lock:
        if key not in _publishers:
            if not _publishers and not _retired:
                atexit.register(shut_down)
            if len(_publishers) >= _MOST_PUBLISHERS:
                _retire(next(iter(_publishers)))
            _publishers[key] = _make_publisher(settings, macroserver)
        return _publishers[key]


def shut_down() -> None:
    """Delivers what waits, each publisher for at most its `shutdown_timeout`."""
    with _lock:
        publishers = [*_publishers.values(), *_retired]
        _publishers.clear()
        _retired.clear()
    for publisher in publishers:
        publisher.shutdown()


def _retire(key: _Key) -> None:
    """Lets a publisher end when all that it has is delivered."""
    publisher = _publishers.pop(key)
    publisher.retire()
    _retired[:] = [p for p in (*_retired, publisher) if p.is_running]


def _make_publisher(settings: Settings, macroserver: str) -> Publisher:
    store = RedisStore(
        settings.url,
        password_file=settings.password_file,
        timeout_seconds=settings.publisher.socket_timeout,
    )
    return Publisher(
        store, settings.publisher, url=masked_url(settings.url), macroserver=macroserver
    )
