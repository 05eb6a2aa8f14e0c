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
from tests.faults.arena import eventually
from tests.faults.patience import Patience

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


def agree(writer: DelayedWriter, shown: Shown, seconds: float, patience: Patience) -> None:
    """Compares for a while, and on until both agree.

    A point on its way at the moment of reading is no disagreement.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline or patience.is_tried:
        before, seen, after = writer.true_lag, shown.lag_seconds, writer.true_lag
        low, high = sorted((before, after))
        allowed = max(0.2, 0.1 * high)
        is_right = seen is not None and low - allowed <= seen <= high + allowed
        patience.look(None if is_right else f"shows {seen}, true are {low:.2f} to {high:.2f} s")
        time.sleep(0.01)


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
    shown, patience = Shown(registry), Patience()
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
        eventually(lambda: shown.up == 1, 20, "the writer is seen")
        agree(writer, shown, 2.0, patience)
        writer.is_down = True
        agree(writer, shown, 2.0, patience)
        writer.is_down = False
        time.sleep(0.3)
        agree(writer, shown, 1.0, patience)
        patience.judge()
        publishing.set()
        scan.join()
        nothing = (0.0, 0.0)
        eventually(lambda: (shown.lag_seconds, shown.lag_points) == nothing, delay + 15, "no lag")
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

    def shown_are(*wanted: float | None) -> bool:
        return (shown.up, shown.lag_points, shown.pending_scans) == wanted

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
        eventually(lambda: shown_are(0, 30, 0), 20, "it is down, and all points wait")
        keys = [feed.publication.birth.key for feed in feeds]
        link.call(*progress_command("spec", {
            keys[0]: WriterProgress(10, WriterScanState.DONE),
            keys[1]: WriterProgress(0, waits=True),
            keys[2]: WriterProgress(9),
        }))  # fmt: skip
        eventually(lambda: shown_are(0, 11, 1), 20, "11 points wait, and a scan")
        forget_writer(link, "spec")
        eventually(lambda: shown_are(None, None, None), 20, "nothing of it is shown")
        assert shown.lag_seconds is None
    finally:
        stop.set()
        tracker.join(10)
        own.shutdown(0)
        link.close()
