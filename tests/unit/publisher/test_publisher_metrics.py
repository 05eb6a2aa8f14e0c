"""What a publisher counts of itself, against a store in memory that fails where a test wants it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from sardana_redis.errors import Outage, ScanRefusedError, StoreUnavailable
from sardana_redis.metrics import RecorderMetrics
from sardana_redis.model import StreamSpec
from sardana_redis.publisher import Publisher
from sardana_redis.settings import PublisherSettings
from sardana_redis.store import Memory

from .test_publisher import END, FaultyStore, begin, eventually, scan_points

PREFIX = "sardana_redis_recorder_"
LATENCY = f"{PREFIX}publish_latency_seconds"


class Counted:
    """A publisher, its store, and the numbers that Prometheus would see."""

    def __init__(self, **settings: Any) -> None:
        self.store = FaultyStore()
        self.registry = CollectorRegistry()
        self.publisher = Publisher(
            self.store,
            PublisherSettings(**settings),
            url="redis://x",
            boot="now",
            metrics=RecorderMetrics(self.registry),
        )

    def value(self, name: str, **labels: str) -> float:
        found = self.registry.get_sample_value(name, labels)
        assert found is not None
        return found

    def errors(self) -> dict[str, float]:
        family = f"{PREFIX}publish_errors"
        (metric,) = (m for m in self.registry.collect() if m.name == family)
        samples = [s for s in metric.samples if s.name.endswith("_total") and s.value]
        return {sample.labels["reason"]: sample.value for sample in samples}


@pytest.fixture
def make() -> Any:
    made: list[Counted] = []

    def build(**settings: Any) -> Counted:
        made.append(Counted(**settings))
        return made[-1]

    yield build
    for counted in made:
        counted.publisher.shutdown(0.0)


Make = Callable[..., Counted]


def test_confirmed_points_count_once(make: Make) -> None:
    counted = make()
    feed = begin(counted.publisher)
    scan_points(feed, 0, 10)
    feed.end(END)
    assert feed.wait(5.0)
    assert counted.value(f"{PREFIX}points_total") == 10
    assert counted.value(f"{PREFIX}resent_points_total") == 0
    assert counted.errors() == {}


def test_several_publishers_are_summed(make: Make) -> None:
    counted = make()
    other = Publisher(
        FaultyStore(),
        PublisherSettings(),
        url="redis://y",
        metrics=counted.publisher._worker._metrics,
    )
    try:
        feeds = [begin(counted.publisher), begin(other)]
        for feed in feeds:
            scan_points(feed, 0, 5)
            feed.end(END)
        assert all(feed.wait(5.0) for feed in feeds)
        assert counted.value(f"{PREFIX}points_total") == 10
    finally:
        other.shutdown(0.0)


def test_points_whose_answer_was_lost_count_once(make: Make) -> None:
    counted = make()
    counted.store.late_faults["append"] = [StoreUnavailable("cut", Outage.LOST)]
    feed = begin(counted.publisher)
    scan_points(feed, 0, 10)
    feed.end(END)
    assert feed.wait(5.0)
    assert counted.value(f"{PREFIX}points_total") == 10
    assert counted.value(f"{PREFIX}resent_points_total") == 0
    assert counted.errors() == {"connection lost": 1}


def test_points_that_never_arrived_are_sent_again(make: Make) -> None:
    counted = make()
    counted.store.faults["append"] = [StoreUnavailable("cut", Outage.LOST)]
    feed = begin(counted.publisher)
    scan_points(feed, 0, 10)
    feed.end(END)
    assert feed.wait(5.0)
    assert counted.value(f"{PREFIX}points_total") == 10
    assert counted.value(f"{PREFIX}resent_points_total") == 10


def test_what_redis_forgot_is_resent_and_not_counted_as_new(make: Make) -> None:
    counted = make()
    feed = begin(counted.publisher)
    scan_points(feed, 0, 10)
    eventually(lambda: counted.value(f"{PREFIX}points_total") == 10)
    counted.store.scans.clear()
    counted.store.run_id = "another"
    counted.store.faults["append"] = [StoreUnavailable("cut", Outage.LOST)]
    scan_points(feed, 10, 12)
    feed.end(END)
    assert feed.wait(5.0)
    assert counted.value(f"{PREFIX}points_total") == 12
    assert counted.value(f"{PREFIX}resent_points_total") >= 10


def test_each_failed_try_counts_under_its_reason(make: Make) -> None:
    counted = make()
    full = StoreUnavailable("OOM", Outage.FULL)
    gone = StoreUnavailable("refused", Outage.UNREACHABLE)
    counted.store.faults["connect"] = [gone, gone, full]
    feed = begin(counted.publisher)
    feed.end(END)
    eventually(lambda: feed.is_delivered)
    assert counted.errors() == {"unreachable": 2, "full": 1}


def test_a_refused_scan_and_a_bug_count(make: Make) -> None:
    counted = make()
    counted.store.faults["bear"] = [ScanRefusedError("no")]
    feed = begin(counted.publisher)
    eventually(lambda: "scan refused" in counted.errors())
    counted.store.faults["append"] = [ZeroDivisionError()]  # type: ignore[list-item]  # a bug
    other = begin(counted.publisher, 2)
    scan_points(other, 0, 1)
    eventually(lambda: other.is_delivered)
    feed.end(END)
    assert counted.errors() == {"scan refused": 1, "other": 1}


def test_what_found_no_room_counts_while_the_scan_still_runs(make: Make) -> None:
    counted = make(buffer_bytes=2**16)
    counted.store.is_down = True
    feed = begin(counted.publisher, streams=(*begin_streams(), StreamSpec("mca", "int32", (512,))))
    for point in range(200):
        feed.put((point, 0.5, [point] * 512))
    drops = feed.intake.dropped_points + feed.intake.dropped_arrays
    assert drops > 0
    eventually(lambda: counted.value(f"{PREFIX}dropped_points_total") == drops)
    counted.store.is_down = False
    feed.end(END)
    eventually(lambda: feed.is_delivered, 10.0)
    assert counted.value(f"{PREFIX}dropped_points_total") == drops


def begin_streams() -> tuple[StreamSpec, ...]:
    return (StreamSpec("#Pt No", "int64"), StreamSpec("ct01", "float64"))


def test_the_latency_is_the_age_of_a_batchs_first_point(make: Make) -> None:
    counted = make()
    feed = begin(counted.publisher)
    eventually(lambda: feed.publication.born)
    time.sleep(1.5)  # the time before the first point is nobody's latency
    scan_points(feed, 0, 1)
    eventually(lambda: counted.value(f"{PREFIX}points_total") == 1)
    assert counted.value(f"{LATENCY}_count") == 1
    assert 0.0 < counted.value(f"{LATENCY}_sum") < 1.4


def test_the_latency_counts_an_outage_from_the_first_point_on(make: Make) -> None:
    counted = make()
    feed = begin(counted.publisher)
    eventually(lambda: feed.publication.born)
    counted.store.is_down = True
    came_at = time.monotonic()
    scan_points(feed, 0, 1)
    time.sleep(0.4)
    scan_points(feed, 1, 5)
    counted.store.is_down = False
    eventually(lambda: counted.value(f"{PREFIX}points_total") == 5)
    waited = time.monotonic() - came_at
    first = counted.value(f"{LATENCY}_sum")
    assert 0.4 <= first <= counted.value(f"{LATENCY}_count") * waited


def test_bytes_that_wait_are_held(make: Make) -> None:
    counted = make()
    counted.store.is_down = True
    feed = begin(counted.publisher)
    scan_points(feed, 0, 10)
    assert counted.publisher.held_bytes == feed.intake.held_bytes > 0
    counted.store.is_down = False
    feed.end(END)
    eventually(lambda: feed.is_delivered)
    assert counted.publisher.held_bytes == 0


def test_it_is_up_while_redis_takes_what_it_sends(make: Make) -> None:
    counted = make()
    assert not counted.publisher.is_up
    feed = begin(counted.publisher)
    eventually(lambda: counted.publisher.is_up)
    counted.store.is_down = True
    scan_points(feed, 0, 1)
    eventually(lambda: not counted.publisher.is_up)
    assert not counted.publisher.is_idle
    counted.store.is_down = False
    feed.end(END)
    eventually(lambda: counted.publisher.is_up)
    eventually(lambda: counted.publisher.is_idle)


def test_a_redis_that_is_nearly_full_is_up(make: Make) -> None:
    counted = make()
    counted.store.memory = Memory(95, 100)
    feed = begin(counted.publisher)
    scan_points(feed, 0, 1)
    eventually(lambda: counted.publisher.is_away)
    assert counted.publisher.is_up
