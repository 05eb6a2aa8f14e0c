"""The memory tracker on a real Redis, with the real publisher."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from blissdata import DataStore, ScanState
from blissdata.exceptions import ScanNotFoundError
from blissdata.streams.default import Stream
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from sardana_redis.errors import TrackingRefusedError
from sardana_redis.keys import WRITERS, heartbeat_key, progress_key
from sardana_redis.local import RedisServer
from sardana_redis.memory_tracker import MemoryTrackerService, _policy
from sardana_redis.model import (
    EndReason,
    Identity,
    ScanEnd,
    StreamSpec,
    WriterProgress,
    WriterScanState,
)
from sardana_redis.publisher import Publisher, ScanFeed
from sardana_redis.settings import MemoryTrackerSettings, PublisherSettings, Settings
from sardana_redis.store import initialise_database, progress_command
from tests.scans import end

SPECTRUM = 1000
STREAMS = (
    StreamSpec("#Pt No", "int64"),
    StreamSpec("ct01", "float64"),
    StreamSpec("mca", "float64", (SPECTRUM,)),
)
MB = 2**20
ROW = np.arange(SPECTRUM, dtype="float64")
_THREAD = "memory-tracker"


@pytest.fixture
def small_redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis", arguments=("--maxmemory", "64mb")) as server:
        initialise_database(server.url)
        yield server


@contextmanager
def tracker(url: str, **own: Any) -> Iterator[CollectorRegistry]:
    """The service in a thread; what it raised is raised at the end."""
    registry = CollectorRegistry()
    quick = {"monitoring_period": 0.5, "protected_history": 0, **own}
    # A shorter time than the settings allow, for tests that take heartbeats away.
    silence = {"orphan_timeout": quick.pop("orphan_timeout", 600.0)}
    settings = MemoryTrackerSettings(**quick).model_copy(update=silence)
    service = MemoryTrackerService(Settings(url=url, memory_tracker=settings), registry)
    stop = threading.Event()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            service.run(stop)
        except BaseException as error:  # noqa: BLE001 - it is raised again below
            errors.append(error)

    thread = threading.Thread(target=run, name=_THREAD)
    thread.start()
    try:
        until(lambda: service.health.is_ready or not thread.is_alive())
        yield registry
        assert errors or service.health.is_alive
    finally:
        stop.set()
        thread.join(20)
    for error in errors:
        raise error


def has_ended() -> bool:
    """Whether the service has left its thread, before it was told to."""
    return all(thread.name != _THREAD for thread in threading.enumerate())


@contextmanager
def publisher(url: str) -> Iterator[Publisher]:
    made = Publisher(RedisStoreOf(url), PublisherSettings(), url=url, macroserver="tests")
    try:
        yield made
    finally:
        made.shutdown(20)


def RedisStoreOf(url: str) -> Any:  # noqa: N802 - it stands for the class
    from sardana_redis.store import RedisStore

    return RedisStore(url)


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


def begin(own: Publisher, number: int = 1) -> ScanFeed:
    info = {"title": "t", "publisher": "sardana-redis", "start_time": "2026-11-25T10:00:00+01:00"}
    return own.begin(Identity("ascan", number, "s", "p"), info, STREAMS)


def put(feed: ScanFeed, first: int, points: int) -> None:
    for point in range(first, first + points):
        feed.put((point, point / 2, ROW))


def key_of(feed: ScanFeed) -> str:
    return feed.publication.birth.key


def register(client: redis.Redis, name: str = "spec") -> None:
    record = {"kind": "spec", "host": "h", "version": "1", "boot": "b", "seen": 1}
    client.hset(WRITERS, name, json.dumps(record))


def report(client: redis.Redis, feed: ScanFeed, points: int, state: str = "open") -> None:
    progress = {key_of(feed): WriterProgress(points, WriterScanState(state))}
    client.execute_command(*progress_command("spec", progress))


def lengths(client: redis.Redis, feed: ScanFeed) -> tuple[int, ...]:
    return tuple(client.xlen(key) for key in feed.publication.birth.stream_keys)


def first_points(client: redis.Redis, feed: ScanFeed) -> tuple[int, ...]:
    entries = [client.xrange(k, count=1) for k in feed.publication.birth.stream_keys]
    return tuple(int(found[0][0].split(b"-")[0]) if found else -1 for found in entries)


@pytest.fixture
def client(small_redis: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(small_redis.url) as made:
        yield made


Lines = list[Any]


@pytest.fixture
def lines() -> Iterator[Lines]:
    with capture_logs() as found:
        yield found


class Gauge(threading.Thread):
    """The most memory that Redis used."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._client = redis.Redis.from_url(url)
        self.over = threading.Event()
        self.most = 0

    def __enter__(self) -> Gauge:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.join()
        self._client.close()

    def run(self) -> None:
        while not self.over.wait(0.01):
            self.most = max(self.most, self._client.info("memory")["used_memory"])


