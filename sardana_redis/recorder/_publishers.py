"""The publishers of this MacroServer: one for each Redis that its scans go to."""

from __future__ import annotations

import atexit
import threading
from pathlib import Path

from sardana_redis.publisher import Publisher
from sardana_redis.recorder._monitor import Monitor
from sardana_redis.settings import PublisherSettings, RecorderSettings, Settings, masked_url
from sardana_redis.store import RedisStore

__all__ = ["Publishers", "publisher_for", "serve_metrics"]

_Key = tuple[str, Path | None, PublisherSettings, str]

_MOST_PUBLISHERS = 4
"""Doors may have a RedisURL each; beyond this many the one that began first retires."""


class Publishers:
    """All publishers of a process, and the monitor that shows how they are."""

    def __init__(self) -> None:
        self._by_key: dict[_Key, Publisher] = {}
        self._retired: list[Publisher] = []
        self._latest: Publisher | None = None
        self._lock = threading.Lock()
        self._monitor = Monitor(self)

    def publisher_for(self, settings: Settings, macroserver: str) -> Publisher:
        """The publisher for these settings: one for each Redis, and each change of settings."""
        key = (settings.url, settings.password_file, settings.publisher, macroserver)
        with self._lock:
            if key not in self._by_key:
                if self._latest is None:
                    atexit.register(self.shut_down)
                if len(self._by_key) >= _MOST_PUBLISHERS:
                    self._retire(next(iter(self._by_key)))
                self._by_key[key] = self._make(settings, macroserver)
            self._latest = publisher = self._by_key[key]
            self._monitor.serve(settings.recorder)
        return publisher

    def serve_metrics(self, settings: RecorderSettings) -> None:
        """Serves metrics from now on where a port is set, also without a publisher."""
        with self._lock:
            self._monitor.serve(settings)

    def shut_down(self) -> None:
        """Delivers what waits, each publisher for at most its `shutdown_timeout`."""
        with self._lock:
            publishers = self._all()
            self._by_key.clear()
            self._retired.clear()
        for publisher in publishers:
            publisher.shutdown()
        self._monitor.stop()

    @property
    def held_bytes(self) -> int:
        """Bytes of the points that wait, of all scans."""
        return sum(publisher.held_bytes for publisher in self._all())

    @property
    def are_up(self) -> bool:
        """Whether each Redis takes what is published; one that no scan goes to does not count."""
        return all(p.is_up for p in self._all() if p is self._latest or not p.is_idle)

    def _all(self) -> list[Publisher]:
        return [*self._by_key.values(), *self._retired]  # in one step: others may change them

    def _retire(self, key: _Key) -> None:
        """Lets a publisher end when all that it has is delivered."""
        publisher = self._by_key.pop(key)
        publisher.retire()
        self._retired[:] = [p for p in (*self._retired, publisher) if p.is_running]

    def _make(self, settings: Settings, macroserver: str) -> Publisher:
        store = RedisStore(
            settings.url,
            password_file=settings.password_file,
            timeout_seconds=settings.publisher.socket_timeout,
        )
        return Publisher(
            store,
            settings.publisher,
            url=masked_url(settings.url),
            macroserver=macroserver,
            metrics=self._monitor.metrics,
        )


_ours = Publishers()
publisher_for = _ours.publisher_for
serve_metrics = _ours.serve_metrics
