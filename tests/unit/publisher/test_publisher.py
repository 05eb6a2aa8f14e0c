"""The publisher against a store in memory that fails where a test wants it to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from sardana_redis.errors import (
    Outage,
    ScanRefusedError,
    StoreError,
    StoreUnavailable,
    StoreUnusable,
)
from sardana_redis.model import EndReason, Identity, ScanEnd, StreamSpec
from sardana_redis.publisher import Publisher, ScanFeed
from sardana_redis.publisher._encode import Encoder, Run
from sardana_redis.settings import PublisherSettings
from sardana_redis.store import Birth, Entry, Memory, MemoryStore, StoredScan

STREAMS = (StreamSpec("#Pt No", "int64"), StreamSpec("ct01", "float64"))
END = ScanEnd(EndReason.SUCCESS, datetime(2026, 11, 23, tzinfo=UTC))


class FaultyStore(MemoryStore):
    """Raises what `faults` holds, one for each call of a method, before or after it works."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: dict[str, list[StoreError]] = {}
        self.late_faults: dict[str, list[StoreError]] = {}
        self.is_down = False
        self.appended: list[list[tuple[int, int]]] = []

    def _call(self, name: str, method: Callable[..., Any], *args: Any) -> Any:
        if self.is_down:
            raise StoreUnavailable("refused", Outage.UNREACHABLE)
        if self.faults.get(name):
            raise self.faults[name].pop(0)
        result = method(*args)
        if self.late_faults.get(name):
            raise self.late_faults[name].pop(0)
        return result

    def connect(self) -> str:
        return self._call("connect", super().connect)

    def bear(self, birth: Birth) -> None:
        self._call("bear", super().bear, birth)

    def append(self, entries: Sequence[Entry]) -> None:
        self._call("append", super().append, entries)
        self.appended.append([(entry.first, entry.length) for entry in entries])

    def close_scan(self, birth: Birth, info: Any, unsealed: Sequence[str]) -> None:
        self._call("close_scan", super().close_scan, birth, info, unsealed)


class BrokenEncoder(Encoder):
    def encode(self, values: Sequence[Any]) -> list[Run]:
        raise RuntimeError("a bug")


@pytest.fixture
def store() -> FaultyStore:
    return FaultyStore()


@pytest.fixture
def make(store: FaultyStore) -> Iterator[Callable[..., Publisher]]:
    publishers = []

    def build(**settings: Any) -> Publisher:
        publisher = Publisher(
            store, PublisherSettings(**settings), url="redis://x", macroserver="ms", boot="now"
        )
        publishers.append(publisher)
        return publisher

    yield build
    for publisher in publishers:
        publisher.shutdown(0.0)


def begin(publisher: Publisher, number: int = 1, **options: Any) -> ScanFeed:
    streams = options.pop("streams", STREAMS)
    identity = Identity("ascan", number, "session", "policy")
    return publisher.begin(identity, {"title": "t"}, streams, **options)


def scan_points(feed: ScanFeed, first: int, last: int) -> None:
    for point in range(first, last):
        feed.put((point, point / 2))


def values(scan: StoredScan, stream: str) -> list[Any]:
    index = [spec.name for spec in scan.birth.streams].index(stream)
    entries = scan.streams.get(scan.birth.stream_keys[index], [])
    dtype = scan.birth.streams[index].dtype
    return [v for entry in entries for v in np.frombuffer(entry.payload, dtype).tolist()]


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


def only_scan(store: MemoryStore) -> StoredScan:
    (scan,) = store.scans.values()
    return scan


def test_delivers_every_point_once_and_closes_the_scan(store, make):
    feed = begin(make())
    scan_points(feed, 0, 100)
    feed.end(END)
    assert feed.wait(5)
    scan = only_scan(store)
    assert values(scan, "#Pt No") == list(range(100))
    assert values(scan, "ct01") == [p / 2 for p in range(100)]
    assert scan.states == [0, 1, 2, 3, 4]
    assert scan.info["end_reason"] == "SUCCESS"
    assert set(scan.seals.values()) == {100}


def test_makes_batches_of_points_that_come_close_together(store, make):
    feed = begin(make())
    scan_points(feed, 0, 50)
    feed.end(END)
    assert feed.wait(5)
    assert len(store.appended) < 5