def test_memory_stays_bounded_and_no_scan_is_cut_short(
    small_redis: RedisServer, client: redis.Redis
) -> None:
    register(client)
    with (
        tracker(small_redis.url) as registry,
        publisher(small_redis.url) as own,
        Gauge(small_redis.url) as gauge,
    ):
        for number in range(4):  # 4 times 48 MB
            feed = begin(own, number)
            for first in range(0, 6000, 100):
                put(feed, first, 100)
                report(client, feed, max(0, feed.publication.next_index - 200))
            end(feed)
            until(lambda feed=feed: feed.is_delivered, 60)
            report(client, feed, 6000, "done")
            standing = RedisStoreOf(small_redis.url)
            standing.connect()
            assert standing.look_up(feed.publication.birth).lengths == (6000,) * 3
            standing.disconnect()
    assert gauge.most < 0.95 * 64 * MB
    assert registry.get_sample_value("sardana_redis_memory_reclaims_total", {"reason": "written"})
    assert not registry.get_sample_value(
        "sardana_redis_memory_reclaims_total", {"reason": "unread"}
    )
    assert client.info("stats").get("total_error_replies", 0) == 0 or "OOM" not in str(
        client.info("errorstats")
    )


def test_what_a_writer_needs_is_kept_while_the_publisher_waits(
    small_redis: RedisServer, client: redis.Redis
) -> None:
    register(client)
    with tracker(small_redis.url) as registry, publisher(small_redis.url) as own:
        feed = begin(own)
        put(feed, 0, 10_000)
        until(lambda: own._worker.delivery.brake.is_full)
        until(lambda: registry.get_sample_value(
            "sardana_redis_memory_reclaim_failures_total"))  # fmt: skip
        time.sleep(1.0)  # ten turns
        assert first_points(client, feed) == (0, 0, 0)
        until(lambda: report(client, feed, feed.publication.next_index)
              or feed.publication.next_index == 10_000)  # fmt: skip
        assert min(first_points(client, feed)) > 0
        end(feed)
        until(lambda: feed.is_delivered)


def test_what_is_lost_above_the_hard_threshold_is_counted(
    small_redis: RedisServer, client: redis.Redis, lines: Lines
) -> None:
    """The publisher waits at 90 % of maxmemory; here the tracker gives up what is unread first."""
    register(client)
    limits = {"cleaning_threshold": 50, "hard_threshold": 60}
    with tracker(small_redis.url, **limits) as registry, publisher(small_redis.url) as own:
        feed = begin(own)

        def gone() -> int:
            return max(first_points(client, feed)) - 1000

        def lost() -> int:
            return sum(line["points"] for line in lines if "still needed" in line["event"])

        put(feed, 0, 1000)
        until(lambda: feed.publication.next_index == 1000)
        report(client, feed, 1000)
        for first in range(1000, 12_000, 500):
            put(feed, first, 500)
            time.sleep(0.1)
        until(lambda: feed.publication.next_index == 12_000)
        until(lambda: client.info("memory")["used_memory"] < 0.6 * 64 * MB)
        end(feed)
        until(lambda: feed.is_delivered)
        until(lambda: lost() == gone() > 0)
        assert gone() < 12_000
        counted = registry.get_sample_value(
            "sardana_redis_memory_reclaims_total", {"reason": "unread"}
        )
        assert counted
        assert counted > 1


