"""What an operator is told of the writers, whether a scan starts without them, and the macros."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import psutil
import pytest

from sardana_redis.local import Door, LocalStack, MacroRun
from sardana_redis.store import Link, initialise_database, list_scans, read_writers, write_writer
from tests.faults.arena import eventually
from tests.integration._writers import forget_all_writers, wait_until_up, wait_until_written

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ASCAN = ("ascan", "mot01", "0", "1", "4", "0.01")
WARM = 3.0
MOST_SCANS = 6
"""Two looks at the writers: what changed is known by then."""


@pytest.fixture(scope="module")
def writers(stack: LocalStack) -> Iterator[LocalStack]:
    """The stack with both writers running."""
    stack.redis.start()
    initialise_database(stack.redis.url)
    forget_all_writers(stack.redis.url)
    for writer in (stack.spec_writer, stack.nexus_writer):
        writer.start()
        writer.wait_until(
            lambda w=writer: "waiting for scans" in w.log_text(), seconds=60, purpose="wait"
        )
    wait_until_written(stack.redis.url)
    time.sleep(WARM)
    yield stack
    for writer in (stack.spec_writer, stack.nexus_writer):
        writer.terminate()
    forget_all_writers(stack.redis.url)


@pytest.fixture
def scans(writers: LocalStack, door: Door, tmp_path: Path) -> Path:
    """The folder of a.h5 and a.dat, which both writers are to write, as the recorder knows."""
    door.unset_environment("RedisRequireWriters")
    door.set_environment("ScanDir", str(tmp_path))
    door.set_environment("ScanFile", ["a.h5", "a.dat"])
    door.set_environment("ScanRecorder", ["RedisBlissRecorder"] * 2)
    wait_until_up(writers.redis.url, "nexus", "spec")
    eventually(lambda: "a.h5" in told(door.run(*ASCAN))[0], 30, "the recorder's look at them")
    return tmp_path


def run_in_time(
    stack: LocalStack,
    door: Door,
    *macro: str,
    of: tuple[str, ...] = ("nexus", "spec"),
    while_: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> MacroRun:
    """A scan whose end these writers told in time: on a busy machine they may need a few.

    The block of `while_` is around each of them alone.
    """
    for _ in range(5):
        # A scan waits for the one before it in its file, and that may be late.
        wait_until_written(stack.redis.url)
        with while_():
            run = door.run(*(macro or ASCAN))
        tardy = [f"({name}), {why}" for name in of for why in ("still writing", "which waits")]
        late = [text for text in tardy if text in run.text()]
        if not late:
            break
    assert not late, run.text()
    return run


def quickest(door: Door, *macro: str, of: int = 3) -> float:
    """The seconds of the quickest of some runs: the others may have met a busy machine."""
    return min(door.run(*(macro or ASCAN)).seconds for _ in range(of))


def told(run: MacroRun, *levels: str) -> list[str]:
    """Our lines: those of the start and of the end."""
    ours = ("This scan", "No writer", "Redis", "points safe")
    return [
        line
        for level, line in run.lines
        if level in (levels or ("info", "warning", "error")) and any(word in line for word in ours)
    ] or [""]


def age(stack: LocalStack, name: str, seconds: float) -> None:
    """Makes the writer, which does not run, silent for longer."""
    link = Link(stack.redis.url, timeout_seconds=5)
    record = read_writers(link)[name]
    record = type(record)(
        record.kind,
        record.host,
        record.version,
        record.boot,
        record.seen_ms - int(seconds * 1000),
        record.vitals,
    )
    write_writer(link, name, record)
    link.close()


def test_the_start_names_the_files_and_the_end_says_that_they_are_safe(
    writers: LocalStack, scans: Path, door: Door
) -> None:
    run = run_in_time(writers, door)
    assert told(run, "warning", "error") == [""]
    start, end = told(run)
    assert start == f"This scan goes into {scans}/a.h5 (nexus) and {scans}/a.dat (spec)."
    assert end.partition(": ")[2] == (
        "all 5 points safe in a.h5 (nexus); all 5 points safe in a.dat (spec)."
    )
    assert "Scan #" in end


def test_options_of_the_nexus_file_are_heeded(scans: Path, door: Door) -> None:
    door.set_environment("NexusWriterOpts", {"save": False})
    start, end = told(door.run(*ASCAN))
    assert start == (
        f"This scan goes into {scans}/a.dat (spec). nexus writes no file of it: the operator does "
        "not want it in files."
    )
    assert "a.h5" not in end
    door.set_environment("NexusWriterOpts", {"scanFile": "other"})
    assert f"{scans}/other.h5 (nexus)" in told(door.run(*ASCAN))[0]


def test_off_says_and_waits_for_nothing(scans: Path, door: Door) -> None:
    door.set_environment("RedisRequireWriters", "off")
    assert told(door.run(*ASCAN)) == [""]


def test_a_wrong_value_is_told_once_and_counts_as_warn(scans: Path, door: Door) -> None:
    door.set_environment("RedisRequireWriters", f"maybe {time.time()}")
    runs = [door.run(*ASCAN) for _ in range(2)]
    wrong = [sum("counts as warn" in line for _, line in run.lines) for run in runs]
    assert wrong == [1, 0]
    assert "a.dat" in told(runs[1])[0]


def test_a_scan_in_a_scan_waits_for_no_report(writers: LocalStack, scans: Path, door: Door) -> None:
    run = run_in_time(writers, door, "nested_scan")
    assert run.state == "ON", run.text()
    ends = [line for line in told(run) if "points safe" in line]
    assert len(ends) == 1, "that of the outer scan"
    assert "all 2 points safe" in ends[0]


def test_a_scan_without_a_file(scans: Path, door: Door) -> None:
    door.unset_environment("ScanDir", "ScanRecorder")
    door.set_environment("DataRecorder", "RedisBlissRecorder")
    door.set_environment("RedisRequireWriters", "refuse")
    run = door.run(*ASCAN)
    assert run.state == "ON", run.text()
    (line,) = [line for level, line in run.lines if "no file" in line]
    assert line == (
        "nexus writes no file of it: the scan names no file. "
        "spec writes no file of it: the scan names no file."
    )


def test_refuse_lets_a_scan_start_while_all_is_well(
    writers: LocalStack, scans: Path, door: Door
) -> None:
    door.set_environment("RedisRequireWriters", "refuse")
    run = run_in_time(writers, door)
    assert run.state == "ON", run.text()
    assert "all 5 points safe in a.dat (spec)" in told(run)[-1]


def refused(run: MacroRun) -> str:
    """The one line of a scan that was refused."""
    assert run.state == "ALARM", run.text()
    assert "Traceback" not in run.text()
    (line,) = [line for _, line in run.lines if "is not started" in line]
    assert line.startswith("RedisRequireWriters: This scan is not started")
    assert line.endswith("To scan all the same: senv RedisRequireWriters warn")
    return line


def test_a_writer_that_is_down(writers: LocalStack, scans: Path, door: Door) -> None:
    writers.spec_writer.terminate()
    age(writers, "spec", 60)
    try:
        eventually(
            lambda: "spec is down" in told(door.run(*ASCAN), "warning")[0],
            30,
            "the recorder's look",
        )
        run = run_in_time(writers, door, of=("nexus",))
        start, end = told(run, "warning")
        assert run.seconds < 5.0
        assert "spec is down for " in start
        assert f"{scans}/a.dat (spec)" in start
        assert "all 5 points safe in a.h5 (nexus)" in end
        assert "0 of 5 points safe in a.dat (spec), but spec is down" in end
        (before,) = list_scans(writers.redis.url, limit=1)
        door.set_environment("RedisRequireWriters", "refuse")
        assert "spec is down for " in refused(door.run(*ASCAN))
        (after,) = list_scans(writers.redis.url, limit=1)
        assert after.key == before.key, "nothing was published"
    finally:
        writers.spec_writer.start()
    wait_until_up(writers.redis.url, "nexus", "spec")
    eventually(lambda: door.run(*ASCAN).state == "ON", 30, "a scan once it runs again")


def test_a_refused_scan_ends_the_recorders_that_had_started(
    writers: LocalStack, scans: Path, door: Door
) -> None:
    """Sardana's own file recorder stands before ours: its file must not stay open."""
    door.set_environment("ScanFile", ["own.h5", "a.dat"])
    door.set_environment("ScanRecorder", ["NXscanH5_FileRecorder", "RedisBlissRecorder"])
    door.set_environment("RedisURL", "redis://127.0.0.1:1")
    door.set_environment("RedisRequireWriters", "refuse")
    line = refused(door.run(*ASCAN))
    assert "Redis at redis://127.0.0.1:1 cannot be reached" in line
    open_files = [str(path) for path, *_ in psutil.Process(writers.macroserver.pid).open_files()]
    assert not [path for path in open_files if path.endswith("own.h5")]
    door.set_environment("RedisRequireWriters", "warn")
    door.set_environment("RedisURL", writers.redis.url)
    assert door.run(*ASCAN).state == "ON", "the next scan takes the same file"