@pytest.mark.parametrize("when", ["faults", "late_faults"])
@pytest.mark.parametrize("method", ["connect", "bear", "append", "close_scan"])
@pytest.mark.parametrize("outage", [Outage.LOST, Outage.FULL, Outage.LOADING, Outage.TIMEOUT])
def test_delivers_all_once_after_a_fault_at_any_step(store, make, when, method, outage):
    getattr(store, when)[method] = [StoreUnavailable("fault", outage)] * 2
    feed = begin(make())
    scan_points(feed, 0, 20)
    feed.end(END)
    eventually(lambda: feed.is_delivered)
    scan = only_scan(store)
    assert values(scan, "#Pt No") == list(range(20))
    assert scan.states == [0, 1, 2, 3, 4]
    assert scan.info["end_reason"] == "SUCCESS"
    assert len(feed.notices) <= 1


def test_a_cut_that_heals_at_once_costs_no_line(store, make):
    store.faults["append"] = [StoreUnavailable("cut", Outage.LOST)]
    feed = begin(make())
    scan_points(feed, 0, 20)
    feed.end(END)
    assert feed.wait(5)
    assert values(only_scan(store), "#Pt No") == list(range(20))
    assert list(feed.notices) == []


def test_does_not_wait_while_the_store_is_away(store, make):
    store.is_down = True
    publisher = make()
    feed = begin(publisher)
    eventually(lambda: publisher.is_away)
    scan_points(feed, 0, 3)
    feed.end(END)
    started = time.monotonic()
    assert not feed.wait(60)
    assert time.monotonic() - started < 1
    assert list(feed.notices) == [feed.notices[0]]
    assert "cannot be reached" in feed.notices[0]


def test_delivers_scans_of_an_outage_behind_the_next_one(store, make):
    store.is_down = True
    publisher = make()
    feeds = []
    for number in range(3):
        feed = begin(publisher, number)
        scan_points(feed, 0, 10)
        feed.end(END)
        feeds.append(feed)
    store.is_down = False
    eventually(lambda: all(feed.is_delivered for feed in feeds))
    assert [values(scan, "#Pt No") for scan in store.scans.values()] == [list(range(10))] * 3


def test_publishes_again_what_a_restarted_store_forgot(store, make):
    publisher = make()
    done = begin(publisher, 1)
    scan_points(done, 0, 30)
    done.end(END)
    assert done.wait(5)
    running = begin(publisher, 2)
    scan_points(running, 0, 10)
    eventually(lambda: len(store.scans) == 2 and running.publication.points_waiting == 0)
    before = [
        [(e.first, e.length) for e in s]
        for scan in store.scans.values()
        for s in scan.streams.values()
    ]
    store.scans.clear()
    store.run_id = "another"
    store.faults["append"] = [StoreUnavailable("restart", Outage.LOST)]
    scan_points(running, 10, 20)
    running.end(END)
    eventually(lambda: running.is_delivered and done.is_delivered and len(store.scans) == 2)
    by_number = {scan.birth.identity.number: scan for scan in store.scans.values()}
    assert values(by_number[1], "#Pt No") == list(range(30))
    assert values(by_number[2], "#Pt No") == list(range(20))
    assert by_number[1].states[-1] == by_number[2].states[-1] == 4
    after = [
        [(e.first, e.length) for e in s]
        for scan in store.scans.values()
        for s in scan.streams.values()
    ]
    for edges in before:
        assert any(again[: len(edges)] == edges for again in after), "batches changed their edges"


def test_continues_a_scan_that_somebody_else_closed(store, make):
    publisher = make()
    feed = begin(publisher)
    scan_points(feed, 0, 10)
    eventually(lambda: feed.publication.points_waiting == 0 and bool(store.scans))
    first = only_scan(store)
    first.states.append(4)
    first.seals.update(dict.fromkeys(first.birth.stream_keys, 10))
    scan_points(feed, 10, 25)
    feed.end(END)
    eventually(lambda: feed.is_delivered)
    (rest,) = [scan for scan in store.scans.values() if scan is not first]
    assert rest.info["sardana"]["continues"] == {"key": first.birth.key, "from": 10, "part": 2}
    assert rest.birth.identity == first.birth.identity
    assert values(first, "#Pt No") == list(range(10))
    assert values(rest, "#Pt No") == list(range(10, 25))
    assert rest.info["end_reason"] == "SUCCESS"
    assert sum("second scan of the same number" in line for line in feed.notices) == 1


def test_closes_a_scan_that_its_macro_did_not_end(store, make):
    over = threading.Event()
    feed = begin(make(), verdict=lambda: EndReason.USER_ABORT if over.is_set() else None)
    scan_points(feed, 0, 5)
    over.set()
    eventually(lambda: feed.is_delivered)
    scan = only_scan(store)
    assert values(scan, "#Pt No") == list(range(5))
    assert scan.info["end_reason"] == "USER_ABORT"