def test_an_orphan_is_closed_in_time_and_what_lives_is_not(
    small_redis: RedisServer, client: redis.Redis
) -> None:
    with publisher(small_redis.url) as own:
        lives, orphan = begin(own, 1), begin(own, 2)
        for feed in (lives, orphan):
            put(feed, 0, 10)
        until(lambda: orphan.publication.next_index == 10 and lives.publication.next_index == 10)
        bliss = client.json().get(key_of(lives), "$")[0]
        bliss["info"]["publisher"] = "bliss"
        client.json().set("esrf:scan:01BLISS", "$", bliss)
        own._worker.feeds = tuple(f for f in own._worker.feeds if f is not orphan)
        client.delete(heartbeat_key(key_of(orphan)))
        store = DataStore(small_redis.url)
        reader = store.load_scan(key_of(orphan))
        begun = time.monotonic()
        with tracker(small_redis.url, orphan_timeout=2.0) as registry:
            while reader.state < ScanState.CLOSED:
                assert reader.update(timeout=10)
            assert 1.5 < time.monotonic() - begun < 12
            assert reader.info["end_reason"] == "FAILURE"
            assert all(len(s) == 10 and s.is_sealed() for s in reader.streams.values())
            time.sleep(1.5)
            assert store.load_scan(key_of(lives)).state is ScanState.STARTED
            name = "sardana_redis_orphan_scans_closed_total"
            until(lambda: registry.get_sample_value(name) == 1)
            until(lambda: registry.get_sample_value(
                "sardana_redis_scans_closed_total", {"end_reason": "FAILURE"}) == 1)  # fmt: skip
        end(lives)
        assert lives.wait(10)


def test_no_scan_is_closed_because_redis_was_away(small_redis: RedisServer) -> None:
    with (
        publisher(small_redis.url) as own,
        tracker(small_redis.url, orphan_timeout=2.0) as registry,
    ):

        def gauge(name: str, **labels: str) -> float:
            value = registry.get_sample_value(f"sardana_redis_{name}", labels)
            assert value is not None
            return value

        feed = begin(own)
        put(feed, 0, 10)
        until(lambda: feed.publication.next_index == 10)
        until(lambda: gauge("scans", state="STARTED") == 1)
        own._worker.delivery.brake.pulse_seconds = 60
        small_redis.stop()
        until(lambda: isnan(gauge("memory_used_bytes")))
        until(lambda: isnan(gauge("scans", state="STARTED")))
        time.sleep(2)
        small_redis.start()
        until(lambda: gauge("memory_used_bytes") > 0)
        until(lambda: gauge("scans", state="STARTED") == 1)
        time.sleep(4)
        assert gauge("scans", state="STARTED") == 1
        put(feed, 10, 10)
        until(lambda: feed.publication.next_index == 20)
        end(feed)
        assert feed.wait(10)
        assert DataStore(small_redis.url).load_scan(key_of(feed)).info["end_reason"] == "SUCCESS"


def test_a_closed_scan_expires_when_the_last_writer_has_finished_it(
    small_redis: RedisServer, client: redis.Redis
) -> None:
    register(client)
    with tracker(small_redis.url, closed_scan_deletion=1000), publisher(small_redis.url) as own:
        feed = begin(own)
        put(feed, 0, 10)
        end(feed)
        assert feed.wait(10)
        time.sleep(2.5)
        assert client.ttl(key_of(feed)) == -1
        report(client, feed, 10, "done")
        birth = feed.publication.birth
        for key in (birth.key, birth.state_key, *birth.stream_keys):
            until(lambda key=key: 0 < client.ttl(key) <= 1000)
        client.delete(birth.key)
        until(lambda: not client.hexists(progress_key("spec"), birth.key))


