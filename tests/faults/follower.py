"""A blissdata reader that follows scans through every fault."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

import redis
from blissdata import DataStore
from blissdata.exceptions import EndOfStream, NoScanAvailable, ScanLoadError
from blissdata.streams import CursorGroup

_RETRY_SECONDS = 0.05
_FOREIGN = (redis.exceptions.RedisError, OSError, ValueError, IndexError, RuntimeError)


class Follower:
    """Follows the first scan that appears after its start, with one CursorGroup.

    `seen` holds the points of each stream in the order they came; a connection that is
    lost, or a Redis that loads, is waited out, as a reader at a beamline does.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.seen: dict[str, list[Any]] = defaultdict(list)
        self.key: str | None = None
        self.ended = threading.Event()
        self._stop = threading.Event()
        self._data_store = DataStore(url)
        self._since = self._data_store.get_last_scan_timetag()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 10.0) -> bool:
        """Whether it read all streams to their end within that time; ends it."""
        ended = self.ended.wait(seconds)
        self._stop.set()
        self._thread.join(10)
        return ended

    def _run(self) -> None:
        scan = self._wait_for_scan()
        if scan is None:
            return
        cursors = CursorGroup(scan.streams)
        while not self._stop.is_set():
            try:
                views = cursors.read(timeout=0.5)
            except EndOfStream:
                self.ended.set()
                return
            except _FOREIGN:
                self._stop.wait(_RETRY_SECONDS)
                continue
            for stream, view in views.items():
                self.seen[stream.name].extend(view.get_data())

    def _wait_for_scan(self) -> Any:
        while not self._stop.is_set():
            try:
                _, self.key = self._data_store.get_next_scan(since=self._since, timeout=0.5)
                return self._data_store.load_scan(self.key)
            except (NoScanAvailable, ScanLoadError, *_FOREIGN):
                self._stop.wait(_RETRY_SECONDS)
        return None
