"""The writer beside the SPEC writer: it reads all streams, no faster than it is told to."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

from sardana_redis import log
from sardana_redis.follower import Desk
from sardana_redis.model import WriterProgress, WriterScanState
from sardana_redis.runtime import stop_on_signals
from sardana_redis.settings import WriterSettings
from sardana_redis.store import FollowedScan, FollowStore, Gap, ScanReader

NAME = "second"
_KIND = "nexus"
_POINTS_AT_ONCE = 200
_PAUSE_SECONDS = 0.02
_CONTEXT = multiprocessing.get_context("forkserver")


class SecondWriter:
    """A process that follows Redis as a slow writer would, and keeps nothing of it."""

    def __init__(self, url: str, folder: Path, *, points_per_second: float) -> None:
        arguments = (url, points_per_second, str(folder / "second.log"))
        self._process: Any = _CONTEXT.Process(target=_run, args=arguments, daemon=True)

    def start(self) -> None:
        """Starts it."""
        self._process.start()

    def kill(self) -> None:
        """Kills it."""
        self._process.kill()
        self._process.join()


def _run(url: str, points_per_second: float, log_file: str) -> None:
    """In its process."""
    with Path(log_file).open("a", encoding="utf-8") as text:
        os.dup2(text.fileno(), 2)
        log.configure("info", json=True)
        with stop_on_signals() as stop:
            reader = _SlowReader(url, points_per_second)
            while not stop.is_set():
                reader.turn()
                stop.wait(_PAUSE_SECONDS)


class _SlowReader:
    def __init__(self, url: str, points_per_second: float) -> None:
        self._store = FollowStore(url)
        self._desk = Desk(self._store, _KIND, WriterSettings(writer_name=NAME))
        self._keys = self._desk.open()
        self._rate = points_per_second
        self._counted_at = time.monotonic()
        self._allowed = 0.0
        self._reader: ScanReader | None = None
        self._lost = 0

    def turn(self) -> None:
        """Reads on, as many points as the time since the last turn allows."""
        self._desk.beat()
        self._keys += self._desk.news({}, 0.0)
        now = time.monotonic()
        # What it did not read in time it does not read the faster later.
        self._allowed = min(self._allowed + self._rate * (now - self._counted_at), self._rate)
        self._counted_at = now
        while self._allowed >= 1 and self._read_on():
            pass
        self._desk.flush()

    def _read_on(self) -> bool:
        if self._reader is None and not self._begin():
            return False
        reader = self._reader
        assert reader is not None
        part = reader.take(min(_POINTS_AT_ONCE, int(self._allowed)))
        if part is None:
            (error,) = self._store.read([reader])
            if error is not None:
                raise error
            part = reader.take(min(_POINTS_AT_ONCE, int(self._allowed)))
        if part is not None:
            self._allowed -= part.length
            self._lost += part.length if isinstance(part, Gap) else 0
        has_ended = reader.has_ended
        state = WriterScanState.DONE if has_ended else WriterScanState.OPEN
        self._desk.report(reader.scan.key, WriterProgress(reader.first, state, self._lost))
        if has_ended:
            self._reader = None
        return part is not None or has_ended

    def _begin(self) -> bool:
        if not self._keys:
            return False
        scan = self._store.load([self._keys[0]])[self._keys.pop(0)]
        assert isinstance(scan, FollowedScan)
        self._reader = ScanReader(scan, [stream.name for stream in scan.streams])
        self._lost = 0
        return True
