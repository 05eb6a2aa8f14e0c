"""blissdata's h5api opens a scan while it runs: from Redis, and from the files being written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blissdata import DataStore
from blissdata.h5api import dynamic_hdf5, redis_hdf5

from sardana_redis.local import Door, LocalStack
from sardana_redis.local.capture import Capture, captures
from sardana_redis.store import reader_url
from tests.faults.arena import free_the_door
from tests.integration._nexus import running_blisswriter, running_nexus_writer

pytestmark = pytest.mark.stack

GROUP = "livegroup"
POINTS = 500


@pytest.fixture(scope="module", autouse=True)
def group(stack: LocalStack) -> None:
    free_the_door(stack)
    run = stack.door().run("defmeas", GROUP, "ct01", "oned01", "twod01")
    assert run.state == "ON", run.text()


@pytest.fixture
def folder(door: Door, tmp_path: Path) -> Path:
    """The folder of captures and of the file `live.h5`."""
    door.set_environment("ActiveMntGrp", GROUP)
    door.set_environment("CaptureDir", str(tmp_path))
    door.set_environment("DataRecorder", ["CaptureRecorder"])
    door.set_environment("ScanDir", str(tmp_path))
    door.set_environment("ScanFile", ["live.h5"])
    return tmp_path


def begin(door: Door, folder: Path) -> Capture:
    """Starts a scan that lasts until it is stopped; returns when two points were recorded."""
    door.start("ascan", "mot01", "0", "1", str(POINTS - 1), "0.2")
    eventually(lambda: bool(captures(folder)) and len(captures(folder)[-1].records) >= 2)
    return captures(folder)[-1]


def all_of(dataset: Iterable[Any], door: Door) -> list[Any]:
    """The points of a dataset that grows; the scan is stopped once five were seen."""
    seen = []
    for point in dataset:
        seen.append(point)
        if len(seen) == 5:
            assert door.state == "RUNNING"
            door.stop()
    return seen


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def assert_holds(column: Any, expected: list[np.ndarray]) -> None:
    """The column of a scan that is over has these points, once its images came after its counts."""
    eventually(lambda: len(list(column)) == len(expected))
    assert np.array_equal(list(column), expected)
    assert np.array_equal(column[:], expected)


def recorded(folder: Path, label: str) -> list[np.ndarray]:
    capture = captures(folder)[-1]
    column = next(column for column in capture.columns if column.label == label)
    return [np.asarray(value) for value in capture.values(column)]


def test_a_scan_is_followed_live_in_redis(stack: LocalStack, door: Door, folder: Path) -> None:
    capture = begin(door, folder)
    data_store = DataStore(reader_url(stack.redis.url))
    with redis_hdf5.File(str(folder / "live.h5"), data_store=data_store) as file:
        entry = file[f"{capture.number}.1"]
        assert entry.attrs["default"] == "curves_mot01"
        assert "end_time" not in entry
        assert file[f"{entry.name}/title"][()].decode() == capture.start["title"]
        assert entry["measurement/dt"].attrs["units"] == "s"
        plotted = entry["curves_mot01/ct01"]
        eventually(lambda: len(plotted) >= 2)
        assert plotted[1] == recorded(folder, "ct01")[1]
        assert entry["measurement/oned01"].shape[1:] == (1024,)
        followed = all_of(plotted, door)
        assert door.wait().state == "ON"
        assert followed == recorded(folder, "ct01")
        assert 5 <= len(followed) < POINTS
        assert np.array_equal(entry["instrument/mot01/value"][:], recorded(folder, "mot01"))
        eventually(lambda: "end_time" in entry)
        assert entry["end_reason"][()].decode() == "USER_ABORT"


def test_a_scan_is_followed_live_in_the_file_that_blisswriter_writes(
    stack: LocalStack, door: Door, folder: Path
) -> None:
    """Of a scan this short blisswriter writes images at once, scalars at its end."""
    with running_blisswriter(stack.redis.url, folder / "blisswriter"):
        capture = begin(door, folder)
        name = f"{capture.number}.1"
        with dynamic_hdf5.File(str(folder / "live.h5"), retry_timeout=60) as file:
            images = all_of(file[f"{name}/measurement/twod01"], door)
            assert door.wait().state == "ON"
            assert 5 <= len(images) < POINTS
            for image, expected in zip(images, recorded(folder, "twod01"), strict=True):
                assert np.array_equal(image, expected)
            counts = list(file[f"{name}/curves_mot01/ct01"])
            assert counts == recorded(folder, "ct01")
            assert file[f"{name}/end_reason"][()].decode() == "USER_ABORT"


def test_a_scan_is_followed_live_in_the_file_that_our_writer_writes(
    stack: LocalStack, door: Door, folder: Path
) -> None:
    """Opened when there is no file yet; the scan goes on until some of it was seen there."""
    with running_nexus_writer(stack.redis.url, folder / "writer"):
        capture = begin(door, folder)
        name = f"{capture.number}.1"
        with dynamic_hdf5.File(str(folder / "live.h5"), retry_timeout=60) as file:
            entry = file[name]
            assert entry.attrs["default"] == "curves_mot01"
            assert file[f"{name}/writer/status"][()].decode() == "RUNNING"
            counts = all_of(file[f"{name}/curves_mot01/ct01"], door)
            door.wait()
            assert counts == recorded(folder, "ct01")
            assert 5 <= len(counts) < POINTS
            for label in ("oned01", "twod01"):
                assert_holds(file[f"{name}/measurement/{label}"], recorded(folder, label))
            assert file[f"{name}/end_reason"][()].decode() == "USER_ABORT"
            assert file[f"{name}/measurement/dt"].attrs["units"] == "s"
