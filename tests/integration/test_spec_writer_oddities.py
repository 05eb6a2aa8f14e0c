"""What foreign publishers, people and file systems do to the SPEC writer, on a real Redis."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import redis

from sardana_redis.errors import StoreError
from sardana_redis.follower import _press
from sardana_redis.keys import HISTORY, STREAM_PREFIX, orders_key, progress_key
from sardana_redis.local import RedisServer
from sardana_redis.model import ScanState, WriterScanState
from sardana_redis.publisher import Publisher
from sardana_redis.store import (
    FollowedScan,
    FollowStore,
    Order,
    OrderKind,
    ScanReader,
    list_parked,
    order_parked,
    wait_for_report,
)
from tests import scans
from tests.faults.arena import eventually
from tests.integration.test_spec_writer import done, numbers, publish, writing

_SEAL = f"{2**64 - 1}-{2**64 - 1}"


@pytest.fixture
def publisher(redis_server: RedisServer) -> Iterator[Publisher]:
    with scans.publisher(redis_server.url) as publisher:
        yield publisher


@pytest.fixture
def client(redis_server: RedisServer) -> redis.Redis:
    return redis.Redis.from_url(redis_server.url)


def stream_key(client: redis.Redis, key: str, name: str) -> str:
    """The key of one stream of a scan."""
    return STREAM_PREFIX + client.json().get(key)["data_streams"][name]["pk"]


_DTYPE = "$.data_streams.ct001.encoding.dtype_str"
_SHAPE = "$.data_streams.ct001.encoding.shape"
_ODD_DOCUMENTS: dict[str, tuple[str, Any]] = {
    "a number that is none": ("$.id.number", "abc"),
    "files that are a number": ("$.info.sardana.files", 5),
    "a file that is the root": ("$.info.sardana.files", [{"path": "/", "writer": "redis"}]),
    "a path with NUL": ("$.info.sardana.files", [{"path": "/tmp/a\0b.dat", "writer": "redis"}]),
    "a left_out that is a number": ("$.info.sardana.left_out", 5),
    "a custom that is a number": ("$.info.sardana.custom", 5),
    "no title": ("$.info.title", None),
    "a title that is a list": ("$.info.title", [1, {"a": None}]),
    "no info": ("$.info", None),
    "a snapshot of texts": ("$.info.snapshot", {"a": "b", "c": {"value": [[]]}}),
    "a dtype of texts": (_DTYPE, "|S5"),
    "a dtype of objects": (_DTYPE, "|O"),
    "a dtype of structures": (_DTYPE, "f4,f4"),
    "a dtype of dates": (_DTYPE, "<M8[ns]"),
    "a dtype of another length": (_DTYPE, "<f4"),
    "a shape of length 0": (_SHAPE, [0]),
    "a shape of length 3": (_SHAPE, [3]),
    "a shape of length -2": (_SHAPE, [-2]),
    "a free shape": (_SHAPE, [-1]),
    "an encoding as JSON": ("$.data_streams.ct001.encoding", {"type": "json"}),
}


def test_an_odd_document_ends_its_own_scan_at_most(
    redis_server: RedisServer, publisher: Publisher, client: redis.Redis, tmp_path: Path
) -> None:
    keys = {}
    for number, (odd, (path, value)) in enumerate(_ODD_DOCUMENTS.items(), start=1):
        keys[odd] = publish(publisher, number, tmp_path / f"{number}.dat")
        client.json().set(keys[odd], path, value)
    with writing(redis_server.url):
        for odd, key in keys.items():
            report = wait_for_report(redis_server.url, "spec", key, seconds=30)
            assert report is not None, odd
            assert report.state is not WriterScanState.OPEN, odd
        done(redis_server.url, publish(publisher, 100, tmp_path / "good.dat"))
    for number, (odd, (path, _)) in enumerate(_ODD_DOCUMENTS.items(), start=1):
        if path == _DTYPE and odd != "a dtype of another length":
            file = tmp_path / f"{number}.dat"
            assert numbers(file) == {f"{number}.1": list(range(5))}, odd
            assert "#C Data of ct001 are in" in file.read_text(), odd


_ODD_STREAMS: dict[str, Callable[[redis.Redis, str], object]] = {
    "a payload too short": lambda c, s: c.xadd(s, {"payload": b"abc"}, id="0-1"),
    "no payload": lambda c, s: c.xadd(s, {"a": b"abc"}, id="0-1"),
    "a length that is none": lambda c, s: c.xadd(s, {"payload": b"12345678", "len": "x"}, id="0-1"),
    "a length too long": lambda c, s: c.xadd(s, {"payload": b"12345678", "len": "5"}, id="0-1"),
    "a huge length": lambda c, s: c.xadd(s, {"payload": b"1", "len": str(10**15)}, id="0-1"),
    "a seal without length": lambda c, s: c.xadd(s, {"a": b"1"}, id=_SEAL),
    "a seal far away": lambda c, s: c.xadd(s, {"id": str(10**15)}, id=_SEAL),
    "a text": lambda c, s: c.set(s, "abc"),
    "a list": lambda c, s: c.lpush(s, "abc"),
    "nothing": lambda _, __: None,
}


def test_an_odd_stream_ends_its_own_scan_at_most(
    redis_server: RedisServer, publisher: Publisher, client: redis.Redis, tmp_path: Path
) -> None:
    keys = {}
    for number, (odd, spoil) in enumerate(_ODD_STREAMS.items(), start=1):
        keys[odd] = publish(publisher, number, tmp_path / f"{number}.dat")
        stream = stream_key(client, keys[odd], "ct001")
        client.delete(stream)
        spoil(client, stream)
    with writing(redis_server.url):
        for odd, key in keys.items():
            report = wait_for_report(redis_server.url, "spec", key, seconds=30)
            assert report is not None, odd
            assert report.state is not WriterScanState.OPEN, odd
        done(redis_server.url, publish(publisher, 100, tmp_path / "good.dat"))


def test_a_disk_that_fails_at_the_sync_parks_the_scan_and_loses_no_row(
    redis_server: RedisServer,
    publisher: Publisher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, path = redis_server.url, tmp_path / "a.dat"

    def no_quota(_fd: int) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    key = publish(publisher, 1, path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_quota)
        with writing(url, park_seconds=1.0) as writer:
            eventually(lambda: writer.status.parked == 1, 10, "parked")
            assert list_parked(url)[0].scan.reason == "Disk quota exceeded"
            report = wait_for_report(url, "spec", key, seconds=0)
            assert report is not None
            assert report.points == 0
            patch.undo()
            order_parked(url, "all", Order(OrderKind.RETRY))
            done(url, key)
    assert numbers(path) == {"1.1": list(range(5))}


def test_a_pipe_in_the_place_of_a_file_holds_up_nobody(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "a.dat")
    with writing(redis_server.url, park_seconds=0.5) as writer:
        publish(publisher, 1, tmp_path / "a.dat")
        done(redis_server.url, publish(publisher, 2, tmp_path / "b.dat"))
        eventually(lambda: writer.status.parked == 1, 10, "parked")
        assert "no regular file" in writer.status.last_error


def watched_states(monkeypatch: pytest.MonkeyPatch) -> list[ScanState | None]:
    """What the writer's looks at the states of its scans find from now on, the last one last."""
    seen: list[ScanState | None] = [ScanState.STARTED]
    look = FollowStore.states

    def states(store: FollowStore, followed: Iterable[FollowedScan]) -> list[ScanState | None]:
        found = look(store, followed)
        seen.extend(found)
        return found

    monkeypatch.setattr(FollowStore, "states", states)
    return seen


