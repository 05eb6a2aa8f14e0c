"""What the memory tracker reads and does, on a real Redis."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import numpy as np
import pytest
import redis
from blissdata import DataStore, ScanState
from blissdata.exceptions import ScanNotFoundError

from sardana_redis.errors import Outage, ScanUnreadableError, StoreUnavailable, StoreUnusable
from sardana_redis.keys import STREAM_PREFIX, WRITERS, heartbeat_key, parked_key, progress_key
from sardana_redis.local import RedisServer
from sardana_redis.model import JSON, Identity, StreamSpec, WriterProgress
from sardana_redis.store import (
    Birth,
    Entry,
    RedisStore,
    StreamStanding,
    TrackedScan,
    TrackStore,
    Trimmed,
    new_birth,
    progress_command,
)

STREAMS = (StreamSpec("#Pt No", "int64"), StreamSpec("name", JSON))


@pytest.fixture
def publisher(redis_server: RedisServer) -> Iterator[RedisStore]:
    store = RedisStore(redis_server.url)
    store.connect()
    yield store
    store.disconnect()


@pytest.fixture
def store(redis_server: RedisServer, publisher: RedisStore) -> Iterator[TrackStore]:
    made = TrackStore(redis_server.url)
    assert made.connect()
    yield made
    made.disconnect()


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_server.url) as made:
        yield made


def bear(publisher: RedisStore, number: int = 1) -> Birth:
    info = {"publisher": "sardana-redis", "end_reason": None}
    birth = new_birth(Identity("ascan", number, "s", "p"), info, STREAMS, {"boot": "b"})
    publisher.bear(birth)
    return birth


def publish(publisher: RedisStore, birth: Birth, first: int, points: int) -> None:
    """One entry of numbers, and as many of texts as there are points."""
    numbers, names = birth.stream_keys
    array = np.arange(first, first + points)
    publisher.append(
        [
            Entry(numbers, first, array.tobytes(), points, stamped=True, creates=first == 0),
            *(Entry(names, i, b'"x"', 1, creates=i == 0) for i in array.tolist()),
        ]
    )


def tracked(store: TrackStore, birth: Birth) -> TrackedScan:
    found = store.tracked([birth.key])[birth.key]
    assert isinstance(found, TrackedScan)
    return found


def lengths(client: redis.Redis, birth: Birth) -> list[int]:
    return [client.xlen(key) for key in birth.stream_keys]


def test_a_scan_is_read_by_its_keys(store: TrackStore, publisher: RedisStore) -> None:
    birth = bear(publisher)
    scan = tracked(store, birth)
    assert (scan.key, scan.state_key, scan.publisher) == (
        birth.key,
        birth.state_key,
        "sardana-redis",
    )
    assert sorted(scan.stream_keys) == sorted(birth.stream_keys)
    assert scan.lead == birth.stream_keys[0]
    (state,) = store.last_states([scan])
    assert getattr(state, "state", None) == ScanState.STARTED


def test_standings_tell_the_edges_of_entries(store: TrackStore, publisher: RedisStore) -> None:
    birth = bear(publisher)
    assert store.standings(birth.stream_keys) == [StreamStanding()] * 2
    publish(publisher, birth, 0, 10)
    publish(publisher, birth, 10, 5)
    numbers, names = store.standings(birth.stream_keys)
    assert isinstance(numbers, StreamStanding)
    assert (numbers.first, numbers.first_end, numbers.last_first, numbers.end) == (0, 10, 10, 15)
    assert names == StreamStanding(0, 1, 14, 15)
    assert abs((numbers.stamp_ms or 0) - store.now_ms()) < 5000
    publisher.close_scan(birth, {}, birth.stream_keys)
    sealed = StreamStanding(0, 10, 15, 15, is_sealed=True)
    assert store.standings(birth.stream_keys[:1]) == [sealed]


def test_a_trim_cuts_at_an_edge_below_the_point(
    store: TrackStore, publisher: RedisStore, client: redis.Redis
) -> None:
    birth = bear(publisher)
    for first in range(0, 50, 10):
        publish(publisher, birth, first, 10)
    numbers, names = birth.stream_keys
    assert store.trim([(numbers, 25), (names, 25)]) == [Trimmed(2, 20), Trimmed(25, 25)]
    assert store.trim([(numbers, 30)]) == [Trimmed(1, 30)]
    assert lengths(client, birth) == [2, 25]


def test_no_trim_takes_the_end_of_an_open_stream_or_a_seal(
    store: TrackStore, publisher: RedisStore, client: redis.Redis
) -> None:
    birth = bear(publisher)
    publish(publisher, birth, 0, 10)
    publish(publisher, birth, 10, 10)
    for _ in range(2):
        store.trim([(key, 20) for key in birth.stream_keys])
        assert lengths(client, birth) == [1, 1]
    publisher.close_scan(birth, {}, birth.stream_keys)
    for _ in range(2):
        store.trim([(key, 20) for key in birth.stream_keys])
        assert lengths(client, birth) == [1, 1]
    assert store.standings(birth.stream_keys)[0] == StreamStanding(20, 20, 20, 20, is_sealed=True)


def test_a_trim_works_while_redis_is_full(
    store: TrackStore, publisher: RedisStore, client: redis.Redis
) -> None:
    birth = bear(publisher)
    publish(publisher, birth, 0, 10)
    publish(publisher, birth, 10, 10)
    scan = tracked(store, birth)
    client.config_set("maxmemory", 1)
    assert store.memory().maximum == 1
    assert store.trim([(key, 10) for key in birth.stream_keys]) == [Trimmed(1, 10), Trimmed(10, 10)]
    assert [s.end for s in store.standings(birth.stream_keys) if isinstance(s, StreamStanding)]
    client.delete(heartbeat_key(birth.key))
    with pytest.raises(StoreUnavailable) as caught:
        store.close(scan, "FAILURE", "now")
    assert caught.value.reason is Outage.FULL
    assert store.last_states([scan])[0] is not None
    store.expire(scan, 100)


def test_what_is_no_stream_of_blissdata_is_told_apart(
    store: TrackStore, client: redis.Redis
) -> None:
    client.set("esrf:stream:text", "x")
    client.xadd("esrf:stream:len", {"payload": "x", "len": "many"}, id="5-1")
    text, nonsense = store.standings(["esrf:stream:text", "esrf:stream:len"])
    assert isinstance(text, StoreUnusable)
    assert isinstance(nonsense, StoreUnusable)
    assert store.trim([("esrf:stream:text", 5)]) == [None]


def test_what_is_no_scan_of_blissdata_is_told_apart(store: TrackStore, client: redis.Redis) -> None:
    client.set("esrf:scan:text", "x")
    documents = {"esrf:scan:empty": {}, "esrf:scan:list": [1], "esrf:scan:pk": {
        "state_stream": {"pk": 5}, "data_streams": {}, "info": {}}}  # fmt: skip
    for key, document in documents.items():
        client.json().set(key, "$", document)
    found = store.tracked(["esrf:scan:text", *documents, "esrf:scan:gone"])
    assert list(found) == ["esrf:scan:text", *documents]
    assert all(isinstance(scan, ScanUnreadableError) for scan in found.values())


def test_an_orphan_is_sealed_and_closed_once(
    store: TrackStore, publisher: RedisStore, client: redis.Redis, redis_server: RedisServer
) -> None:
    birth = bear(publisher)
    publish(publisher, birth, 0, 10)
    scan = tracked(store, birth)
    assert not store.close(scan, "FAILURE", "now"), "its heartbeat is there"
    client.delete(heartbeat_key(birth.key))
    publisher.link.pipeline([("FCALL", "seal_stream", 1, birth.stream_keys[1])])
    assert store.close(scan, "FAILURE", "now")
    assert not store.close(scan, "FAILURE", "now"), "it is closed"
    found = DataStore(redis_server.url).load_scan(birth.key)
    assert (found.state, found.info["end_reason"]) == (ScanState.CLOSED, "FAILURE")
    assert all(stream.is_sealed() and len(stream) == 10 for stream in found.streams.values())


def test_the_time_of_a_point_is_that_of_its_entry(
    store: TrackStore, publisher: RedisStore, client: redis.Redis
) -> None:
    birth = bear(publisher)
    stamps = []
    for first in (0, 10, 20):
        publish(publisher, birth, first, 10)
        stamps.append(store.standings(birth.stream_keys)[0].stamp_ms)
        time.sleep(0.01)
    lead, names = birth.stream_keys
    points = [0, 9, 10, 29, 30]
    assert store.times([(lead, n) for n in points]) == [stamps[0]] * 2 + [*stamps[1:], None]
    assert store.times([(names, 0), ("esrf:stream:gone", 3)]) == [None, None]
    publisher.close_scan(birth, {}, birth.stream_keys)
    store.trim([(lead, 15)])
    assert store.times([(lead, 3), (lead, 30)]) == [stamps[1], None]


def test_expiry_is_only_ever_shortened(store: TrackStore, publisher: RedisStore) -> None:
    birth = bear(publisher)
    scan = tracked(store, birth)
    assert store.seconds_to_live([birth.key]) == [-1]
    store.expire(scan, 100)
    store.expire(scan, 1000)
    assert store.seconds_to_live([birth.key]) in ([100], [99])


def test_a_deleted_scan_is_gone_for_blissdata(
    store: TrackStore, publisher: RedisStore, redis_server: RedisServer
) -> None:
    birth = bear(publisher)
    publisher.close_scan(birth, {}, birth.stream_keys)
    store.delete(tracked(store, birth))
    with pytest.raises(ScanNotFoundError):
        DataStore(redis_server.url).load_scan(birth.key)
    assert store.seconds_to_live([birth.key, "esrf:scan:never"]) == [None, None]


def test_positions_are_those_of_registered_writers(store: TrackStore, client: redis.Redis) -> None:
    record = json.dumps({"kind": "spec", "host": "h", "version": "1", "boot": "b", "seen": 1})
    for name in ("spec", "odd", "silent"):
        client.hset(WRITERS, name, record)
    for name in ("spec", "forgotten"):
        client.execute_command(*progress_command(name, {"esrf:scan:a": WriterProgress(5)}))
    client.set(progress_key("odd"), "x")
    assert set(store.writers()) == {"spec", "odd", "silent"}
    assert store.progress("spec") == {"esrf:scan:a": WriterProgress(5)}
    assert store.progress("silent") == store.progress("spec", ["esrf:scan:b"]) == {}
    assert store.progress("spec", ["esrf:scan:a", "esrf:scan:b"]) == store.progress("spec")
    with pytest.raises(StoreUnusable):
        store.progress("odd")


def test_what_writers_said_of_a_scan_that_is_gone_is_removed(
    store: TrackStore, client: redis.Redis
) -> None:
    for make in (progress_key, parked_key):
        client.hset(make("spec"), mapping={"esrf:scan:a": "{}", "esrf:scan:b": "{}"})
    store.forget_progress("spec", ["esrf:scan:a"])
    assert (
        client.hkeys(progress_key("spec")) == client.hkeys(parked_key("spec")) == [b"esrf:scan:b"]
    )


def test_the_journal_of_blissdata_s_own_tracker_is_seen(
    store: TrackStore, client: redis.Redis
) -> None:
    assert store.foreign_journal_end() == b""
    entry = client.xadd("_MEMORY_TRACKING_", {f"{STREAM_PREFIX}a": "5-1"})
    assert store.foreign_journal_end() == entry


def test_the_server_s_process_has_an_id(store: TrackStore, redis_server: RedisServer) -> None:
    before = store.run_id()
    store.disconnect()
    redis_server.restart()
    store.connect()
    assert store.run_id() != before