def test_a_macro_that_starts_another_scan_ends_the_one_before(store, make):
    publisher = make()
    forgotten = begin(publisher, 1, owner=1)
    outer = begin(publisher, 2, owner=2)
    for feed in (forgotten, outer):
        scan_points(feed, 0, 3)
    begin(publisher, 3, owner=1)
    eventually(lambda: forgotten.is_delivered)
    scan = next(s for s in store.scans.values() if s.birth.identity.number == 1)
    assert scan.info["end_reason"] == "FAILURE"
    assert values(scan, "#Pt No") == [0, 1, 2]
    assert outer.scan_end is None, "a scan of another macro goes on"


def test_holds_points_back_while_redis_is_nearly_full(store, make):
    store.memory = Memory(used=91, maximum=100)
    feed = begin(make())
    scan_points(feed, 0, 50)
    feed.end(END)
    eventually(lambda: feed.publication.born)
    started = time.monotonic()
    assert not feed.wait(10)
    assert time.monotonic() - started < 2, "no scan waits for a Redis that is nearly full"
    assert store.appended == []
    feed.tell_waiting()
    assert "is nearly full: 50 points" in feed.notices[-1]
    store.memory = Memory(used=50, maximum=100)
    eventually(lambda: feed.is_delivered)
    assert values(only_scan(store), "#Pt No") == list(range(50))


def test_drops_exactly_what_exceeds_the_buffer_and_says_so(store, make):
    store.is_down = True
    feed = begin(make(buffer_bytes=2**16))
    row_bytes = 64 + 2 * 32
    scan_points(feed, 0, 1000)
    feed.end(END)
    kept = 2**16 // row_bytes
    assert feed.intake.dropped_points == 1000 - kept
    store.is_down = False
    eventually(lambda: feed.is_delivered)
    scan = only_scan(store)
    assert values(scan, "#Pt No") == list(range(kept))
    assert scan.info["end_reason"] == "FAILURE"
    assert scan.info["sardana"]["dropped_points"] == 1000 - kept


def test_an_unusable_redis_costs_one_line_and_no_scan(store, make):
    store.faults["connect"] = [StoreUnusable("no RediSearch")] * 100
    publisher = make()
    feed = begin(publisher)
    scan_points(feed, 0, 5)
    eventually(lambda: publisher.is_away)
    feed.end(END)
    assert not feed.wait(5)
    assert len(feed.notices) == 1
    assert "no RediSearch" in feed.notices[0]


def test_custom_data_behind_the_end_is_added_to_the_closed_scan(store, make):
    feed = begin(make())
    feed.add_custom({"name": "early", "value": 1, "nxpath": None})
    feed.end(END)
    assert feed.wait(5)
    feed.add_custom({"name": "late", "value": np.float64(2.5), "nxpath": "x"})
    scan = only_scan(store)
    eventually(lambda: len(scan.info["sardana"]["custom"]) == 2)
    assert scan.info["sardana"]["custom"][1] == {"name": "late", "value": 2.5, "nxpath": "x"}
    assert scan.states == [0, 1, 2, 3, 4]


def test_closes_scans_that_an_earlier_process_left_open(store, make):
    earlier = Publisher(store, PublisherSettings(), url="", macroserver="ms", boot="before")
    feed = begin(earlier)
    scan_points(feed, 0, 5)
    eventually(lambda: bool(store.scans) and feed.publication.points_waiting == 0)
    orphan = only_scan(store)
    earlier._worker.stop_at = 0.0  # ends as a killed process does: without closing anything
    feed.verdict = lambda: None
    earlier._worker.feeds = ()
    eventually(lambda: not earlier.is_running)
    current = begin(make(), 2)
    current.end(END)
    assert current.wait(5)
    assert orphan.states[-1] == 4
    assert orphan.info["end_reason"] == "FAILURE"


def test_orphans_are_closed_without_a_scan_as_soon_as_the_store_answers(store, make):
    earlier = Publisher(store, PublisherSettings(), url="", macroserver="ms", boot="before")
    feed = begin(earlier)
    scan_points(feed, 0, 5)
    eventually(lambda: bool(store.scans) and feed.publication.points_waiting == 0)
    earlier._worker.stop_at = 0.0
    earlier._worker.feeds = ()
    eventually(lambda: not earlier.is_running)
    store.is_down = True
    current = make()
    current.attend()
    eventually(lambda: current.is_away)
    store.is_down = False
    eventually(lambda: only_scan(store).states[-1] == 4)
    assert only_scan(store).info["end_reason"] == "FAILURE"
    assert current.shutdown(5) == 0
    assert not current.is_running