def test_a_scan_may_leave_redis_for_a_moment_more_than_once(
    redis_server: RedisServer,
    publisher: Publisher,
    client: redis.Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_press, "_GONE_SECONDS", 6.0)
    seen = watched_states(monkeypatch)
    path = tmp_path / "a.dat"
    with writing(redis_server.url):
        feed = scans.begin(publisher, scans.scan_start(1, [path], scans.scalar_columns(5)))
        feed.put((0, 1.0, 1.0, 1.0, 1.0))
        eventually(lambda: path.exists() and numbers(path) == {"1.1": [0]}, 10, "a row")
        key = feed.publication.birth.key
        state = STREAM_PREFIX + client.json().get(key)["state_stream"]["pk"]
        for _ in range(2):  # longer than 6 s in all, but never at a time
            client.rename(state, "elsewhere")
            eventually(lambda: seen[-1] is None, 10, "the writer misses it")
            time.sleep(3.5)
            client.rename("elsewhere", state)
            eventually(lambda: seen[-1] is not None, 10, "the writer finds it again")
        feed.put((1, 1.0, 1.0, 1.0, 1.0))
        scans.end(feed)
        done(redis_server.url, key)
    assert numbers(path) == {"1.1": [0, 1]}


@pytest.mark.parametrize("how", ["dots", "link"])
def test_two_spellings_of_one_file_are_one_queue(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path, how: str
) -> None:
    path, other = tmp_path / "a.dat", tmp_path / "link.dat"
    if how == "dots":
        other = tmp_path / ".." / tmp_path.name / "a.dat"
    else:
        other.symlink_to(path)
    with writing(redis_server.url, park_seconds=0.5) as writer:
        first = scans.begin(publisher, scans.scan_start(1, [path], scans.scalar_columns(5)))
        first.put((0, 1.0, 1.0, 1.0, 1.0))
        eventually(path.exists, 10, "the first scan")
        last = publish(publisher, 2, other)
        eventually(lambda: writer.status.pending == 1, 5, "the second one waits")
        time.sleep(1.0)  # longer than what would park it
        assert writer.status.parked == 0
        scans.end(first)
        done(redis_server.url, last)
    assert numbers(path) == {"1.1": [0], "2.1": list(range(5))}