def test_poison_is_skipped_with_one_line_each(
    small_redis: RedisServer, client: redis.Redis, lines: Lines
) -> None:
    def skipped() -> list[str]:
        return [line["what"] for line in lines if "Skipped" in line["event"]]

    with publisher(small_redis.url) as own:
        feed = begin(own)
        put(feed, 0, 10)
        until(lambda: feed.publication.next_index == 10)
        document = client.json().get(key_of(feed), "$")[0]
        document["data_streams"]["ct01"]["pk"] = "poison"
        document["info"]["publisher"] = "bliss"
        client.json().set("esrf:scan:01POISONSTREAM", "$", document)
        client.set("esrf:stream:poison", "x")
        client.json().set("esrf:scan:01EMPTY", "$", {})
        client.xadd("_SCAN_HISTORY_", {"key": "esrf:scan:01STRING"})
        client.set("esrf:scan:01STRING", "x")
        client.set(progress_key("odd"), "x")
        register(client, "odd")
        client.json().set(b"esrf:scan:\xff", "$", {})
        pipe = client.pipeline(transaction=False)
        for number in range(100_000):
            pipe.set(f"foreign:{number}", "x")
        pipe.execute()
        with tracker(small_redis.url) as registry:
            end(feed)
            assert feed.wait(10)
            until(lambda: registry.get_sample_value(
                "sardana_redis_scans_closed_total", {"end_reason": "SUCCESS"}) == 1)  # fmt: skip
            until(lambda: len(skipped()) >= 3)
            time.sleep(2)
    assert sorted(skipped()) == ["esrf:scan:01EMPTY", "esrf:stream:poison", "the positions of odd"]


def test_it_stops_where_blissdata_s_own_tracker_runs(
    small_redis: RedisServer, client: redis.Redis
) -> None:
    client.xadd("_MEMORY_TRACKING_", {"a": "b"})

    def begin_the_other_one() -> None:
        with tracker(small_redis.url) as registry:
            time.sleep(2.5)
            assert registry.get_sample_value("sardana_redis_memory_used_bytes")
            client.xadd("_MEMORY_TRACKING_", {"a": "b"})
            until(has_ended)

    with pytest.raises(TrackingRefusedError, match="memory_tracker"):
        begin_the_other_one()


