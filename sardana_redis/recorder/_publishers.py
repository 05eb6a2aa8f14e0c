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

_publishers: dict[_Key, Publisher] = {}
_retired: list[Publisher] = []
_lock = threading.Lock()


def publisher_for(settings: Settings, macroserver: str) -> Publisher:
    """The publisher for these settings; where they changed a new one, and the old one retires."""
    key = (settings.url, settings.password_file, settings.publisher, macroserver)
    with _lock:
        if key not in _publishers:
            if not _publishers and not _retired:
                atexit.register(shut_down)
            _retire_all()
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


def _retire_all() -> None:
    """Lets the publishers end when all that they have is delivered."""
    for publisher in _publishers.values():
        publisher.retire()
    _retired[:] = [p for p in (*_retired, *_publishers.values()) if p.is_running]
    _publishers.clear()


def _make_publisher(settings: Settings, macroserver: str) -> Publisher:
    store = RedisStore(
        settings.url,
        password_file=settings.password_file,
        timeout_seconds=settings.publisher.socket_timeout,
    )
    return Publisher(
        store, settings.publisher, url=masked_url(settings.url), macroserver=macroserver
    )
