"""The publishers of this MacroServer: one for each Redis that its scans go to."""

from __future__ import annotations

import atexit
import threading

from sardana_redis.publisher import Publisher
from sardana_redis.settings import Settings, masked_url
from sardana_redis.store import RedisStore

__all__ = ["publisher_for", "shut_down"]

_publishers: dict[tuple[str, str], tuple[Publisher, float]] = {}
_lock = threading.Lock()


def publisher_for(settings: Settings, macroserver: str) -> Publisher:
    """The publisher for these settings; another one only where Redis' URL differs."""
    key = (settings.url, macroserver)
    with _lock:
        if key not in _publishers:
            if not _publishers:
                atexit.register(shut_down)
            store = RedisStore(
                settings.url,
                password_file=settings.password_file,
                timeout_seconds=settings.publisher.socket_timeout,
            )
            publisher = Publisher(
                store, settings.publisher, url=masked_url(settings.url), macroserver=macroserver
            )
            _publishers[key] = (publisher, settings.publisher.shutdown_timeout)
        return _publishers[key][0]


def shut_down() -> None:
    """Delivers what waits, each publisher for at most its `shutdown_timeout`."""
    with _lock:
        publishers = list(_publishers.values())
        _publishers.clear()
    for publisher, timeout in publishers:
        publisher.shutdown(timeout)
