"""Where a writer's fault happens: Redis, the real publisher, and a writer that can be killed.

The file of an undisturbed writer, made afterwards from the same scans, is the measure.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import redis
from silx.io.specfile import SpecFile

from sardana_redis import log
from sardana_redis.keys import progress_key
from sardana_redis.local import RedisServer
from sardana_redis.model import EndReason, Snapshot
from sardana_redis.publisher import Publisher, ScanFeed
from sardana_redis.runtime import stop_on_signals
from sardana_redis.settings import Settings, SpecWriterSettings
from sardana_redis.spec_writer import SpecWriter
from sardana_redis.store import FollowStore, read_progress
from tests import scans
from tests.faults.arena import eventually
from tests.faults.check import Checker

_NAME = "disturbed"
_CALM = "calm"
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__, "tests.faults.nexus_arena"])


def _run_writer(url: str, name: str, log_file: str) -> None:
    """In the writer's own process."""
    with Path(log_file).open("a", encoding="utf-8") as text:
        os.dup2(text.fileno(), 2)
        log.configure("info", json=True)
        with stop_on_signals() as stop:
            own = SpecWriterSettings(writer_name=name, park_seconds=3600)
            SpecWriter(Settings(url=url, spec_writer=own)).run(stop)


class WriterArena:
    """One run of a writer's fault; `rng` is seeded by the run, `folder` empty and its own."""

    run_writer: Callable[[str, str, str], None] = staticmethod(_run_writer)
    file_names = ("a.dat", "b.dat")

    def __init__(self, rng: random.Random, folder: Path, *, quick: bool) -> None:
        self.rng = rng
        self.folder = folder
        self.quick = quick
        self.scans = 0
        self.data = folder / "data"
        self.data.mkdir()
        self.keys: list[str] = []
        self._process: Any = None
        self._published: dict[str, list[int]] = {}
        self.columns: dict[str, list[Any]] = {}

    def __enter__(self) -> WriterArena:
        self.server = RedisServer(self.folder / "redis")
        self.server.start()
        self._publishing = scans.publisher(self.server.url)
        self.publisher: Publisher = self._publishing.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._publishing.__exit__(None, None, None)
        self.server.kill()

    @property
    def client(self) -> redis.Redis:
        """A client of the Redis."""
        return redis.Redis.from_url(self.server.url)

    @property
    def log(self) -> str:
        """What the writers logged."""
        path = self.folder / "writer.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def start(self, name: str = _NAME) -> None:
        """Starts the writer, or starts it again."""
        arguments = (self.server.url, name, str(self.folder / "writer.log"))
        self._process = _CONTEXT.Process(target=self.run_writer, args=arguments, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """The writer's process id."""
        return self._process.pid

    def kill(self) -> None:
        """Kills the writer (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    def terminate(self) -> None:
        """Ends the writer in order (SIGTERM); it has to take it."""
        os.kill(self.pid, signal.SIGTERM)
        self._process.join(20)
        assert self._process.exitcode == 0, f"exit code {self._process.exitcode}"
        self._process = None

    @contextmanager
    def scanning(self, count: int, seconds: float) -> Iterator[None]:
        """Publishes so many scans one after the other meanwhile, in about so many seconds."""
        failures: list[BaseException] = []

        def publish() -> None:
            try:
                for _ in range(count):
                    self.scan(seconds=seconds / count)
            except BaseException as error:
                failures.append(error)
                raise

        thread = threading.Thread(target=publish, name="scans")
        thread.start()
        try:
            yield
        finally:
            thread.join()
        assert not failures, failures

    def scan(self, *, points: int | None = None, seconds: float = 0.0, file: str = "") -> str:
        """Publishes one scan of a random kind and returns its key."""
        self.scans += 1
        rng = self.rng
        points = rng.choice([0, 1, 50, 500, 3000]) if points is None else points
        path = self.data / (file or rng.choice(self.file_names))
        columns = self.draw_columns()
        snapshot = [Snapshot("m", f"mot{i}", i / 7, "float64") for i in range(rng.randint(0, 12))]
        start = scans.scan_start(self.scans, [path], columns, snapshot=snapshot)
        feed: ScanFeed = scans.begin(self.publisher, start)
        key = feed.publication.birth.key
        pause = seconds / max(points, 1)
        began = time.monotonic()
        for index in range(points):
            feed.put(self.row(columns, index))
            if (ahead := began + index * pause - time.monotonic()) > 0.005:
                time.sleep(ahead)
        scans.end(feed, rng.choice([EndReason.SUCCESS, EndReason.USER_ABORT]))
        self.keys.append(key)
        self._published[key] = list(range(points))
        self.columns[key] = columns
        return key

    def draw_columns(self) -> list[Any]:
        """The columns of the next scan."""
        return _columns(self.rng)

    def row(self, columns: Sequence[Any], index: int) -> list[Any]:
        """The values of a point, always the same."""
        return row_of(columns, index)

    def wait_written(self, name: str = _NAME, seconds: float = 60.0) -> None:
        """Returns when the writer has reported all scans as done."""

        def is_done() -> bool:
            reports = self.reports(name)
            return all(key in reports and reports[key].state == "done" for key in self.keys)

        eventually(is_done, seconds, f"all scans written; the log ends in {self.log[-1500:]}")

    def reports(self, name: str = _NAME) -> dict[str, Any]:
        """What the writer has reported."""
        store = FollowStore(self.server.url)
        store.connect()
        try:
            return read_progress(store.link, name)
        finally:
            store.disconnect()

    def forget(self, keys: Sequence[str], name: str = _NAME) -> None:
        """Makes Redis forget what was reported of these scans."""
        self.client.hdel(progress_key(name), *keys)

    def verify(self, check: Checker) -> dict[str, bytes]:
        """All points are there once; the files equal those of an undisturbed writer."""
        self.kill()
        disturbed = {path.name: path.read_bytes() for path in sorted(self.data.iterdir())}
        self._count(check)
        for path in self.data.iterdir():
            path.unlink()
        self.start(_CALM)
        self.wait_written(_CALM)
        self.terminate()
        calm = {path.name: path.read_bytes() for path in sorted(self.data.iterdir())}
        assert disturbed.keys() == calm.keys()
        for name, text in calm.items():
            assert disturbed[name] == text, _first_difference(disturbed[name], text)
        return calm

    def _count(self, check: Checker) -> None:
        """Counts each scan's points in the files by their numbers."""
        found: dict[str, list[int]] = {}
        for path in self.data.iterdir():
            for scan in SpecFile(str(path)):
                key = next(key for key in self.keys if key in "".join(scan.header))
                found.setdefault(key, [])
                if scan.data.size:
                    found[key] += [int(number) for number in scan.data[0]]
        for key in self.keys:
            check.count(found.get(key, []), self._published[key])
        often = Counter(key for key in found)
        assert often.keys() == set(self.keys), "scans are missing in the files"


def _columns(rng: random.Random) -> list[Any]:
    columns = list(scans.scalar_columns(rng.choice([5, 10, 60])))
    columns += [
        scans.column(f"oned{i}", shape=(rng.choice([3, 16, 40]),)) for i in range(rng.randint(0, 2))
    ]
    if rng.random() < 0.3:
        columns.append(scans.column("text", "json"))
    return columns


def row_of(columns: Sequence[Any], index: int) -> list[Any]:
    """Values of every kind, the same for the same index; some of them missing."""
    row: list[Any] = []
    for at, column in enumerate(columns):
        if column.label == "#Pt No":
            row.append(index)
        elif column.dtype == "json":
            row.append(f"punkt {index} µ")
        elif column.shape:
            row.append(np.arange(column.shape[0]) / 3 + index)
        else:
            row.append(float("nan") if (index + at) % 97 == 0 else (index + 1) / (at + 3))
    return row


def _first_difference(one: bytes, other: bytes) -> str:
    at = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    return f"at byte {at}: {one[max(0, at - 200) : at + 80]!r} is not {other[at : at + 80]!r}"


Run = Callable[[WriterArena, Checker], None]
