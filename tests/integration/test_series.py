"""The number of series of `/metrics` stays the same, however much is scanned."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from sardana_redis.local import RedisServer
from sardana_redis.memory_tracker import MemoryTrackerService
from sardana_redis.metrics import WriterMetrics
from sardana_redis.model import EndReason
from sardana_redis.settings import Settings, SpecWriterSettings
from sardana_redis.spec_writer import SpecWriter
from sardana_redis.store import initialise_database
from tests import scans
from tests.faults.arena import eventually

_SCANS = 1000
_WARM = 50


def series(registry: CollectorRegistry) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """All series: each name with its labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in registry.collect()
        for sample in family.samples
    }


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return registry.get_sample_value(f"sardana_redis_{name}", labels) or 0.0


@pytest.mark.timeout(120)
def test_a_thousand_scans_add_no_series(redis_server: RedisServer, tmp_path: Path) -> None:
    url = redis_server.url
    initialise_database(url)
    of_tracker, of_writer, stop = CollectorRegistry(), CollectorRegistry(), threading.Event()
    own = SpecWriterSettings(fsync=False)
    tracker = MemoryTrackerService(Settings(url=url), of_tracker)
    writer = SpecWriter(
        Settings(url=url, spec_writer=own), WriterMetrics(of_writer, own.writer_name)
    )
    threads = [threading.Thread(target=part.run, args=(stop,)) for part in (tracker, writer)]
    for thread in threads:
        thread.start()
    columns = scans.scalar_columns(5)
    numbers = itertools.count(1)
    reasons = itertools.cycle(EndReason)

    def scan(publisher: scans.Publisher, count: int) -> None:
        feeds = []
        for number in itertools.islice(numbers, count):
            start = scans.scan_start(
                number, [tmp_path / f"{number % 40}.dat"], columns,
                title=f"macro{number} mot{number} 0 1", session=f"session{number}",
            )  # fmt: skip
            feed = scans.begin(publisher, start)
            for point in range(3):
                feed.put((point, *[point / 7] * 4))
            scans.end(feed, next(reasons))
            feeds.append(feed)
        assert all(feed.wait(60) for feed in feeds)

    def all_seen(count: int) -> bool:
        closed = sum(value(of_tracker, "scans_closed_total", end_reason=r) for r in EndReason)
        written = value(of_writer, "writer_scans_total", writer="spec", result="done")
        lag = of_tracker.get_sample_value(
            "sardana_redis_writer_lag_points", {"writer": "spec"})  # fmt: skip
        known = value(of_tracker, "scans", state="CLOSED")
        return closed > 0 and known == written == count and lag == 0

    try:
        with scans.publisher(url) as publisher:
            scan(publisher, _WARM)
            eventually(lambda: all_seen(_WARM), 30, "the first scans are written and seen")
            before = series(of_tracker), series(of_writer)
            scan(publisher, _SCANS - _WARM)
            eventually(lambda: all_seen(_SCANS), 60, "all scans are written and seen")
        assert (series(of_tracker), series(of_writer)) == before
        assert all(len(found) > 5 for found in before)
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
