"""A cycle of the memory tracker and a scrape of it, while scans of many streams run."""

from __future__ import annotations

import multiprocessing
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import redis
from prometheus_client import CollectorRegistry

from sardana_redis.http import HealthServer
from sardana_redis.memory_tracker import MemoryTrackerService
from sardana_redis.model import WriterProgress, WriterRecord
from sardana_redis.publisher import ScanFeed
from sardana_redis.runtime import spare_the_collector
from sardana_redis.settings import Settings
from sardana_redis.store import Link, progress_command, write_writer
from tests import scans
from tests.bench._arena import Arena
from tests.bench._figures import Figure

__all__ = ["measure"]

_SCANS = 20
_COLUMNS = 100
_WRITERS = ("spec", "nexus")
_POINTS_PER_SECOND = 20.0
_SECONDS = 20.0
_TURN_SECONDS = 0.1
_FULL_LOOK_SECONDS = 2.0
"""Ten times as often as by default: each of them is in the figures."""

_SCRAPES = 300
_CONTEXT = multiprocessing.get_context("forkserver")
_CYCLE_GOAL_SECONDS = 0.05
_SCRAPE_GOAL_SECONDS = 0.005


def measure(arena: Arena) -> list[Figure]:
    """Cycles and scrapes with scans of ours, and of a publisher whose streams differ."""
    return [figure for publisher in ("ours", "another's") for figure in _measure(arena, publisher)]


def _measure(arena: Arena, publisher: str) -> list[Figure]:
    registry = CollectorRegistry()
    own = {"monitoring_period": _FULL_LOOK_SECONDS}
    service = MemoryTrackerService(Settings(url=arena.url, memory_tracker=own), registry)
    spare_the_collector()
    with _scanning(arena.url, is_foreign=publisher != "ours"):
        cycles = _cycles(service, arena.seconds(_SECONDS))
        with HealthServer("127.0.0.1", 0, registry, lambda: service.health) as server:
            scrapes = _scrapes(f"http://127.0.0.1:{server.port}/metrics")
    service._store.disconnect()
    arena.clean()
    arena.client.delete("sardana_redis:writers", *(f"sardana_redis:progress:{w}" for w in _WRITERS))
    what = f"{_SCANS} scans of {publisher}"
    arena.tell(
        f"{what}: a cycle takes {np.median(cycles) * 1e3:.1f} ms, p99 "
        f"{np.percentile(cycles, 99) * 1e3:.1f} ms, at most {max(cycles) * 1e3:.1f} ms"
    )
    return [
        _figure(f"tracker, longest cycle with {what}", max(cycles), _CYCLE_GOAL_SECONDS),
        _figure(
            f"tracker, p95 of a scrape with {what}",
            float(np.percentile(scrapes, 95)),
            _SCRAPE_GOAL_SECONDS,
        ),
    ]


def _figure(name: str, seconds: float, goal: float) -> Figure:
    return Figure(f"{name}: ours to the goal", _COLUMNS, seconds, goal, "s", goal, is_absolute=True)


def _cycles(service: MemoryTrackerService, seconds: float) -> list[float]:
    """How long each turn took, without the first ones, which find all scans."""
    until = time.perf_counter() + seconds
    found = []
    while (began := time.perf_counter()) < until:
        service._turn()
        found.append(time.perf_counter() - began)
        time.sleep(_TURN_SECONDS)
    assert service.health.is_ready, service.health.reason
    return found[5:]


def _scrapes(address: str) -> list[float]:
    found = []
    for _ in range(_SCRAPES):
        began = time.perf_counter()
        with urllib.request.urlopen(address, timeout=5) as reply:
            assert b"writer_lag_seconds" in reply.read()
        found.append(time.perf_counter() - began)
    return found


@contextmanager
def _scanning(url: str, *, is_foreign: bool) -> Iterator[None]:
    """Scans grow meanwhile in a process of their own, and writers report."""
    ready, over = _CONTEXT.Event(), _CONTEXT.Event()
    process = _CONTEXT.Process(target=_scan, args=(url, is_foreign, ready, over), daemon=True)
    process.start()
    try:
        if not ready.wait(30):
            raise TimeoutError("no scan was born")
        yield
    finally:
        over.set()
        process.join()


def _scan(url: str, is_foreign: bool, ready: Any, over: Any) -> None:
    """In that process."""
    columns = scans.scalar_columns(_COLUMNS)
    with scans.publisher(url) as publisher, redis.Redis.from_url(url) as client:
        feeds = [
            scans.begin(publisher, scans.scan_start(number, [], columns))
            for number in range(_SCANS)
        ]
        while not all(feed.publication.born for feed in feeds):
            time.sleep(0.01)
        if is_foreign:
            for feed in feeds:
                client.json().set(feed.publication.birth.key, "$.info.publisher", "bliss")
        ready.set()
        _publish(url, feeds, over)
        for feed in feeds:
            scans.end(feed)


def _publish(url: str, feeds: list[ScanFeed], over: Any) -> None:
    link = Link(url, timeout_seconds=5)
    point = 0
    while not over.wait(1 / _POINTS_PER_SECOND):
        for feed in feeds:
            feed.put((point, *[point / 7] * (_COLUMNS - 1)))
        behind = WriterProgress(max(0, point - 20), time_ms=int(time.time() * 1000))
        for writer in _WRITERS:
            record = WriterRecord(writer, "h", "1", "b", int(time.time() * 1000))
            write_writer(link, writer, record)
            link.call(*progress_command(
                writer, {feed.publication.birth.key: behind for feed in feeds}))  # fmt: skip
        point += 1
    link.close()
