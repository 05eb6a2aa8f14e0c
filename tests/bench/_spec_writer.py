"""From Redis to the SPEC file on the disk, beside Sardana's own recorder given the same points."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from sardana_redis.keys import WRITERS, progress_key
from sardana_redis.settings import Settings, SpecWriterSettings
from sardana_redis.spec_writer import SpecWriter
from sardana_redis.store import FollowStore, read_progress
from tests import scans
from tests.bench._arena import Arena
from tests.bench._figures import Figure
from tests.bench._sides import SPEC, make_side
from tests.bench._workload import Workload

__all__ = ["measure"]

_ROWS = 200_000
_TEMPLATES = 500
_SARDANA_ROWS = 4000
_GOALS = {10: 40.0, 100: 6.0}
_BACKLOGS = ((1000, 20.0), (3000, None))
_LIVE_SECONDS = 20.0
_LIVE_RATE = 1000
_LIVE_COLUMNS = 100
_LIVE_GOAL_SECONDS = 0.5
_NAME = "bench"


def measure(arena: Arena) -> list[Figure]:
    """The rate of a finished scan, a backlog of short ones, the lag behind a live one."""
    figures = [_rate(arena, columns, goal) for columns, goal in _GOALS.items()]
    for count, goal in _BACKLOGS:
        figures.append(_backlog(arena, int(arena.seconds(count)), goal))
    figures.append(_lag(arena))
    return figures


def _rate(arena: Arena, columns: int, goal: float) -> Figure:
    folder = arena.folder("spec")
    rows = int(arena.seconds(_ROWS))
    records = _random_rows(columns)
    with scans.publisher(arena.url) as publisher:
        start = scans.scan_start(1, [folder / "a.dat"], scans.scalar_columns(columns))
        scans.scan(publisher, start, ((i, *records[i % _TEMPLATES]) for i in range(rows)))
    seconds = _written(arena, folder, 1)
    lines = (folder / "a.dat").read_bytes().count(b"\n")
    assert lines > rows, f"{lines} lines of {rows} rows"
    theirs = _sardana_rate(arena, folder, columns)
    arena.clean()
    return Figure(
        f"SPEC file, a finished scan of {rows} points: ours to {SPEC}",
        columns, rows / seconds, theirs, "rows/s", goal, "min",
    )  # fmt: skip


def _backlog(arena: Arena, count: int, goal: float | None) -> Figure:
    folder = arena.folder("spec")
    records = _random_rows(10)
    with scans.publisher(arena.url) as publisher:
        for number in range(count):
            start = scans.scan_start(number, [folder / "a.dat"], scans.scalar_columns(10))
            scans.scan(publisher, start, ((i, *records[i]) for i in range(100)))
    seconds = _written(arena, folder, count)
    text = (folder / "a.dat").read_bytes()
    assert text.count(b"\n#S ") == count, "not all scans of the backlog were written"
    arena.clean()
    return Figure(
        f"SPEC file, a backlog of {count} scans of 100 points: ours to the goal",
        10, seconds, goal or seconds, "s", goal, is_absolute=True,
    )  # fmt: skip


def _lag(arena: Arena) -> Figure:
    """The age of the oldest point that is not safe yet, as its publisher sees it."""
    folder = arena.folder("spec")
    points = int(arena.seconds(_LIVE_SECONDS) * _LIVE_RATE)
    records = _random_rows(_LIVE_COLUMNS)
    put_at = np.full(points, np.inf)
    ages: list[float] = []
    with _writer_process(arena), scans.publisher(arena.url) as publisher:
        start = scans.scan_start(
            1, [folder / "a.dat"], scans.scalar_columns(_LIVE_COLUMNS), title="timescan"
        )
        feed = scans.begin(publisher, start)
        key = feed.publication.birth.key
        done = threading.Event()
        watcher = threading.Thread(target=_watch, args=(arena.url, key, put_at, ages, done))
        watcher.start()
        began = time.perf_counter()
        for i in range(points):
            if (ahead := began + i / _LIVE_RATE - time.perf_counter()) > 0:
                time.sleep(ahead)
            put_at[i] = time.monotonic()
            feed.put((i, *records[i % _TEMPLATES]))
        done.set()
        watcher.join()
        scans.end(feed)
        assert feed.wait(30)
        _wait_written(arena.url, 1)
    arena.clean()
    return Figure(
        f"SPEC file, lag p99 behind {_LIVE_RATE} points/s: ours to the goal",
        _LIVE_COLUMNS, float(np.percentile(ages, 99)), _LIVE_GOAL_SECONDS, "s",
        _LIVE_GOAL_SECONDS, is_absolute=True,
    )  # fmt: skip


def _watch(
    url: str, key: str, put_at: np.ndarray, ages: list[float], done: threading.Event
) -> None:
    store = FollowStore(url)
    store.connect()
    while not done.wait(0.02):
        safe = read_progress(store.link, _NAME).get(key)
        oldest = put_at[safe.points if safe else 0 :][:1]
        now = time.monotonic()
        ages += [max(0.0, now - at) for at in oldest if at <= now]
    store.disconnect()


def _written(arena: Arena, folder: Path, count: int) -> float:
    """Seconds from the start of a writer until `count` scans are safe on the disk."""
    arena.client.delete(progress_key(_NAME))
    own = SpecWriterSettings(writer_name=_NAME, output_root=folder)
    writer = SpecWriter(Settings(url=arena.url, spec_writer=own))
    stop = threading.Event()
    thread = threading.Thread(target=writer.run, args=(stop,), name="spec-writer")
    began = time.perf_counter()
    thread.start()
    try:
        _wait_written(arena.url, count)
        return time.perf_counter() - began
    finally:
        stop.set()
        thread.join()


def _wait_written(url: str, count: int, seconds: float = 300.0) -> None:
    store = FollowStore(url)
    store.connect()
    deadline = time.monotonic() + seconds
    while True:
        reports = read_progress(store.link, _NAME).values()
        if sum(report.state == "done" for report in reports) >= count:
            store.disconnect()
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(reports)} scans reported, not {count} done")
        time.sleep(0.02)


@contextmanager
def _writer_process(arena: Arena) -> Iterator[None]:
    """A writer as users start it, once it follows."""
    url = arena.url
    arena.client.hdel(WRITERS, _NAME)
    words = ("spec-writer", "--url", url, "--writer-name", _NAME, "--log-level", "warning")
    process = subprocess.Popen([sys.executable, "-m", "sardana_redis", *words])
    try:
        while not arena.client.hexists(WRITERS, _NAME):
            assert process.poll() is None, "the writer ended"
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _sardana_rate(arena: Arena, folder: Path, columns: int) -> float:
    """Rows a second of Sardana's own recorder, whose file lies on the same disk."""
    side = make_side(SPEC, arena.url, folder)
    workload = Workload(f"{columns} columns", columns)
    side.prepare(workload)
    side.start()
    records = list(workload.records(range(_SARDANA_ROWS)))
    began = time.perf_counter()
    for record in records:
        side.put(record)
    seconds = time.perf_counter() - began
    side.end()
    return _SARDANA_ROWS / seconds


def _random_rows(columns: int) -> list[list[float]]:
    """Values behind the point number, with as many digits as floats have."""
    rows: list[list[float]] = np.random.default_rng(5).random((_TEMPLATES, columns - 1)).tolist()
    return rows