def test_a_setting_that_is_wrong_forbids_the_scan_as_well(scans: Path, door: Door) -> None:
    door.set_environment("RedisURL", 6379)
    door.set_environment("RedisRequireWriters", "refuse")
    assert "RedisURL must be a text" in refused(door.run(*ASCAN))


@contextmanager
def redis_that_is(how: str, stack: LocalStack) -> Iterator[None]:
    """Stops, kills, freezes or fills Redis, and mends it."""
    link = Link(stack.redis.url, timeout_seconds=5)
    limit = link.call("CONFIG", "GET", "maxmemory")[1]
    if how == "full":
        link.call("CONFIG", "SET", "maxmemory", "1mb")
    else:
        actions = {
            "stopped": stack.redis.stop,
            "killed": stack.redis.kill,
            "frozen": stack.redis.pause,
        }
        actions[how]()
    try:
        yield
    finally:
        if how == "full":
            link.call("CONFIG", "SET", "maxmemory", limit)
        link.close()
        stack.redis.resume()
        stack.redis.start()


@pytest.mark.parametrize("how", ["stopped", "killed", "frozen", "full"])
def test_redis_that_goes_away_costs_no_wait(
    writers: LocalStack, scans: Path, door: Door, how: str
) -> None:
    usual = quickest(door)
    with redis_that_is(how, writers):
        runs = [door.run(*ASCAN) for _ in range(3)]
        while min(run.seconds for run in runs[1:]) >= usual + 1.5 and len(runs) < MOST_SCANS:
            runs.append(door.run(*ASCAN))
        assert {run.state for run in runs} == {"ON"}
        assert not any("points safe" in line for run in runs for line in told(run))
        assert any("Redis at " in line for line in told(runs[1], "warning"))
        late = [run.seconds - usual for run in runs]
        # A frozen one is found out after `socket_timeout`, 5 s: the first end waits for that.
        assert late[0] < 9.0
        assert min(late[1:]) < 1.5
        door.set_environment("RedisRequireWriters", "refuse")
        refusals = [door.run(*ASCAN) for _ in range(2)]
        while min(run.seconds for run in refusals) >= 2.5 and len(refusals) < MOST_SCANS:
            refusals.append(door.run(*ASCAN))
        assert all("Redis at " in refused(run) for run in refusals)
        assert min(run.seconds for run in refusals) < 2.5
    wait_until_up(writers.redis.url, "nexus", "spec")


