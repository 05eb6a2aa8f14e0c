"""Following scans on a real Redis: births, backlogs beyond the history, outages, reports."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from sardana_redis.errors import ScanUnreadableError, StoreUnavailable, WriterConflictError
from sardana_redis.follower import Desk
from sardana_redis.keys import HISTORY, WRITERS, parked_key, progress_key
from sardana_redis.local import RedisServer
from sardana_redis.model import ScanState, Snapshot, WriterProgress, WriterRecord, WriterScanState
from sardana_redis.publisher import Publisher
from sardana_redis.settings import WriterSettings
from sardana_redis.store import (
    Chunk,
    FollowedScan,
    FollowStore,
    Link,
    Order,
    OrderKind,
    ParkedScan,
    RedisStore,
    ScanReader,
    forget_writer,
    give_order,
    list_parked,
    order_parked,
    read_orders,
    read_parked,
    read_progress,
    read_writers,
    remove_order,
    write_parked,
    write_writer,
)
from sardana_redis.vitals import Trouble, Vitals
from tests import scans
from tests.faults.arena import eventually

DONE = WriterProgress(3, WriterScanState.DONE)
RETRY = Order(OrderKind.RETRY)
SKIP = Order(OrderKind.SKIP)


@pytest.fixture
def publisher(redis_server: RedisServer) -> Iterator[Publisher]:
    with scans.publisher(redis_server.url) as publisher:
        yield publisher


@pytest.fixture
def store(redis_server: RedisServer) -> Iterator[FollowStore]:
    store = FollowStore(redis_server.url)
    yield store
    store.disconnect()


def publish(publisher: Publisher, number: int, points: int = 3) -> str:
    start = scans.scan_start(number, ["/data/a.dat"], scans.scalar_columns(5))
    return scans.scan(publisher, start, ([i, *[i / 7] * 4] for i in range(points)))


def desk(store: FollowStore, **settings: object) -> Desk:
    return Desk(store, "test", WriterSettings(writer_name="w", **settings))


def beat_at_once(own: Desk) -> None:
    own._presence._beat.hurry()
    own.beat()


def test_a_database_that_nobody_initialised_is_waited_for(
    redis_server: RedisServer, store: FollowStore
) -> None:
    own = desk(store)
    assert own.open() == []
    assert not own.is_initialised
    with scans.publisher(redis_server.url) as publisher:
        key = publish(publisher, 1)
    assert own.news({}, 1.0) == [key]


def test_a_birth_wakes_and_brings_the_whole_document(
    publisher: Publisher, store: FollowStore
) -> None:
    first = publish(publisher, 1)
    own = desk(store)
    assert own.open() == [first]
    began = time.monotonic()
    assert own.news({}, 0.2) == []
    assert time.monotonic() - began > 0.15
    second = publish(publisher, 2)
    assert own.news({}, 5.0) == [second]
    scan = store.load([second])[second]
    assert isinstance(scan, FollowedScan)
    assert [stream.name for stream in scan.streams] == ["#Pt No", "mot01", "ct001", "ct002", "dt"]
    assert scan.identity["number"] == 2
    assert store.states([scan]) == [ScanState.CLOSED]
    reader = ScanReader(scan, ["#Pt No", "ct001"])
    assert store.read([reader]) == [None]
    chunk = reader.take(100)
    assert isinstance(chunk, Chunk)
    assert list(chunk.values["#Pt No"]) == [0, 1, 2]
    assert reader.has_ended


def test_scans_beyond_the_history_are_found_too_oldest_first(
    redis_server: RedisServer, publisher: Publisher, store: FollowStore
) -> None:
    keys = [publish(publisher, number) for number in range(5)]
    redis.Redis.from_url(redis_server.url).xtrim(HISTORY, maxlen=1, approximate=False)
    assert desk(store).open() == keys


def test_what_is_reported_is_not_handed_out_again(
    redis_server: RedisServer, publisher: Publisher, store: FollowStore
) -> None:
    keys = [publish(publisher, number) for number in range(3)]
    own = desk(store)
    assert own.open() == keys
    own.report(keys[0], DONE)
    own.report(keys[1], WriterProgress(1))
    before = time.time_ns() // 10**6 - 1
    own.flush()
    report = read_progress(store.link, "w")[keys[0]]
    assert (report.points, report.state) == (3, WriterScanState.DONE)
    assert before <= report.time_ms <= time.time_ns() // 10**6 + 1
    again = desk(FollowStore(redis_server.url))
    assert again.open() == keys[1:]


def test_a_new_writer_may_begin_with_what_is_new(publisher: Publisher, store: FollowStore) -> None:
    old = publish(publisher, 1)
    own = desk(store, first_start="new")
    assert own.open() == []
    own.flush()
    assert read_progress(store.link, "w")[old].state is WriterScanState.SKIPPED
    new = publish(publisher, 2)
    assert own.news({}, 1.0) == [new]


def test_a_redis_that_came_back_empty_makes_no_writer_new(
    redis_server: RedisServer, store: FollowStore
) -> None:
    own = desk(store, first_start="new")
    with scans.publisher(redis_server.url) as publisher:
        publish(publisher, 1)
        assert own.open() == []
    redis.Redis.from_url(redis_server.url).flushall()
    with scans.publisher(redis_server.url) as publisher:
        new = publish(publisher, 2)
    assert own.open() == [new]


def test_reports_that_redis_forgot_are_sent_again(
    redis_server: RedisServer, publisher: Publisher, store: FollowStore
) -> None:
    key = publish(publisher, 1)
    own = desk(store)
    own.open()
    own.report(key, DONE)
    own.flush()
    redis.Redis.from_url(redis_server.url).delete(progress_key("w"))
    assert own.open() == []
    own.flush()
    assert read_progress(store.link, "w")[key].state is WriterScanState.DONE


def test_reports_of_scans_that_are_gone_are_removed(
    redis_server: RedisServer, publisher: Publisher, store: FollowStore
) -> None:
    key = publish(publisher, 1)
    own = desk(store)
    own.open()
    own.report(key, DONE)
    own.flush()
    redis.Redis.from_url(redis_server.url).delete(key)
    desk(store).open()
    assert read_progress(store.link, "w") == {}


def test_reports_wait_while_redis_is_full(
    redis_server: RedisServer, publisher: Publisher, store: FollowStore
) -> None:
    key = publish(publisher, 1)
    own = desk(store)
    own.open()
    client = redis.Redis.from_url(redis_server.url)
    client.config_set("maxmemory", 1)
    own.report(key, DONE)
    own.park(key, ParkedScan("p", "r", 1))
    own.flush()
    assert read_progress(store.link, "w") == {}
    client.config_set("maxmemory", "1gb")
    own.flush()
    assert read_progress(store.link, "w")[key].state is WriterScanState.DONE


def test_a_writer_registers_and_shows_that_it_lives(store: FollowStore) -> None:
    own = desk(store)
    own.open()
    record = read_writers(store.link)["w"]
    assert record.kind == "test"
    time.sleep(0.01)
    beat_at_once(own)
    assert read_writers(store.link)["w"].seen_ms > record.seen_ms


def test_a_writer_that_was_forgotten_while_it_runs_reports_all_again(
    publisher: Publisher, store: FollowStore
) -> None:
    """Else the memory tracker would keep for it what it has written long ago."""
    key = publish(publisher, 1)
    own = desk(store)
    own.open()
    own.report(key, DONE)
    own.flush()
    assert forget_writer(store.link, "w")
    with pytest.raises(StoreUnavailable, match="the writer w was forgotten"):
        beat_at_once(own)
    assert own.open() == []
    own.flush()
    beat_at_once(own)
    assert read_progress(store.link, "w")[key].state is WriterScanState.DONE


def test_a_writer_that_a_full_redis_did_not_register_goes_on(
    redis_server: RedisServer, publisher: Publisher, store: FollowStore
) -> None:
    publish(publisher, 1)
    client = redis.Redis.from_url(redis_server.url)
    client.config_set("maxmemory", 1)
    own = desk(store)
    own.open()
    beat_at_once(own)
    assert read_writers(store.link) == {}
    client.config_set("maxmemory", "1gb")
    beat_at_once(own)
    beat_at_once(own)
    assert set(read_writers(store.link)) == {"w"}


def test_of_two_writers_with_one_name_the_later_one_gives_up(
    redis_server: RedisServer, store: FollowStore
) -> None:
    first = desk(store)
    first.open()
    time.sleep(0.01)
    second = desk(FollowStore(redis_server.url))
    second.open()
    for own in (first, second):
        time.sleep(0.01)
        own._presence._beat.hurry()
        if own is first:
            own.beat()
    with pytest.raises(WriterConflictError, match="is the writer 'w' already"):
        second.beat()


def test_the_second_of_two_writers_with_one_name_says_nothing_of_scans(
    redis_server: RedisServer, publisher: Publisher, store: FollowStore
) -> None:
    """What it says at last would stand for the first one too, which still writes them."""
    key = publish(publisher, 1)
    first = desk(store)
    first.open()
    first.park(key, ParkedScan("p", "r", 1))
    first.flush()
    time.sleep(0.01)
    second = desk(FollowStore(redis_server.url))
    assert second.open() == [key]
    second.report(key, WriterProgress(0, WriterScanState.SKIPPED))
    second.flush()
    time.sleep(0.01)
    beat_at_once(first)
    with pytest.raises(WriterConflictError):
        beat_at_once(second)
    second.flush()
    assert read_progress(store.link, "w") == {}
    assert [parked.key for parked in list_parked(redis_server.url)] == [key]


@pytest.mark.parametrize(("seconds_ago", "waits"), [(1.0, True), (60.0, False)])
def test_a_restarted_writer_leaves_scans_out_once_the_process_before_is_silent(
    publisher: Publisher, store: FollowStore, seconds_ago: float, waits: bool
) -> None:
    written, left_out = publish(publisher, 1), publish(publisher, 2)
    store.connect()
    seen_ms = store.now_ms() - int(seconds_ago * 1000)
    write_writer(store.link, "w", WriterRecord("test", "h", "1", "0", seen_ms))
    write_parked(store.link, "w", "gone", ParkedScan("p", "r", 1))
    give_order(store.link, "w", left_out, SKIP)
    now = 100.0
    own = Desk(store, "test", WriterSettings(writer_name="w"), clock=lambda: now)
    own.open()
    own.report(written, DONE)
    own.report(left_out, WriterProgress(0, WriterScanState.SKIPPED))
    own.remove_order(left_out, SKIP)
    for seconds, is_waiting in ((0.0, waits), (2.9, waits), (0.2, False)):
        now += seconds
        own.feel(Vitals(troubles=(Trouble("p", f"{now}"),)))
        own.beat()
        own.flush()
        assert read_progress(store.link, "w")[written].state is WriterScanState.DONE
        assert (left_out not in read_progress(store.link, "w")) is is_waiting
        assert (set(read_parked(store.link, "w")) == {"gone"}) is is_waiting
        assert (set(read_orders(store.link, "w")) == {left_out}) is is_waiting


def test_an_unreadable_document_is_told_apart(
    redis_server: RedisServer, publisher: Publisher, store: FollowStore
) -> None:
    good = publish(publisher, 1)
    client = redis.Redis.from_url(redis_server.url)
    client.json().set("esrf:scan:00POISON", "$", {"info": 3})
    client.set("esrf:scan:00TEXT", "no document")
    client.rpush(WRITERS + ":x", "a list")
    store.connect()
    assert store.scan_keys() == ["esrf:scan:00POISON", good]
    found = store.load(["esrf:scan:00POISON", "esrf:scan:00TEXT", good, "esrf:scan:gone"])
    assert isinstance(found["esrf:scan:00POISON"], ScanUnreadableError)
    assert isinstance(found["esrf:scan:00TEXT"], ScanUnreadableError)
    assert isinstance(found[good], FollowedScan)
    assert "esrf:scan:gone" not in found


def test_hashes_that_somebody_else_wrote_into_are_read_as_far_as_they_make_sense(
    redis_server: RedisServer, store: FollowStore
) -> None:
    client = redis.Redis.from_url(redis_server.url)
    client.hset(progress_key("w"), "a", "no json")
    client.hset(progress_key("w"), "b", json.dumps({"n": 1, "t": 2, "state": "open"}))
    client.hset(progress_key("w"), "c", json.dumps([]))
    store.connect()
    assert read_progress(store.link, "w") == {"b": WriterProgress(1, time_ms=2)}


def test_parked_scans_are_listed_ordered_about_and_forgotten(
    redis_server: RedisServer, store: FollowStore
) -> None:
    own = desk(store)
    own.open()
    own.park("esrf:scan:1", ParkedScan("/data/a.dat", "No space left on device", 5, 7, "ascan"))
    own.flush()
    (found,) = list_parked(redis_server.url)
    assert (found.writer, found.key, found.scan.number) == ("w", "esrf:scan:1", 7)
    order_parked(redis_server.url, "7", Order(OrderKind.RETRY, "/other/a.dat"))
    own._orders.hurry()
    assert own.orders() == {"esrf:scan:1": Order(OrderKind.RETRY, "/other/a.dat")}
    own.unpark("esrf:scan:1")
    own.flush()
    assert list_parked(redis_server.url) == []
    assert forget_writer(store.link, "w")
    assert not forget_writer(store.link, "w")
    assert read_writers(store.link) == {}


def test_an_order_that_was_carried_out_is_removed_and_none_that_came_meanwhile(
    store: FollowStore,
) -> None:
    own = desk(store)
    own.open()
    give_order(store.link, "w", "k", RETRY)
    assert own.orders() == {"k": RETRY}
    own.remove_order("k", RETRY)
    give_order(store.link, "w", "k", SKIP)
    own.flush()
    assert read_orders(store.link, "w") == {"k": SKIP}
    own._orders.hurry()
    assert own.orders() == {"k": SKIP}
    own.remove_order("k", SKIP)
    own._orders.hurry()
    assert own.orders() == {}
    own.flush()
    assert read_orders(store.link, "w") == {}


def test_an_order_given_in_the_moment_of_a_removal_survives_it(
    redis_server: RedisServer, store: FollowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.connect()
    give_order(store.link, "w", "k", RETRY)
    pipeline = store.link.pipeline

    def be_late(commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        if commands[0] == ("MULTI",):
            with closing(Link(redis_server.url, timeout_seconds=5)) as other:
                give_order(other, "w", "k", SKIP)
        return pipeline(commands)

    monkeypatch.setattr(store.link, "pipeline", be_late)
    assert not remove_order(store.link, "w", "k", RETRY)
    assert remove_order(store.link, "w", "k", RETRY)
    assert read_orders(store.link, "w") == {"k": SKIP}


def test_what_another_process_parked_is_replaced_by_what_is_parked_now(
    redis_server: RedisServer, store: FollowStore
) -> None:
    redis.Redis.from_url(redis_server.url).hset(
        parked_key("w"), "k", json.dumps({"path": "p", "reason": "r", "since": 1})
    )
    own = desk(store)
    own.open()
    own.flush()
    assert list_parked(redis_server.url) == []


def test_reading_goes_on_after_a_restart_of_redis(
    redis_server: RedisServer, publisher: Publisher, store: FollowStore, tmp_path: Path
) -> None:
    feed = scans.begin(publisher, scans.scan_start(1, [tmp_path / "a"], scans.scalar_columns(5)))
    feed.put((0, 1.0, 2.0, 3.0, 4.0))
    own = desk(store)
    own.open()
    (key,) = own.news({}, 5.0) or [feed.publication.birth.key]
    scan = store.load([key])[key]
    assert isinstance(scan, FollowedScan)
    reader = ScanReader(scan, [stream.name for stream in scan.streams])
    got: list[int] = []

    def collect() -> None:
        store.read([reader])
        while (part := reader.take(10)) is not None:
            assert isinstance(part, Chunk)
            got.extend(int(value) for value in part.values["#Pt No"])

    collect()
    redis_server.restart()
    for number in range(1, 50):
        feed.put((number, 1.0, 2.0, 3.0, 4.0))
    scans.end(feed)
    eventually(lambda: feed.is_delivered, 20, "the scan is delivered")
    own.open()
    reader.look_again()
    deadline = time.monotonic() + 10
    while not reader.has_ended and time.monotonic() < deadline:
        collect()
    assert got == list(range(50))
    RedisStore(redis_server.url).disconnect()


def test_what_was_read_before_a_scan_comes_back_bit_by_bit(
    redis_server: RedisServer, publisher: Publisher, store: FollowStore
) -> None:
    """RedisJSON rounds one double in ten; the numbers stay there for others all the same."""
    values = [1 / (7 + i) for i in range(300)]
    snapshot = [Snapshot(f"tango://h/{i}", f"m{i}", v, "float64") for i, v in enumerate(values)]
    snapshot.append(Snapshot("tango://h/mca", "mca", values[:50], "float64", (50,)))
    start = scans.scan_start(1, [], scans.scalar_columns(5), snapshot=snapshot)
    key = scans.scan(publisher, start, [])
    store.connect()
    loaded = store.load([key])[key]
    assert isinstance(loaded, FollowedScan)
    for info in (loaded.info, store.info(key)):
        assert info is not None
        found = [info["snapshot"][f"m{i}"]["value"] for i in range(len(values))]
        assert found == values
        assert info["snapshot"]["mca"]["value"] == values[:50]
        assert list(info["positioners"]["positioners_start"].values()) == values
    raw = redis.Redis.from_url(redis_server.url).json().get(key, "$.info.snapshot")[0]
    assert [raw[f"m{i}"]["value"] for i in range(len(values))] == pytest.approx(values, rel=1e-12)
