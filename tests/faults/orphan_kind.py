"""Scans that a lost MacroServer left open are closed in time, and no scan that lives ever is."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from pathlib import Path
from typing import Any

import redis
from blissdata import DataStore, ScanState

from sardana_redis.keys import heartbeat_key
from sardana_redis.local import RedisServer
from sardana_redis.publisher import Publisher, ScanFeed
from sardana_redis.settings import PublisherSettings
from sardana_redis.store import RedisStore, initialise_database
from tests import scans
from tests.faults.arena import eventually
from tests.faults.check import Checker
from tests.faults.service import Service

_TIMEOUT_SECONDS = 15.0
_GRACE_SECONDS = 5.0
_AWAY_SECONDS = 20.0
_POINTS = 50
_SLOW_LOADING = ("--key-load-delay", "3000", "--loading-process-events-interval-bytes", "1024")
_CONTEXT = multiprocessing.get_context("forkserver")


def orphans_only(folder: Path, rng: random.Random, check: Checker, quick: bool) -> None:
    """An orphan is closed in time; what lives is not, whatever Redis does, nor what others made."""
    folder.mkdir(exist_ok=True)
    server = RedisServer(folder / "redis")
    server.start()
    initialise_database(server.url)
    tracker = Service(
        "memory-tracker", server.url, folder, "--orphan-timeout", f"{_TIMEOUT_SECONDS:g}"
    )
    tracker.start()
    try:
        with scans.publisher(server.url) as own:
            lives = scans.begin(own, scans.scan_start(1, [], scans.scalar_columns(4)))
            put(lives, 0)
            foreign = open_scan_of_bliss(server.url)
            seconds = killed_in_mid_scan(server.url)
            print(f"  closed {seconds:.1f} s after its publisher was killed")
            for trouble in (away, frozen, full, loading):
                server = trouble(server, lives)
                require_open(server.url, [foreign, lives.publication.birth.key])
                put(lives, lives.intake.points)
                eventually(lambda: lives.publication.points_waiting == 0, 30, "it goes on")
            assert tracker.value("orphan_scans_closed_total") == 1
            scans.end(lives)
            assert lives.wait(10)
            scan = DataStore(server.url).load_scan(lives.publication.birth.key)
            assert scan.info["end_reason"] == "SUCCESS"
            check.tally.scans += 3
            # While Redis was full the oldest ones were trimmed: no writer is registered.
            assert {len(stream) for stream in scan.streams.values()} == {lives.intake.points}
            check.tally.points += lives.intake.points
    finally:
        tracker.process.kill()
        server.kill()


def put(feed: ScanFeed, first: int) -> None:
    """Publishes some points."""
    for index in range(first, first + _POINTS):
        feed.put((index, *[index / 7] * 3))


def open_scan_of_bliss(url: str) -> str:
    """An open scan of another publisher, which gives no sign of life."""
    identity = {"name": "bliss", "number": 1, "data_policy": "p", "session": "s", "path": "/x.h5"}
    scan = DataStore(url).create_scan(identity, info={"name": "bliss"})
    scan.prepare()
    scan.start()
    key: str = scan.key
    return key


def killed_in_mid_scan(url: str) -> float:
    """Seconds from the death of a publisher until its scan is closed and its reader returns."""
    here, there = _CONTEXT.Pipe()
    process: Any = _CONTEXT.Process(target=_publish_for_ever, args=(url, there), daemon=True)
    process.start()
    reader = DataStore(url).load_scan(here.recv())
    process.kill()
    died = time.monotonic()
    process.join()
    waiter = threading.Thread(target=_wait_until_closed, args=(reader,), daemon=True)
    waiter.start()
    waiter.join(_TIMEOUT_SECONDS + _GRACE_SECONDS)
    assert not waiter.is_alive(), "a reader still waits for the end of the scan"
    assert reader.info["end_reason"] == "FAILURE"
    assert all(stream.is_sealed() for stream in reader.streams.values())
    return time.monotonic() - died


def _publish_for_ever(url: str, there: Any) -> None:
    """In a process of its own."""
    own = Publisher(RedisStore(url), PublisherSettings(), url=url, macroserver="lost")
    feed = scans.begin(own, scans.scan_start(2, [], scans.scalar_columns(4)))
    put(feed, 0)
    eventually(lambda: feed.publication.next_index == _POINTS, 10, "points are there")
    there.send(feed.publication.birth.key)
    threading.Event().wait()


def _wait_until_closed(reader: Any) -> None:
    while reader.state < ScanState.CLOSED:
        reader.update()


def require_open(url: str, keys: list[str]) -> None:
    """Waits as long as a look of the tracker takes: the scans are still open."""
    time.sleep(3)
    store = DataStore(url)
    for key in keys:
        assert store.load_scan(key).state == ScanState.STARTED, f"{key} was closed"


def away(server: RedisServer, _lives: ScanFeed) -> RedisServer:
    """Redis is away for longer than `orphan_timeout`."""
    server.stop()
    time.sleep(_AWAY_SECONDS)
    server.start()
    return server


def frozen(server: RedisServer, _lives: ScanFeed) -> RedisServer:
    """Redis answers nothing for as long."""
    server.pause()
    time.sleep(_AWAY_SECONDS)
    server.resume()
    return server


def full(server: RedisServer, lives: ScanFeed) -> RedisServer:
    """Redis takes no heartbeat that has to be set anew, for as long."""
    client = redis.Redis.from_url(server.url)
    client.config_set("maxmemory", "1mb")
    client.delete(heartbeat_key(lives.publication.birth.key))
    time.sleep(_AWAY_SECONDS)
    assert not client.exists(heartbeat_key(lives.publication.birth.key))
    client.config_set("maxmemory", "1gb")
    return server


def loading(server: RedisServer, _lives: ScanFeed) -> RedisServer:
    """Redis loads its data for as long."""
    client = redis.Redis.from_url(server.url)
    pipe = client.pipeline()
    for number in range(int(_AWAY_SECONDS / 0.003)):
        pipe.set(f"ballast:{number}", number)
    pipe.execute()
    server.stop()
    slow = RedisServer(server.folder, server.port, _SLOW_LOADING)
    slow.start()
    return slow
