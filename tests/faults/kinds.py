"""The faults a to p: what is broken, when, and what must hold afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import redis
from blissdata import DataStore, ScanState

from sardana_redis.errors import ControlSystemError
from sardana_redis.keys import PROTOCOL, heartbeat_key
from sardana_redis.local import RedisServer
from sardana_redis.local._ports import free_port
from sardana_redis.local._programs import redis_programs
from sardana_redis.local.capture import captures
from sardana_redis.store import RedisStore, list_scans, read_scan
from tests.faults.arena import Arena, eventually
from tests.faults.check import Checker, numbers
from tests.faults.sardana_hang import sardana_hang_told

Kind = Callable[[Arena, Checker], None]

KINDS: dict[str, Kind] = {}

_CLOSED_AFTER_START_SECONDS = 10.0

AROUND_THE_END = 2.0
"""Seconds into a scan of about one second: the fault may also meet a scan that is CLOSED."""


def kind(letter: str) -> Callable[[Kind], Kind]:
    """Registers a kind under its letter."""

    def register(function: Kind) -> Kind:
        KINDS[letter] = function
        return function

    return register


def finish(arena: Arena, check: Checker, *, reason: str = "SUCCESS") -> None:
    """The published scan equals the captured one."""
    capture = arena.capture()
    check.equal(arena.published(capture), capture, reason)


@kind("a")
def killed_and_its_log_cut(arena: Arena, check: Checker) -> None:
    """Redis killed with SIGKILL, the end of its log lost as on a machine that died."""
    follower = arena.follow()
    arena.start_scan()
    arena.sleep_into_scan(longest=AROUND_THE_END)
    arena.server.kill()
    cut_log(arena)
    time.sleep(arena.rng.uniform(0, 0.5))
    arena.server.start()
    arena.prompt()
    finish(arena, check)
    Checker.followed(follower, arena.published(arena.capture()))


def cut_log(arena: Arena) -> None:
    """Cuts a random number of bytes off the append-only file."""
    (log,) = (arena.server.folder / "appendonlydir").glob("*.incr.aof")
    size = log.stat().st_size
    cut = min(size, int(10 ** arena.rng.uniform(0, 5)))
    os.truncate(log, size - cut)


@kind("b")
def killed_and_empty(arena: Arena, check: Checker) -> None:
    """Redis killed, and it comes back without its data."""
    arena.start_scan()
    arena.sleep_into_scan(longest=AROUND_THE_END)
    arena.server.kill()
    shutil.rmtree(arena.server.folder / "appendonlydir")
    time.sleep(arena.rng.uniform(0, 0.5))
    arena.server.start()
    arena.prompt()
    finish(arena, check)


@kind("c")
def frozen(arena: Arena, check: Checker) -> None:
    """Redis frozen for 30 s."""
    follower = arena.follow()
    arena.start_scan()
    arena.sleep_into_scan()
    arena.server.pause()
    frozen_at = time.monotonic()
    arena.prompt()
    time.sleep(max(0.0, (6 if arena.quick else 30) - (time.monotonic() - frozen_at)))
    arena.server.resume()
    finish(arena, check)
    Checker.followed(follower, arena.published(arena.capture()))


@kind("d")
def cut_again_and_again(arena: Arena, check: Checker) -> None:
    """Connections cut in the middle of a batch, again and again."""
    follower = arena.follow()
    arena.start_scan()
    for _ in range(arena.rng.randint(3, 12)):
        time.sleep(arena.rng.uniform(0.0, 0.15))
        arena.proxy.cut_after(arena.rng.randint(0, 30_000))
    arena.prompt()
    arena.proxy.accept()
    finish(arena, check)
    Checker.followed(follower, arena.published(arena.capture()))


@kind("e")
def replies_lost(arena: Arena, check: Checker) -> None:
    """Replies lost after the commands were carried out."""
    follower = arena.follow()
    arena.start_scan()
    for _ in range(arena.rng.randint(1, 4)):
        time.sleep(arena.rng.uniform(0.0, 0.3))
        arena.proxy.lose_replies()
        time.sleep(arena.rng.uniform(0.01, 0.2))
        arena.proxy.cut()
        arena.proxy.accept()
    arena.prompt()
    finish(arena, check)
    Checker.followed(follower, arena.published(arena.capture()))


@kind("f")
def full_or_refusing(arena: Arena, check: Checker) -> None:
    """Redis full and freed later, or its disk full (MISCONF), or loading for a while."""
    how = arena.rng.choice([fill_memory, fail_to_save, load_slowly])
    follower = arena.follow()
    arena.start_scan()
    arena.sleep_into_scan()
    free = how(arena)
    arena.prompt()
    time.sleep(arena.rng.uniform(0, 1))
    free()
    finish(arena, check)
    Checker.followed(follower, arena.published(arena.capture()))


def fill_memory(arena: Arena) -> Callable[[], object]:
    """Sets maxmemory below what is used."""
    client = arena.client
    used = client.info("memory")["used_memory"]
    client.config_set("maxmemory", int(used * arena.rng.choice([0.5, 1.0, 1.05])))
    return lambda: client.config_set("maxmemory", "1gb")


def fail_to_save(arena: Arena) -> Callable[[], object]:
    """Makes a snapshot fail, after which Redis refuses writes."""
    client = arena.client
    in_the_way = arena.server.folder / "dump.rdb"  # a snapshot cannot be renamed to a folder
    in_the_way.mkdir()
    client.config_set("save", "3600 100000000")
    client.bgsave()
    eventually(
        lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", 10, "a failed save"
    )

    def mend() -> None:
        in_the_way.rmdir()
        client.bgsave()

    return mend


def load_slowly(arena: Arena) -> Callable[[], object]:
    """Restarts Redis so that it answers LOADING for about a second."""
    folder, port = arena.server.folder, arena.server.port
    client = arena.client
    pipe = client.pipeline()
    for i in range(1000):
        pipe.set(f"ballast:{i}", i)
    pipe.execute()
    arena.server.stop()
    slow = ("--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024")
    arena.server = RedisServer(folder, port, slow)
    arena.server.start()
    return lambda: None


@kind("g")
def not_there_at_the_start(arena: Arena, check: Checker) -> None:
    """Redis not there when the scan starts, and there in its middle."""
    arena.proxy.refuse()
    arena.start_scan()
    arena.sleep_into_scan()
    arena.proxy.accept()
    arena.prompt()
    finish(arena, check)


@kind("h")
def not_there_at_all(arena: Arena, check: Checker) -> None:
    """Redis not there for three scans in a row."""
    arena.proxy.refuse()
    for _ in range(3):
        arena.start_scan(points=arena.rng.randint(1, 300))
        run = arena.prompt()
        assert len(arena.lines(run)) == 1, arena.lines(run)
    arena.proxy.accept()
    for index in range(3):
        capture = arena.capture(index)
        check.equal(arena.published(capture), capture)


@kind("i")
def wrong_password(arena: Arena, check: Checker) -> None:
    """A password that is wrong, then right."""
    arena.start_scan(points=2000)
    arena.sleep_into_scan()
    client = arena.client
    client.config_set("requirepass", "another")
    arena.proxy.cut()
    run = arena.prompt()
    assert "refuses our account" in "".join(arena.lines(run))
    client.execute_command("AUTH", "another")
    client.config_set("requirepass", "")
    finish(arena, check)


@kind("j")
def read_only(arena: Arena, check: Checker) -> None:
    """Redis made a replica, and promoted again."""
    arena.start_scan()
    arena.sleep_into_scan()
    arena.client.replicaof("127.0.0.1", 1)
    arena.sleep_into_scan()
    arena.client.replicaof("NO", "ONE")
    arena.prompt()
    finish(arena, check)


@kind("k")
def unfit(arena: Arena, check: Checker) -> None:
    """RediSearch missing, or a database of a newer protocol: one line, nothing published."""
    if arena.rng.random() < 0.5:
        unfit_server: BareRedis | RedisServer = BareRedis(arena.folder / "bare")
    else:
        unfit_server = RedisServer(arena.folder / "newer")
        unfit_server.start()
        redis.Redis.from_url(unfit_server.url).set(PROTOCOL, 2)
    try:
        arena.proxy.upstream = unfit_server.port
        arena.proxy.cut()
        arena.start_scan()
        run = arena.prompt()
        assert len(arena.lines(run)) == 1
        assert "cannot take this scan" in arena.lines(run)[0]
        client = redis.Redis.from_url(unfit_server.url)
        assert not client.keys("esrf:*")
        check.tally.points += len(arena.capture().records)
    finally:
        unfit_server.stop()


class BareRedis:
    """A Redis that has no modules."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        server = next(redis_programs()).server
        self._process = subprocess.Popen(
            [server, "--port", str(self.port), "--dir", str(folder), "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        eventually(self._answers, 10, "a Redis without modules")

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait(10)

    def _answers(self) -> bool:
        with contextlib.suppress(redis.ConnectionError):
            return bool(redis.Redis.from_url(self.url).ping())
        return False


@kind("l")
def macroserver_killed(arena: Arena, check: Checker) -> None:
    """MacroServer killed with SIGKILL: a prefix without a gap, closed when it starts again."""
    arena.start_scan(points=2000)
    arena.sleep_into_scan()
    arena.wait_until_published()
    eventually(lambda: list_scans(arena.server.url, limit=1)[0].points > 0, 10, "a point is there")
    arena.stack.macroserver.kill()
    capture = arena.capture()
    (key,) = arena.keys_of(capture)
    heartbeat = heartbeat_key(key)
    first = arena.client.pttl(heartbeat)
    time.sleep(0.5)
    assert arena.client.pttl(heartbeat) < first, "somebody renews the heartbeat"
    reader = DataStore(arena.server.url).load_scan(key)
    arena.stack.macroserver.start()
    runs_since = time.monotonic()
    while reader.state < ScanState.CLOSED:
        is_late = time.monotonic() - runs_since > _CLOSED_AFTER_START_SECONDS
        reader.update(timeout=1.0)
        still_open = reader.state < ScanState.CLOSED
        assert not (is_late and still_open), "still open although MacroServer runs again"
    print(f"  closed {time.monotonic() - runs_since:.1f} s after MacroServer was up again")
    scan = arena.published(capture)
    got = numbers(scan)
    recorded = [record["point_nb"] for record in capture.records]
    assert got == recorded[: len(got)], "a gap"
    check.count(got, recorded[: len(got)])
    assert scan.info["end_reason"] == "FAILURE"
    assert {len(stream.points) for stream in scan.streams.values()} <= {len(got), len(got) + 1}
    arena.start_scan(points=10)
    arena.prompt()
    finish(arena, check)


@kind("m")
def interrupted(arena: Arena, check: Checker) -> None:
    """Ctrl-C or abort at any moment, twice in a row."""
    arena.start_scan(points=3000)
    time.sleep(arena.rng.uniform(0.0, 1.0))
    with sardana_hang_told(arena.stack):
        for again in range(2):
            interrupt = arena.door.stop if arena.rng.random() < 0.5 else arena.door.abort
            # The first one may have ended the scan already: the Door then refuses a stop.
            with contextlib.suppress(ControlSystemError) if again else contextlib.nullcontext():
                interrupt()
            time.sleep(arena.rng.choice([0.0, 0.02, 0.3]))
        arena.prompt(seconds=40)
    struck = [capture for capture in captures(arena.captures) if capture.start]
    if not any(capture.records for capture in struck):
        # Before the first point, and perhaps before our recorder was asked to begin.
        arena.start_scan(points=50)
        arena.prompt()
        for key in (key for capture in struck for key in arena.keys_of(capture)):
            scan = read_scan(arena.server.url, key, seconds=30)
            assert numbers(scan) == []
            check.ended(scan, "USER_ABORT")
    # Sardana drops a stop or abort that comes too early: its own end status says what it did.
    normal = arena.capture().end.get("endstatus") == 0
    finish(arena, check, reason="SUCCESS" if normal else "USER_ABORT")


@kind("n")
def buffer_full(arena: Arena, check: Checker) -> None:
    """Points that arrive while the buffer is at its limit: dropped, counted, told."""
    arena.configure({"publisher": {"buffer_bytes": arena.rng.randint(2**16, 2**18)}})
    arena.proxy.refuse()
    arena.start_scan(points=arena.rng.randint(800, 1500))
    run = arena.prompt(most_lines=3)
    arena.proxy.accept()
    capture = arena.capture()
    scan = arena.published(capture)
    told = scan.info["sardana"]
    got = numbers(scan)
    recorded = [record["point_nb"] for record in capture.records]
    assert got == recorded[: len(got)], "not a prefix although Redis never came back"
    assert told["dropped_points"] == len(recorded) - len(got)
    without_array = sum(bool(np.isnan(point).all()) for point in scan.streams["spectrum"].points)
    assert told["dropped_arrays"] == without_array
    line = arena.lines(run)[-1]
    assert f"{told['dropped_points']} points" in line
    assert f"{told['dropped_arrays']} more" in line
    check.count(got, recorded[: len(got)])
    check.ended(scan, "FAILURE")


@kind("o")
def macroserver_terminated(arena: Arena, check: Checker) -> None:
    """MacroServer ended with SIGTERM while points wait, Redis back within its time."""
    arena.proxy.refuse()
    arena.start_scan()
    arena.prompt()
    capture = arena.capture()
    process = arena.stack.macroserver
    os.kill(process.pid, signal.SIGTERM)
    time.sleep(arena.rng.uniform(0, 3))
    arena.proxy.accept()
    eventually(lambda: not process.is_running, 30, "MacroServer ended")
    check.equal(arena.published(capture), capture)


@kind("p")
def closed_by_a_tracker(arena: Arena, check: Checker) -> None:
    """Cut off for so long that a tracker closes the scan: the rest is its continuation."""
    arena.start_scan(points=2000)
    arena.sleep_into_scan()
    arena.wait_until_published()
    arena.proxy.refuse()
    time.sleep(0.1)
    tracker = RedisStore(arena.server.url)
    tracker.connect()
    end = {"end_reason": "FAILURE", "end_time": datetime.now().astimezone().isoformat()}
    owner = arena.client.json().get(arena.keys_of(arena.capture())[0], "$.info.sardana")[0]
    assert len(tracker.close_orphans(owner["macroserver"], "tracker", end)) == 1
    tracker.disconnect()
    arena.sleep_into_scan()
    arena.proxy.accept()
    arena.prompt(most_lines=2)  # that Redis is away, and that there is a continuation
    capture = arena.capture()
    eventually(lambda: len(arena.keys_of(capture)) == 2, 30, "the continuation is in Redis")
    first, rest = (read_scan(arena.server.url, key) for key in arena.keys_of(capture))
    assert rest.info["sardana"]["continues"]["key"] == first.key
    begin = rest.info["sardana"]["continues"]["from"]
    recorded = [record["point_nb"] for record in capture.records]
    check.count(numbers(first)[:begin] + numbers(rest), recorded)
    assert rest.info["end_reason"] == "SUCCESS"
    assert numbers(first)[:begin] + numbers(rest) == recorded
