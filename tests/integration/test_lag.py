"""The lag that the tracker shows against the truth."""

from __future__ import annotations

import threading
import time

import pytest
from prometheus_client import CollectorRegistry

from sardana_redis.local import RedisServer
from sardana_redis.memory_tracker import MemoryTrackerService
from sardana_redis.model import (
    Identity,
    StreamSpec,
    WriterProgress,
    WriterRecord,
    WriterScanState,
)
from sardana_redis.publisher import Publisher, ScanFeed
from sardana_redis.settings import PublisherSettings, Settings
from sardana_redis.store import (
    Link,
    RedisStore,
    forget_writer,
    initialise_database,
    progress_command,
    write_writer,
)

STREAMS = (StreamSpec("#Pt No", "int64"), StreamSpec("ct01", "float64"))


class DelayedWriter(threading.Thread):
    """Reports a point as written a known time after it was published."""

    def __init__(self, url: str, feed: ScanFeed, delay: float) -> None:
        super().__init__(daemon=True)
        self._link = Link(url, timeout_seconds=5)
        self._feed = feed
        self.delay = delay
        self.over = threading.Event()
        self.published: list[float] = []
        self.written = 0
        self.is_down = False

    @property
    def true_lag(self) -> float:
        unwritten = self.published[self.written :]
        return time.time() - unwritten[0] if unwritten else 0.0

    def run(self) -> None:
        while not self.over.wait(0.02):
            if self.is_down:
                continue
            late = time.time() - self.delay
            due = sum(sent <= late for sent in self.published[self.written :])
            if due:
                key = self._feed.publication.birth.key
                progress = WriterProgress(self.written + due, time_ms=int(time.time() * 1000))
                self._link.call(*progress_command("spec", {key: progress}))
                self.written += due
            now_ms = int(time.time() * 1000)
            write_writer(self._link, "spec", WriterRecord("spec", "h", "1", "b", now_ms))


class Shown:
    """What the tracker shows of the writer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def __getattr__(self, name: str) -> float | None:
        labels = {"writer": "spec"}
        return self._registry.get_sample_value(f"sardana_redis_writer_{name}", labels)


def agree(writer: DelayedWriter, shown: Shown, seconds: float) -> None:
    """Compares for a while; a point on its way at the moment of reading is no disagreement."""
    deadline = time.monotonic() + seconds
    worst = 0.0
    while time.monotonic() < deadline:
        before, seen, after = writer.true_lag, shown.lag_seconds, writer.true_lag
        assert seen is not None
        low, high = sorted((before, after))
        allowed = max(0.2, 0.1 * high)
        worst = max(worst, low - seen - allowed, seen - high - allowed)
        time.sleep(0.01)
    assert worst <= 0.0, f"wrong by {worst:.3f} s beyond what is allowed"


@pytest.mark.parametrize("delay", [0.2, 1.0, 3.0])
def test_the_lag_is_the_truth_up_down_and_after_a_restart(
    redis_server: RedisServer, delay: float
) -> None:
    url = redis_server.url
    initialise_database(url)
    registry, stop = CollectorRegistry(), threading.Event()
    service = MemoryTrackerService(Settings(url=url), registry)
    tracker = threading.Thread(target=service.run, args=(stop,))
    own = Publisher(RedisStore(url), PublisherSettings(), url=url, macroserver="ms")
    feed = own.begin(Identity("ascan", 1, "s", "p"), {"publisher": "sardana-redis"}, STREAMS)
    writer = DelayedWriter(url, feed, delay)
    shown = Shown(registry)
    publishing = threading.Event()

    def publish() -> None:
        while not publishing.wait(0.01):
            feed.put((len(writer.published), 0.5))
            writer.published.append(time.time())

    scan = threading.Thread(target=publish)
    for thread in (tracker, writer, scan):
        thread.start()
    try:
        time.sleep(delay + 1.0)
        agree(writer, shown, 2.0)
        assert shown.up == 1
        writer.is_down = True
        agree(writer, shown, 2.0)
        writer.is_down = False
        time.sleep(0.3)
        agree(writer, shown, 1.0)
        publishing.set()
        scan.join()
        time.sleep(delay + 0.5)
        assert (shown.lag_seconds, shown.lag_points) == (0.0, 0.0)
        assert abs((shown.last_progress_timestamp_seconds or 0) - time.time()) < delay + 5
    finally:
        for event in (publishing, writer.over, stop):
            event.set()
        for thread in (tracker, writer, scan):
            thread.join(10)
        own.shutdown(5)


def test_a_writer_that_is_down_or_forgotten(redis_server: RedisServer) -> None:
    url = redis_server.url
    initialise_database(url)
    registry, stop = CollectorRegistry(), threading.Event()
    service = MemoryTrackerService(Settings(url=url), registry)
    tracker = threading.Thread(target=service.run, args=(stop,))
    shown = Shown(registry)
    link = Link(url, timeout_seconds=5)
    own = Publisher(RedisStore(url), PublisherSettings(), url=url, macroserver="ms")
    long_ago = int((time.time() - 60) * 1000)
    write_writer(link, "spec", WriterRecord("spec", "h", "1", "b", long_ago))
    tracker.start()
    try:
        feeds = [
            own.begin(Identity("ascan", n, "s", "p"), {"publisher": "sardana-redis"}, STREAMS)
            for n in range(3)
        ]
        for feed in feeds:
            for point in range(10):
                feed.put((point, 0.5))
        for _ in range(200):
            if shown.lag_points == 30:
                break
            time.sleep(0.02)
        assert (shown.up, shown.lag_points, shown.pending_scans) == (0, 30, 0)
        keys = [feed.publication.birth.key for feed in feeds]
        link.call(*progress_command("spec", {
            keys[0]: WriterProgress(10, WriterScanState.DONE),
            keys[1]: WriterProgress(0, waits=True),
            keys[2]: WriterProgress(9),
        }))  # fmt: skip
        time.sleep(0.5)
        assert (shown.lag_points, shown.pending_scans) == (11, 1)
        forget_writer(link, "spec")
        time.sleep(0.5)
        assert shown.up is shown.lag_seconds is shown.lag_points is None
    finally:
        stop.set()
        tracker.join(10)
        own.shutdown(0)
        link.close()
