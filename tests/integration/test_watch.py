"""`sardana-redis watch` on a real Redis: for scripts, and in a terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pexpect
import pytest

from sardana_redis import cli
from sardana_redis.local import RedisServer
from sardana_redis.model import (
    EndReason,
    Identity,
    ScanEnd,
    StreamSpec,
    WriterProgress,
    WriterRecord,
    WriterScanState,
)
from sardana_redis.publisher import Publisher, ScanFeed
from sardana_redis.settings import PublisherSettings
from sardana_redis.store import Link, Onlooker, RedisStore, progress_command, write_writer

STREAMS = (StreamSpec("#Pt No", "int64"), StreamSpec("ct01", "float64"))
END = ScanEnd(EndReason.SUCCESS, datetime(2026, 11, 23, tzinfo=UTC))
INFO = {"publisher": "sardana-redis", "title": "ascan mot01 0 1 10 0.1"}

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def own(redis_server: RedisServer) -> Iterator[Publisher]:
    url = redis_server.url
    publisher = Publisher(RedisStore(url), PublisherSettings(), url=url, macroserver="ms")
    yield publisher
    publisher.shutdown(0.0)


@pytest.fixture
def link(redis_server: RedisServer) -> Iterator[Link]:
    made = Link(redis_server.url, timeout_seconds=5)
    yield made
    made.close()


@pytest.fixture
def run(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        arguments = ["sardana-redis", "watch", *words, "--url", redis_server.url]
        monkeypatch.setattr("sys.argv", arguments)
        code: Any = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        out = capsys.readouterr()
        return code, out.out, out.err

    return call


def publish(own: Publisher, number: int, points: int, *, end: bool = False) -> ScanFeed:
    feed = own.begin(Identity("ascan", number, "s", "p"), INFO, STREAMS)
    for point in range(points):
        feed.put((point, 0.5))
    if end:
        feed.end(END)
        assert feed.wait(10.0)
    else:
        deadline = time.monotonic() + 10.0
        while not feed.publication.born or feed.publication.points_waiting:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    return feed


def register(link: Link, reports: dict[str, WriterProgress], name: str = "spec") -> None:
    now_ms = int(time.time() * 1000)
    write_writer(link, name, WriterRecord(name, "h", "1", "b", now_ms))
    if reports:
        link.call(*progress_command(name, reports))


def key(feed: ScanFeed) -> str:
    return feed.publication.birth.key


def test_a_program_reads_memory_scans_and_lag(run: Run, own: Publisher, link: Link) -> None:
    done, late, open_scan = publish(own, 1, 5, end=True), publish(own, 2, 7, end=True), None
    open_scan = publish(own, 3, 4)
    now_ms = int(time.time() * 1000)
    reports = {
        key(done): WriterProgress(5, WriterScanState.DONE, time_ms=now_ms),
        key(late): WriterProgress(3, time_ms=now_ms),
    }
    register(link, reports)
    time.sleep(0.5)
    code, out, _ = run("--once", "--json")
    assert code == 0
    view = json.loads(out)
    assert view["memory"]["used_bytes"] > 0
    seen = [(s["number"], s["state"], s["points"], s["points_per_second"]) for s in view["scans"]]
    assert seen == [(3, "STARTED", 4, None), (2, "CLOSED", 7, None), (1, "CLOSED", 5, None)]
    (writer,) = view["writers"]
    assert writer["is_up"] is True
    assert writer["lag_points"] == 4 + 4
    assert 0.4 < writer["lag_seconds"] < 30.0
    assert writer["pending_scans"] == writer["parked_scans"] == 0
    open_scan.end(END)


def test_a_scan_that_waits_is_pending(run: Run, own: Publisher, link: Link) -> None:
    feed = publish(own, 1, 5, end=True)
    register(link, {key(feed): WriterProgress(0, waits=True)})
    _, out, _ = run("--once", "--json")
    (writer,) = json.loads(out)["writers"]
    assert (writer["lag_seconds"], writer["pending_scans"]) == (0.0, 1)


def test_a_person_reads_a_table(run: Run, own: Publisher, link: Link) -> None:
    publish(own, 1, 5, end=True)
    register(link, {})
    for words in (("--once",), ()):  # the output is no terminal
        code, out, _ = run(*words)
        assert code == 0
        rows = [line.split() for line in out.splitlines()]
        assert ["1", "ascan", "CLOSED", "5", "SUCCESS", *INFO["title"].split()] in rows
        assert ["spec", "spec", "up", "5"] in [row[:4] for row in rows]


def test_the_limit_is_for_scans_and_not_for_lag(run: Run, own: Publisher, link: Link) -> None:
    for number in (1, 2, 3):
        publish(own, number, 5, end=True)
    register(link, {})
    view = json.loads(run("--once", "--json", "--limit", "1")[1])
    assert [scan["number"] for scan in view["scans"]] == [3]
    assert view["writers"][0]["lag_points"] == 15


def test_a_redis_that_never_saw_a_scan_says_what_to_do(run: Run) -> None:
    code, out, error = run("--once")
    assert (code, out) == (1, "")
    assert "sardana-redis init-db" in error


def test_an_onlooker_follows_births_ends_and_what_leaves(
    redis_server: RedisServer, own: Publisher, link: Link
) -> None:
    first = publish(own, 1, 5, end=True)
    register(link, {})
    with Onlooker(redis_server.url) as onlooker:
        assert [s.key for s in onlooker.look(10).writers[0].unfinished] == [key(first)]
        second = publish(own, 2, 3)
        (writer,) = onlooker.look(10).writers
        assert {s.key: s.end for s in writer.unfinished} == {key(first): 5, key(second): 3}
        link.call("DEL", key(first), *first.publication.birth.stream_keys)
        register(link, {key(second): WriterProgress(1)})
        (writer,) = onlooker.look(10).writers
        assert [(s.key, s.end - s.progress.points) for s in writer.unfinished if s.progress] == [
            (key(second), 2)
        ]
        register(link, {key(second): WriterProgress(3, WriterScanState.DONE)})
        assert onlooker.look(10).writers[0].unfinished == ()
    second.end(END)


def test_a_terminal_shows_it_live_also_through_a_restart_of_redis(
    redis_server: RedisServer, own: Publisher, link: Link
) -> None:
    feed = publish(own, 1, 5)
    register(link, {})
    words = ["-m", "sardana_redis", "watch", "--url", redis_server.url]
    terminal = pexpect.spawn(sys.executable, words, dimensions=(40, 160), timeout=30)
    try:
        terminal.expect(r"STARTED\S* +5 ")
        for point in range(5, 12):
            feed.put((point, 0.5))
        terminal.expect(r"STARTED\S* +12 +\d+\.\d")
        redis_server.kill()
        terminal.expect("cannot be used now.* Trying again")
        redis_server.start()
        feed.end(END)
        terminal.expect(r"CLOSED\S* +12 +.*SUCCESS")
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
        assert terminal.wait() == 0
    finally:
        terminal.close(force=True)


def test_a_program_reads_a_line_each_second(redis_server: RedisServer, own: Publisher) -> None:
    publish(own, 1, 5, end=True)
    words = ["-m", "sardana_redis", "watch", "--json", "--url", redis_server.url]
    program = pexpect.spawn(sys.executable, words, dimensions=(40, 8000), timeout=30)
    try:
        views = [json.loads(program.readline()) for _ in range(2)]
        assert [view["scans"][0]["points_per_second"] for view in views] == [None, 0.0]
        program.sendintr()
        program.expect(pexpect.EOF)
        assert program.wait() == 0
    finally:
        program.close(force=True)
