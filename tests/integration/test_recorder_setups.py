"""The ways to switch the recorder on, and what may stand beside it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sardana_redis.local import Door, LocalStack
from sardana_redis.store import list_scans, read_scan

pytestmark = pytest.mark.stack

ASCAN = ("ascan", "mot01", "0", "1", "2", "0.01")
_MOST_SCANS_OF_A_TEST = 20


def new_scans(stack: LocalStack, before: str) -> list[str]:
    """The keys of the scans published since the one with the key `before`, oldest first."""
    found = [scan.key for scan in list_scans(stack.redis.url, limit=_MOST_SCANS_OF_A_TEST)]
    assert before in found, "more scans than a test makes"
    return found[: found.index(before)][::-1]


@pytest.fixture
def before(stack: LocalStack, door: Door) -> str:
    """The key of the newest scan; it also makes sure that there is a database."""
    assert door.run(*ASCAN).state == "ON"
    return list_scans(stack.redis.url, limit=1)[0].key


def files_of(stack: LocalStack, before: str) -> list[tuple[str, str]]:
    (key,) = new_scans(stack, before)
    scan = read_scan(stack.redis.url, key)
    assert scan.info["end_reason"] == "SUCCESS"
    assert len(scan.streams["mot01"].points) == 3
    files = scan.info["sardana"]["files"]
    return [(Path(file["path"]).name, file["writer"]) for file in files]


def test_scan_recorder_alone(stack: LocalStack, door: Door, before: str) -> None:
    assert door.run(*ASCAN).state == "ON"
    assert files_of(stack, before) == [("demo.h5", "redis")]


def test_data_recorder_without_a_scan_dir(stack: LocalStack, door: Door, before: str) -> None:
    door.unset_environment("ScanDir", "ScanFile", "ScanRecorder")
    door.set_environment("DataRecorder", "RedisBlissRecorder")
    assert door.run(*ASCAN).state == "ON"
    assert files_of(stack, before) == []
    scan = read_scan(stack.redis.url, new_scans(stack, before)[0])
    assert scan.info["save"] is False
    assert scan.info["filename"] is None


def test_the_number_is_right_from_the_data_recorder(
    stack: LocalStack, door: Door, before: str
) -> None:
    door.set_environment("DataRecorder", "RedisBlissRecorder")
    door.unset_environment("ScanRecorder")
    run = door.run(*ASCAN)
    number = int(re.search(r"Scan #(\d+) started", run.text("info")).group(1))
    assert read_scan(stack.redis.url, new_scans(stack, before)[0]).number == number


def test_data_recorder_beside_a_file_that_sardana_writes(
    stack: LocalStack, door: Door, before: str
) -> None:
    door.unset_environment("ScanRecorder")
    door.set_environment("ScanFile", ["beside.dat"])
    door.set_environment("DataRecorder", "RedisBlissRecorder")
    assert door.run(*ASCAN).state == "ON"
    assert files_of(stack, before) == [("beside.dat", "sardana")]
    assert (stack.scan_dir / "beside.dat").read_text().count("#S ") == 1


def test_one_scan_recorder_for_two_files(stack: LocalStack, door: Door, before: str) -> None:
    door.set_environment("ScanFile", ["two.h5", "two.dat"])
    assert door.run(*ASCAN).state == "ON"
    assert files_of(stack, before) == [("two.h5", "redis"), ("two.dat", "sardana")]


def test_both_at_once_publish_one_scan(stack: LocalStack, door: Door, before: str) -> None:
    door.set_environment("ScanFile", ["a.h5", "b.dat"])
    door.set_environment("ScanRecorder", ["RedisBlissRecorder", "RedisBlissRecorder"])
    door.set_environment("DataRecorder", ["RedisBlissRecorder", "RedisBlissRecorder"])
    assert door.run(*ASCAN).state == "ON"
    assert files_of(stack, before) == [("a.h5", "redis"), ("b.dat", "redis")]


@pytest.mark.parametrize("order", ["before", "behind"])
def test_a_recorder_that_raises_at_the_end(
    stack: LocalStack, door: Door, before: str, order: str
) -> None:
    recorders = ["RaisesAtEnd", "RedisBlissRecorder"]
    door.unset_environment("ScanRecorder")
    door.set_environment("DataRecorder", recorders if order == "before" else recorders[::-1])
    run = door.run(*ASCAN)
    assert run.state == "ALARM", "Sardana ends the macro for its own recorder's error"
    scan = closed_scan(stack, before)
    assert len(scan.streams["mot01"].points) == 3
    # Behind the raising one Sardana never calls our end, so that nobody knows a reason.
    assert scan.info["end_reason"] == ("FAILURE" if order == "before" else "SUCCESS")


@pytest.mark.parametrize("order", ["before", "behind"])
def test_a_recorder_that_raises_at_the_start(
    stack: LocalStack, door: Door, before: str, order: str
) -> None:
    recorders = ["RaisesAtStart", "RedisBlissRecorder"]
    door.unset_environment("ScanRecorder")
    door.set_environment("DataRecorder", recorders if order == "before" else recorders[::-1])
    assert door.run(*ASCAN).state == "ALARM"
    if order == "behind":
        assert closed_scan(stack, before).info["end_reason"] == "FAILURE"
    door.set_environment("DataRecorder", "RedisBlissRecorder")
    assert door.run(*ASCAN).state == "ON", "MacroServer takes the next scan"


def closed_scan(stack: LocalStack, before: str):
    """The scan since `before`, once it is closed."""
    deadline = time.monotonic() + 15
    while not (keys := new_scans(stack, before)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return read_scan(stack.redis.url, keys[0], seconds=15)


def test_a_wrong_redis_url_costs_one_line(stack: LocalStack, door: Door, before: str) -> None:
    door.set_environment("RedisURL", 6379)
    run = door.run(*ASCAN)
    assert run.state == "ON"
    lines = [line for level, line in run.lines if "Redis" in line]
    assert len(lines) == 1
    assert "RedisURL must be a text" in lines[0]
    assert new_scans(stack, before) == []


def test_redis_is_not_running(stack: LocalStack, door: Door, before: str) -> None:
    stack.redis.stop()
    runs = [door.run(*ASCAN) for _ in range(2)]
    for run in runs:
        assert run.state == "ON", run.text()
        warnings = [line for level, line in run.lines if level == "warning" and "Redis" in line]
        assert len(warnings) == 1
        assert "cannot be reached" in warnings[0]
        assert "RedisURL" in warnings[0]
    stack.redis.start()
    deadline = time.monotonic() + 15
    while len(keys := new_scans(stack, before)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert [len(read_scan(stack.redis.url, key).streams["ct01"].points) for key in keys] == [3, 3]
    assert door.run(*ASCAN).state == "ON"


@pytest.mark.timeout(300)  # 300 columns twice, each in a MacroServer that was just started
def test_threads_and_connections_with_300_columns(
    stack: LocalStack, door: Door, record_property: Callable[[str, object], None]
) -> None:
    """At most 3 threads and 2 connections more than without the recorder."""
    port = str(stack.redis.port)
    others = stack.door(2)

    def census() -> tuple[int, int]:
        found = re.search(r"threads=(\d+) connections=(\d+)", others.run("census", port).text())
        assert found
        return int(found.group(1)), int(found.group(2))

    def while_scanning() -> tuple[int, int]:
        stack.macroserver.restart()  # it has a thread for each Redis that it published to
        door.run("wide_scan", "300", "2")
        door.start("wide_scan", "300", "60")
        deadline = time.monotonic() + 10
        while door.state != "RUNNING" and time.monotonic() < deadline:
            time.sleep(0.01)
        counts = [census() for _ in range(5)]
        assert door.wait().state == "ON"
        return max(c[0] for c in counts), max(c[1] for c in counts)

    with_recorder = while_scanning()
    door.unset_environment("ScanRecorder", "DataRecorder")
    without = while_scanning()
    figures = f"300 columns: {with_recorder} threads and connections, without {without}"
    record_property("figures", figures)
    assert with_recorder[0] - without[0] <= 3
    assert with_recorder[1] - without[1] <= 2
    assert with_recorder[1] >= 1


def test_the_plugin_loads_without_a_warning(stack: LocalStack, door: Door) -> None:
    assert "RedisBlissRecorder" in stack.default_environment["ScanRecorder"]
    assert door.run(*ASCAN).state == "ON"
    lines = [
        line
        for path in (stack.folder / "log").iterdir()
        for line in path.read_text(errors="replace").splitlines()
    ]
    assert any("ThreadPool" in line for line in lines), "MacroServer logs into this folder"
    about_us = ("redis_bliss_recorder", "RedisBlissRecorder")
    bad = [line for line in lines if any(name in line for name in about_us)]
    assert [line for line in bad if "WARNING" in line or "ERROR" in line] == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pint, through taurus
def test_sardanas_own_loader_finds_the_class_twice() -> None:
    """The loader runs the file again at each reload; the class must be defined in it."""
    from sardana.macroserver.msrecordermanager import RecorderManager
    from sardana.macroserver.scan.recorder import DataRecorder
    from sardana.sardanamodulemanager import ModuleManager

    from sardana_redis.recorder import RECORDER_PATH

    names = [path.stem for path in RECORDER_PATH.glob("*.py") if not path.name.startswith("_")]
    assert names == ["redis_bliss_recorder"], "Sardana loads every file without an underscore"
    assert RecorderManager.DEFAULT_RECORDER_DIRECTORIES
    for _ in range(2):
        module = ModuleManager().reloadModule(names[0], [str(RECORDER_PATH)])
        recorder = module.RedisBlissRecorder
        assert issubclass(recorder, DataRecorder)
        assert recorder.__module__ == module.__name__
        recorder("/some/file.h5", macro=None)