def command(url: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sardana_redis", "memory-tracker", "--redis-url", url, *words],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )


def test_it_stops_where_there_is_no_maxmemory(
    small_redis: RedisServer, client: redis.Redis
) -> None:
    client.config_set("maxmemory", 0)
    process = command(small_redis.url)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Redis has no maxmemory" in said


def test_the_command_initialises_says_its_limits_and_ends_at_a_signal(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis", arguments=("--maxmemory", "4gb")) as server:
        process = command(server.url, "--init-db", "--monitoring-period", "1")
        assert process.stderr is not None
        events = []
        for line in process.stderr:
            events.append(json.loads(line)["event"])
            if events[-1].startswith("Memory usage"):
                break
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert process.returncode == 0
    assert events[:3] == [
        "INIT | Redis max. memory: 4GB",
        "INIT | Mem. usage to trigger cleanup: 80% (3.2GB)",
        "INIT | Protected history length: 180 seconds",
    ]


def test_no_scan_is_closed_while_redis_is_full_or_frozen(
    small_redis: RedisServer, client: redis.Redis
) -> None:
    with publisher(small_redis.url) as own, tracker(small_redis.url, orphan_timeout=2.0):
        feed = begin(own)
        put(feed, 0, 10)
        until(lambda: feed.publication.next_index == 10)
        birth = feed.publication.birth
        client.config_set("maxmemory", 1_000_000)
        until(lambda: client.delete(heartbeat_key(birth.key)))
        time.sleep(4)
        assert client.xrevrange(birth.state_key, count=1)[0][1] == {b"state": b"2"}
        client.config_set("maxmemory", "64mb")
        until(lambda: client.exists(heartbeat_key(birth.key)), 10)
        small_redis.pause()
        time.sleep(7)
        small_redis.resume()
        time.sleep(2)
        end(feed)
        until(lambda: feed.is_delivered)
        assert DataStore(small_redis.url).load_scan(birth.key).info["end_reason"] == "SUCCESS"


def bliss_scan(url: str, number: int) -> Any:
    """An open scan of blissdata's own making: each point is an entry, each stream as it likes."""
    identity = {"name": "bliss", "number": number, "data_policy": "p", "session": "s",
                "path": "/x.h5"}  # fmt: skip
    scan = DataStore(url).create_scan(identity, info={"name": "bliss"})
    for name, points in (("slow", 20), ("fast", 2000)):
        stream = scan.create_stream(Stream.make_definition(name, "float64", (100,)))
        for point in range(points):
            stream.send(np.full(100, float(point)))
    scan.prepare()
    scan.start()
    return scan


def test_scans_of_other_publishers_are_trimmed_stream_by_stream(
    small_redis: RedisServer, client: redis.Redis
) -> None:
    scan = bliss_scan(small_redis.url, 1)
    with tracker(small_redis.url):
        time.sleep(1.5)  # its data grow old
        reader = DataStore(small_redis.url).load_scan(scan.key)
        used = client.info("memory")["used_memory"]
        client.config_set("maxmemory", int(used / 0.85))
        until(lambda: client.info("memory")["used_memory"] < 0.8 * used / 0.85)
        client.config_set("maxmemory", "64mb")
        for name, points in (("slow", 20), ("fast", 2000)):
            assert len(reader.streams[name]) == points
            assert reader.streams[name][points - 1][0] == points - 1
        assert client.xlen(reader.streams["fast"].key) < 2000
        scan.stop()
        scan.close()


def test_a_silent_scan_of_anybody_is_deleted(small_redis: RedisServer) -> None:
    scan = bliss_scan(small_redis.url, 1)
    store = DataStore(small_redis.url)
    reader = store.load_scan(scan.key)
    with tracker(small_redis.url, inactive_scan_deletion=1.0) as registry:
        while reader.state < ScanState.CLOSED:
            assert reader.update(timeout=20)
        assert reader.info["end_reason"] == "DELETION"
        labels = {"reason": "inactive"}
        until(lambda: registry.get_sample_value("sardana_redis_memory_reclaims_total", labels))
        with pytest.raises(ScanNotFoundError):
            store.load_scan(scan.key)
        until(lambda: registry.get_sample_value("sardana_redis_scans", {"state": "CLOSED"}) == 0)


def test_finished_scans_go_when_their_documents_fill_redis(
    small_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_policy, "_LEAST_AGE_OF_DELETION_SECONDS", 0.0)
    with publisher(small_redis.url) as own:
        feeds = []
        for number in range(60):
            info = {"title": "t", "publisher": "sardana-redis", "snapshot": ["x" * 100] * 8000}
            feeds.append(own.begin(Identity("ascan", number, "s", "p"), info, STREAMS))
            feeds[-1].end(ScanEnd(EndReason.SUCCESS, datetime.now().astimezone()))
        until(lambda: all(feed.is_delivered for feed in feeds), 60)
        with redis.Redis.from_url(small_redis.url) as client:
            used = client.info("memory")["used_memory"]
            client.config_set("maxmemory", int(used / 0.89))
            with tracker(small_redis.url):
                until(lambda: client.ttl(key_of(feeds[0])) in range(11))
                until(lambda: not client.exists(key_of(feeds[0])), 15)
                assert client.ttl(key_of(feeds[-1])) > 10