def test_a_writer_that_is_frozen_costs_less_than_a_second(
    writers: LocalStack, scans: Path, door: Door
) -> None:
    usual = quickest(door)
    pid = writers.nexus_writer.pid
    runs: list[MacroRun] = []
    while len(runs) < 2 or min(run.seconds for run in runs) >= usual + 1.5:
        assert len(runs) < MOST_SCANS, [run.seconds for run in runs]
        runs.append(run_in_time(writers, door, of=("spec",), while_=lambda: frozen(pid)))
    for run in runs:
        end = told(run, "warning")[-1]
        assert "0 of 5 points safe in a.h5 (nexus), still writing" in end
        assert "all 5 points safe in a.dat (spec)" in end


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Freezes the process, for less than the 10 s after which a writer counts as down."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_the_experiment_is_shown_and_set(scans: Path, door: Door) -> None:
    assert door.run("set_expinfo", "beamline", "P99").state == "ON"
    assert door.run("set_expinfo", "exp_desc", "two words").state == "ON"
    assert door.run("add_expmember", "Ada Lovelace", "contact", "DESY").state == "ON"
    assert door.run("add_expmember", "Emmy Noether").state == "ON"
    assert door.run("rm_expmember", "Emmy Noether").state == "ON"
    assert door.environment()["NexusExperimentInfo"] == {
        "beamline": "P99",
        "exp_desc": "two words",
        "exp_team": [{"name": "Ada Lovelace", "role": "contact", "affiliation": "DESY"}],
    }
    shown = door.run("expinfo").text("output")
    assert "beamline     P99" in shown
    assert "Ada Lovelace, contact, DESY" in shown
    door.run("set_expinfo", "beamline", "")
    assert "beamline" not in door.environment()["NexusExperimentInfo"]
    wrong = door.run("set_expinfo", "colour", "red")
    assert wrong.state == "ALARM"
    assert "set_expinfo: 'colour' is none of beamline" in wrong.text("error")


def test_the_last_scan_and_its_files(writers: LocalStack, scans: Path, door: Door) -> None:
    number = door.run(*ASCAN).text().split("Scan #")[1].split()[0]

    shown = ""

    def is_written() -> bool:
        nonlocal shown
        shown = door.run("lastscan").text("output")
        return shown.count("all 5 points safe in") == 2

    eventually(is_written, 20, "the end of the writing")
    assert shown.splitlines() == [
        f"Scan #{number} (ascan mot01 0.0 1.0 4 0.01): 5 points, SUCCESS",
        f"  all 5 points safe in {scans}/a.h5 (nexus)",
        f"  all 5 points safe in {scans}/a.dat (spec)",
    ]
    assert door.run("lastscan", "2").text("output").count("Scan #") == 2


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_the_last_scan_while_redis_is_away(
    writers: LocalStack, scans: Path, door: Door, how: str
) -> None:
    with redis_that_is(how, writers):
        runs = [door.run("lastscan") for _ in range(2)]
        for run in runs:
            assert run.state == "ON"
            assert f"Redis at {writers.redis.url} cannot tell: " in run.text("output")
        assert min(run.seconds for run in runs) < 3.5
    wait_until_up(writers.redis.url, "nexus", "spec")