def test_links_in_a_ring_end_one_scan_only(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    (tmp_path / "b").symlink_to(tmp_path / "c")
    (tmp_path / "c").symlink_to(tmp_path / "b")
    with writing(redis_server.url, park_seconds=0.2, output_root=tmp_path) as writer:
        publish(publisher, 1, tmp_path / "b" / "a.dat")
        done(redis_server.url, publish(publisher, 2, tmp_path / "a.dat"))
        eventually(lambda: writer.status.parked == 1, 5, "parked")


def test_an_order_outlives_a_restart_of_the_writer(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    url, elsewhere = redis_server.url, tmp_path / "elsewhere.dat"
    with writing(url, park_seconds=0.1) as writer:
        key = publish(publisher, 1, tmp_path / "missing" / "b.dat")
        eventually(lambda: writer.status.parked == 1, 10, "parked")
    order_parked(url, key, Order(OrderKind.RETRY, str(elsewhere)))
    (tmp_path / "missing").mkdir()
    with writing(url):
        done(url, key)
        client = redis.Redis.from_url(url)
        eventually(lambda: not client.exists(orders_key("spec")), 5, "no order left")
    assert numbers(elsewhere) == {"1.1": list(range(5))}
    assert not (tmp_path / "missing" / "b.dat").exists()


@pytest.mark.parametrize("order", ["skip", "retry --to the same", "skip while it is written"])
def test_orders_for_scans_in_odd_states(
    redis_server: RedisServer,
    publisher: Publisher,
    client: redis.Redis,
    tmp_path: Path,
    order: str,
) -> None:
    url, path = redis_server.url, tmp_path / "a.dat"
    with writing(url) as writer:
        feed = scans.begin(publisher, scans.scan_start(1, [path], scans.scalar_columns(5)))
        feed.put((0, 1.0, 1.0, 1.0, 1.0))
        eventually(lambda: path.exists() and numbers(path) == {"1.1": [0]}, 10, "a row")
        kind = {"do": "skip"} if order.startswith("skip") else {"do": "retry", "to": str(path)}
        key = feed.publication.birth.key
        client.hset(orders_key("spec"), key, json.dumps(kind))
        if order == "skip":
            eventually(lambda: not writer.status.scans, 5, "given up")
        feed.put((1, 1.0, 1.0, 1.0, 1.0))
        scans.end(feed)
        report = wait_for_report(url, "spec", key, seconds=30)
        done(url, publish(publisher, 2, path))
    assert report is not None
    assert report.state is not WriterScanState.OPEN
    found = numbers(path)
    assert found["2.1"] == list(range(5))
    assert found["1.1"] in ([0], [0, 1])


def test_rows_of_a_scan_that_was_closed_without_seals_are_written(
    redis_server: RedisServer, publisher: Publisher, client: redis.Redis, tmp_path: Path
) -> None:
    path = tmp_path / "a.dat"
    key = publish(publisher, 1, path)
    for name in client.json().get(key)["data_streams"]:
        client.xdel(stream_key(client, key, name), _SEAL)
    client.delete(stream_key(client, key, "ct001"))
    with writing(redis_server.url):
        done(redis_server.url, key)
    assert numbers(path) == {"1.1": list(range(5))}
    assert "nan" in path.read_text()


def test_a_scan_that_was_given_up_and_is_born_again_goes_on_where_it_was(
    redis_server: RedisServer,
    publisher: Publisher,
    client: redis.Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_press, "_GONE_SECONDS", 1.0)
    path = tmp_path / "a.dat"
    with writing(redis_server.url):
        feed = scans.begin(publisher, scans.scan_start(1, [path], scans.scalar_columns(5)))
        feed.put((0, 1.0, 1.0, 1.0, 1.0))
        eventually(lambda: path.exists() and numbers(path) == {"1.1": [0]}, 10, "a row")
        key = feed.publication.birth.key
        state = STREAM_PREFIX + client.json().get(key)["state_stream"]["pk"]
        client.rename(state, "elsewhere")
        report = wait_for_report(redis_server.url, "spec", key, seconds=30)
        assert report is not None
        assert report.state is WriterScanState.FAILED
        client.rename("elsewhere", state)
        client.hdel(progress_key("spec"), key)
        entry = client.xrevrange(HISTORY, count=1)[0][1]
        client.xadd(HISTORY, entry)
        feed.put((1, 1.0, 1.0, 1.0, 1.0))
        scans.end(feed)
        done(redis_server.url, key)
    assert numbers(path) == {"1.1": [0, 1]}
    assert "left Redis" not in path.read_text()


def test_many_silent_scans_keep_no_other_from_being_written(
    redis_server: RedisServer,
    publisher: Publisher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_press, "_MOST_JOBS", 2)
    monkeypatch.setattr(_press, "_IDLE_SECONDS", 0.5)
    columns = scans.scalar_columns(5)
    with writing(redis_server.url):
        feeds = [
            scans.begin(publisher, scans.scan_start(n, [tmp_path / f"{n}.dat"], columns))
            for n in range(1, 8)
        ]
        done(redis_server.url, publish(publisher, 100, tmp_path / "a.dat"))
        for feed in feeds:
            feed.put((0, 1.0, 1.0, 1.0, 1.0))
            scans.end(feed)
        for feed in feeds:
            done(redis_server.url, feed.publication.birth.key)
    assert [numbers(tmp_path / f"{n}.dat") for n in range(1, 8)] == [
        {f"{n}.1": [0]} for n in range(1, 8)
    ]


def test_a_stream_that_becomes_something_else_ends_its_own_scan_only(
    redis_server: RedisServer, publisher: Publisher, client: redis.Redis, tmp_path: Path
) -> None:
    with writing(redis_server.url):
        path = tmp_path / "a.dat"
        feed = scans.begin(publisher, scans.scan_start(1, [path], scans.scalar_columns(5)))
        eventually(path.exists, 10, "the first scan")
        key = feed.publication.birth.key
        client.set(stream_key(client, key, "#Pt No"), "abc")
        done(redis_server.url, publish(publisher, 2, tmp_path / "b.dat"))
        report = wait_for_report(redis_server.url, "spec", key, seconds=30)
    assert report is not None
    assert report.state is WriterScanState.FAILED


def test_a_wide_backlog_is_not_all_in_memory_at_once(
    redis_server: RedisServer,
    publisher: Publisher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    read = FollowStore.read

    def spy(store: FollowStore, readers: Sequence[ScanReader]) -> list[StoreError | None]:
        asked.append(len(readers))
        return read(store, readers)

    monkeypatch.setattr(FollowStore, "read", spy)
    keys = [publish(publisher, n, tmp_path / f"{n}.dat") for n in range(1, 31)]
    with writing(redis_server.url):
        for key in keys:
            done(redis_server.url, key)
    assert max(asked) <= 8