def test_while_memory_is_short_an_ended_scan_of_a_door_is_delivered_before_the_next(store, make):
    publisher = make(batch_bytes=1024)
    publisher._worker.delivery.pulse_seconds = 0.01
    store.memory = Memory(used=95, maximum=100)
    feeds = [begin(publisher, number) for number in (1, 2)]
    for feed in feeds:
        scan_points(feed, 0, 500)
        feed.end(END)
    eventually(lambda: publisher.is_away and len(store.scans) == 2)
    store.memory = Memory(used=10, maximum=100)
    eventually(lambda: all(feed.is_delivered for feed in feeds))
    assert feeds[0].delivered_at < feeds[1].delivered_at
    firsts = [first for entries in store.appended for first, _ in entries]
    assert firsts == sorted(firsts[: len(firsts) // 2]) * 2, "one after the other"


def test_shutdown_delivers_and_counts_what_it_could_not(store, make):
    publisher = make()
    feed = begin(publisher)
    scan_points(feed, 0, 10)
    assert publisher.shutdown(5) == 0
    assert only_scan(store).info["end_reason"] == "FAILURE"
    other = make()
    store.is_down = True
    lost = begin(other)
    scan_points(lost, 0, 7)
    lost.end(END)
    assert other.shutdown(0.2) == 7


def test_a_thread_that_cannot_be_had_costs_that_scan_only(store, make, monkeypatch):
    publisher = make()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _no_more_threads)
        with pytest.raises(RuntimeError, match="new thread"):
            begin(publisher)
    assert not publisher.is_running
    feed = begin(publisher, 2)
    scan_points(feed, 0, 3)
    feed.end(END)
    assert feed.wait(5)
    assert publisher.shutdown(5) == 0
    second = next(s for s in store.scans.values() if s.birth.identity.number == 2)
    assert values(second, "#Pt No") == [0, 1, 2]


@pytest.mark.parametrize("is_quick", [True, False])
def test_an_abort_while_its_thread_starts_leaves_one_thread(store, make, monkeypatch, is_quick):
    publisher = make()
    start, started = threading.Thread.start, []

    def struck(thread: threading.Thread) -> None:
        started.append(thread)
        start(thread)
        raise InterruptedError("Sardana's abort")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", struck)
        with pytest.raises(InterruptedError):
            begin(publisher)
    if not is_quick:
        eventually(lambda: publisher.is_running)
    feed = begin(publisher, 2)
    scan_points(feed, 0, 3)
    feed.end(END)
    assert feed.wait(5)
    is_first = publisher._thread is started[0]
    eventually(lambda: started[0].is_alive() == is_first)
    assert is_quick or is_first


def _no_more_threads(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_retired_publisher_delivers_what_it_has_and_ends(store, make):
    store.is_down = True
    publisher = make()
    feed = begin(publisher)
    scan_points(feed, 0, 10)
    feed.end(END)
    publisher.retire()
    eventually(lambda: publisher.is_away)
    assert publisher.is_running
    store.is_down = False
    eventually(lambda: not publisher.is_running)
    assert values(only_scan(store), "#Pt No") == list(range(10))


def test_a_scan_that_the_store_refuses_does_not_hold_up_the_others(store, make, monkeypatch):
    publisher = make()
    refused = begin(publisher, 1)
    healthy = begin(publisher, 2)
    append = store.append

    def refuse_one(entries: Sequence[Entry]) -> None:
        if entries[0].stream_key in refused.publication.birth.stream_keys:
            raise StoreUnusable("WRONGTYPE")
        append(entries)

    monkeypatch.setattr(store, "append", refuse_one)
    for feed in (refused, healthy):
        scan_points(feed, 0, 5)
        feed.end(END)
    eventually(lambda: healthy.is_delivered)
    assert not refused.is_delivered
    monkeypatch.setattr(store, "append", append)
    eventually(lambda: refused.is_delivered, seconds=10)


@pytest.mark.parametrize("times", [1, 2])
def test_a_close_that_redis_refuses_still_ends_the_scan(store, make, times):
    store.faults["close_scan"] = [ScanRefusedError("no such JSON")] * times
    publisher = make()
    feed = begin(publisher, 1)
    healthy = begin(publisher, 2)
    for each in (feed, healthy):
        scan_points(each, 0, 5)
    feed.end(END)
    eventually(lambda: feed.is_delivered or feed.is_given_up)
    healthy.end(END)
    assert healthy.wait(5)
    scan = next(s for s in store.scans.values() if s.birth.identity.number == 1)
    assert values(scan, "#Pt No") == list(range(5))
    if times == 1:
        assert scan.states[-1] == 4
        assert scan.info["end_reason"] == "FAILURE"
    assert len(feed.notices) == 1
    assert list(healthy.notices) == []


def test_a_scan_begins_and_ends_while_another_has_a_backlog(store, make, monkeypatch):
    append = store.append

    def slow(entries: Sequence[Entry]) -> None:
        time.sleep(0.005)
        append(entries)

    monkeypatch.setattr(store, "append", slow)
    publisher = make(batch_bytes=1024)
    busy = begin(publisher, 1)
    scan_points(busy, 0, 40_000)
    eventually(lambda: len(store.appended) > 2)
    quick = begin(publisher, 2)
    scan_points(quick, 0, 3)
    quick.end(END)
    assert quick.wait(5)
    assert busy.publication.points_waiting > 10_000, "the backlog was not over"


def test_a_scan_without_waiting_points_is_closed_although_redis_is_full(store, make):
    feed = begin(make())
    scan_points(feed, 0, 5)
    eventually(lambda: bool(store.scans) and feed.publication.points_waiting == 0)
    store.memory = Memory(used=99, maximum=100)
    feed.end(END)
    assert feed.wait(2)


def test_points_behind_the_end_are_counted_and_told(store, make):
    feed = begin(make(), verdict=lambda: EndReason.FAILURE)
    scan_points(feed, 0, 5)
    eventually(lambda: feed.is_delivered)
    scan_points(feed, 5, 9)
    assert feed.shortfalls() == {"lost_points": 4}
    assert len(feed.notices) == 1
    assert feed.intake.held_bytes == 0


def test_a_retired_publisher_takes_a_scan_that_comes_late(store, make):
    publisher = make()
    publisher.retire()
    first = begin(publisher, 1)
    first.end(END)
    assert first.wait(5)
    eventually(lambda: not publisher.is_running)
    second = begin(publisher, 2)
    scan_points(second, 0, 5)
    second.end(END)
    assert second.wait(5)


def test_a_bug_in_one_scan_does_not_stop_the_others(store, make, caplog):
    publisher = make()
    broken = begin(publisher, 1)
    healthy = begin(publisher, 2)
    broken.publication.encoders[0] = BrokenEncoder()
    scan_points(broken, 0, 3)
    scan_points(healthy, 0, 5)
    healthy.end(END)
    assert healthy.wait(5)
    eventually(lambda: broken.is_delivered)
    by_number = {scan.birth.identity.number: scan for scan in store.scans.values()}
    assert values(by_number[2], "#Pt No") == list(range(5))
    assert by_number[1].info["end_reason"] == "FAILURE"
    assert by_number[1].info["sardana"]["lost_points"] == 3
    assert "cannot publish a scan" in caplog.text


def test_knows_a_scan_in_a_scan_by_its_door(make):
    publisher = make()
    outer = begin(publisher, 1, door="door/1")
    inner = begin(publisher, 2, door="door/1")
    elsewhere = begin(publisher, 3, door="door/2")
    assert publisher.has_open_scan("door/1", inner)
    assert not publisher.has_open_scan("door/2", elsewhere)
    outer.end(END)
    assert not publisher.has_open_scan("door/1", inner)


def test_forgets_confirmed_points_beyond_the_limit(store, make):
    feed = begin(make(retain_bytes=1000, batch_bytes=1024))
    for start in range(0, 2000, 100):
        scan_points(feed, start, start + 100)
        eventually(lambda: feed.publication.points_waiting == 0)
    assert feed.publication.kept_bytes <= 1000
    feed.end(END)
    assert feed.wait(5)


class FillingStore(FaultyStore):
    """Uses as much memory as it was sent."""

    def append(self, entries: Sequence[Entry]) -> None:
        super().append(entries)
        used = self.memory.used + sum(len(entry.payload) for entry in entries)
        self.memory = Memory(used, self.memory.maximum)


def test_a_small_redis_is_not_filled_between_two_looks_at_its_memory() -> None:
    store = FillingStore()
    store.memory = Memory(0, 1_000_000)
    settings = PublisherSettings(batch_bytes=2000)
    publisher = Publisher(store, settings, url="redis://x", macroserver="ms", boot="now")
    publisher._worker.delivery.pulse_seconds = 3600
    feed = publisher.begin(Identity("ascan", 1, "s", "p"), {}, STREAMS)
    for point in range(100_000):
        feed.put((point, 0.5))
    deadline = time.monotonic() + 20
    while not publisher._worker.delivery.brake.is_full and time.monotonic() < deadline:
        time.sleep(0.01)
    publisher.shutdown(0.0)
    assert 900_000 < store.memory.used < 910_000
