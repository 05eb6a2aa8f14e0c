"""Scans of every kind in the real MacroServer, compared with a second recorder's capture."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from blissdata.schemas.scan_info import ScanInfoDict
from pydantic import ConfigDict, TypeAdapter, with_config

from sardana_redis.local import Door, LocalStack, differences
from sardana_redis.local.capture import Capture, captures
from sardana_redis.store import ReadScan, list_scans, read_scan
from tests.faults.arena import free_the_door
from tests.faults.sardana_hang import unless_sardana_hangs

pytestmark = pytest.mark.stack

GROUP = "allgroup"
CHANNELS = ("ct01", "ct02", "zerod01", "oned01", "twod01", "ioveri001")

SCANS = {
    "ascan": "mot01 0 1 4 0.01",
    "a2scan": "mot01 0 1 mot02 0 2 3 0.01",
    "dscan": "mot01 -0.5 0.5 3 0.01",
    "mesh": "mot01 0 1 2 mot02 0 1 1 0.01",
    "ascanct": "mot01 0 1 6 0.05 0.01",
    "a2scanct": "mot01 0 1 mot02 0 1 5 0.05 0.01",
    "meshct": "mot01 0 0.5 3 mot02 0 0.5 1 0.05 True 0.01",
    "timescan": "4 0.02",
    "fscan": '"x=[1,2,3],y=[1,2,5]" 0.01 mot01 x mot02 y**2',
}


@with_config(ConfigDict(arbitrary_types_allowed=True))
class Info(ScanInfoDict):
    """blissdata's own description of a scan's info, in a form that pydantic can build."""


@pytest.fixture(scope="module", autouse=True)
def group(stack: LocalStack) -> None:
    free_the_door(stack)
    run = stack.door().run("defmeas", GROUP, *CHANNELS)
    assert run.state == "ON", run.text()


@pytest.fixture
def captured(stack: LocalStack, door: Door, tmp_path: Path) -> Path:
    """The folder of the captures of scans that run with all kinds of channels."""
    door.set_environment("ActiveMntGrp", GROUP)
    door.set_environment("CaptureDir", str(tmp_path))
    door.set_environment("DataRecorder", ["CaptureRecorder"])
    return tmp_path


def last(stack: LocalStack, folder: Path) -> tuple[ReadScan, Capture]:
    capture = captures(folder)[-1]
    scan = read_scan(stack.redis.url)
    assert scan.number == capture.number
    return scan, capture


def assert_equal(scan: ReadScan, capture: Capture) -> None:
    assert differences(capture, scan.streams) == []
    assert len(capture.records) == len(scan.streams["#Pt No"].points)
    TypeAdapter(Info).validate_python(scan.info)


@pytest.mark.parametrize("macro", SCANS)
def test_every_value_of_every_stream_equals_what_was_recorded(
    stack: LocalStack, door: Door, captured: Path, macro: str
) -> None:
    run = door.run(macro, *SCANS[macro].split())
    assert run.state == "ON", run.text()
    scan, capture = last(stack, captured)
    assert_equal(scan, capture)
    assert capture.records, "the scan has points"
    assert scan.name == macro
    assert scan.info["end_reason"] == "SUCCESS"
    assert scan.info["npoints"] == len(capture.records)
    assert scan.streams["oned01"].shape == (1024,)
    assert scan.streams["twod01"].shape == (1024, 1024)
    assert run.text("warning").count("Redis") == 0


def interrupt(stack: LocalStack, door: Door, how: str, folder: Path) -> None:
    """Ends a long scan once three points of it were recorded; another one if Sardana hangs."""

    def end() -> None:
        before = len(captures(folder))
        door.start("ascan", "mot01", "0", "1", "200", "0.01")
        deadline = time.monotonic() + 20
        while len(found := captures(folder)) == before or len(found[-1].records) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        getattr(door, how)()
        door.wait(timeout=20)

    unless_sardana_hangs(stack, end)


@pytest.mark.parametrize("how", ["stop", "abort"])
def test_a_scan_that_the_operator_ends_is_published_up_to_there(
    stack: LocalStack, door: Door, captured: Path, how: str
) -> None:
    interrupt(stack, door, how, captured)
    scan, capture = last(stack, captured)
    assert_equal(scan, capture)
    assert 3 <= len(capture.records) < 201
    assert scan.info["end_reason"] == "USER_ABORT"


@pytest.mark.parametrize(
    ("macro", "points"),
    [
        ("raising_scan", [0, 1]),
        ("interrupted_scan", [0, 1, 2]),  # which Sardana has, and did not hand to us
    ],
)
def test_a_scan_that_breaks_is_published_up_to_there(
    stack: LocalStack, door: Door, captured: Path, macro: str, points: list[int]
) -> None:
    run = door.run(macro)
    assert run.state == "ALARM"
    scan, capture = last(stack, captured)
    assert_equal(scan, capture)
    assert scan.streams["#Pt No"].points == points
    assert scan.info["end_reason"] == "FAILURE"
    assert run.text("warning").count("Redis") == 0


def test_columns_of_every_type_and_shape(stack: LocalStack, door: Door, captured: Path) -> None:
    run = door.run("odd_scan", "5")
    assert run.state == "ON", run.text()
    scan, capture = last(stack, captured)
    assert_equal(scan, capture)
    streams = scan.streams
    assert streams["text"].points == [None, "punkt 1 µm", None, "punkt 3 µm", None]
    assert [bool(v) for v in streams["flag"].points] == [False, True, False, True, False]
    missing = np.iinfo("int32").min
    assert [int(v) for v in streams["count"].points] == [missing, 1, 2, missing, 4]
    assert [len(v) for v in streams["growing"].points] == [0, 1, 2, 3, 4]
    assert streams["growing"].shape == (-1,)
    assert [len(v) for v in streams["fixed"].points] == [3] * 5
    assert {"twin", "other/twin"} <= set(streams), "labels that occur twice get full names"
    assert run.text("warning").count("did not fit") == 1
    assert scan.info["sardana"]["misfits"] == {"fixed": 3}


def test_value_references_are_published_as_references(
    stack: LocalStack, door: Door, captured: Path
) -> None:
    door.run("set_meas_conf", "ValueRefEnabled", "True", "twod01")
    door.run("set_meas_conf", "ValueRefPattern", "h5file:///tmp/img_{index}.h5", "twod01")
    try:
        run = door.run("ascan", "mot01", "0", "1", "2", "0.01")
        assert run.state == "ON", run.text()
    finally:
        door.run("set_meas_conf", "ValueRefEnabled", "False", "twod01")
    scan, capture = last(stack, captured)
    assert_equal(scan, capture)
    assert scan.streams["twod01"].dtype == "json"
    assert all(point["filename"].startswith("h5file:") for point in scan.streams["twod01"].points)


def test_extra_columns_and_tango_attributes(stack: LocalStack, door: Door, captured: Path) -> None:
    position = stack.tango_name("mot03") + "/Position"
    door.set_environment("ExtraColumns", [{"label": "third", "model": position, "name": "third"}])
    run = door.run("ascan", "mot01", "0", "1", "2", "0.01")
    assert run.state == "ON", run.text()
    scan, capture = last(stack, captured)
    assert_equal(scan, capture)
    assert len(scan.streams["third"].points) == 3


def test_the_snapshot_before_the_scan_is_in_the_info(
    stack: LocalStack, door: Door, captured: Path
) -> None:
    door.set_environment(
        "PreScanSnapshot",
        [(stack.tango_name("mot03"), "mot03"), (stack.tango_name("oned01"), "oned01")],
    )
    run = door.run("ascan", "mot01", "0", "1", "1", "0.01")
    assert run.state == "ON", run.text()
    scan, _ = last(stack, captured)
    snapshot = scan.info["snapshot"]
    assert snapshot["mot03"]["value"] == scan.info["positioners"]["positioners_start"]["mot03"]
    assert snapshot["mot03"]["dtype"] == "float64"
    assert snapshot["oned01"]["shape"] == [1024]
    assert len(snapshot["oned01"]["value"]) == 1024


def test_custom_data_of_before_and_after_the_end(
    stack: LocalStack, door: Door, captured: Path
) -> None:
    run = door.run("custom_scan")
    assert run.state == "ON", run.text()
    deadline = time.monotonic() + 15
    while True:
        scan, capture = last(stack, captured)
        custom = scan.info["sardana"]["custom"]
        if len(custom) == 2 or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    assert custom == [
        {"name": "middle", "value": [1.5, 2.5], "nxpath": "a:NXcollection"},
        {"name": "late", "value": "fitted", "nxpath": "b:NXcollection"},
    ]
    assert_equal(scan, capture)


def test_scans_in_a_scan_are_all_published(stack: LocalStack, door: Door, captured: Path) -> None:
    run = door.run("nested_scan")
    assert run.state == "ON", run.text()
    found = captures(captured)
    assert len(found) == 3
    for capture in found:
        scan = read_scan(stack.redis.url, key_of(stack, capture.number))
        assert_equal(scan, capture)
        assert scan.info["end_reason"] == "SUCCESS"


def test_a_scan_that_another_macro_drives_is_not_taken_for_abandoned(
    stack: LocalStack, door: Door, captured: Path
) -> None:
    door.set_environment("ActiveMntGrp", "mntgrp01")  # 60 images without a value are 480 MB
    run = door.run("driving_macro")
    assert run.state == "ON", run.text()
    scan, capture = last(stack, captured)
    assert_equal(scan, capture)
    assert len(capture.records) == 60
    assert scan.info["end_reason"] == "SUCCESS"


def test_two_doors_scan_at_once(stack: LocalStack, door: Door, captured: Path) -> None:
    door.run("defmeas", "second", "ct03", "ct04")
    other = stack.door(2)
    door.set_environment(f"{stack.doors[1]}.ActiveMntGrp", "second")
    door.start("ascan", "mot01", "0", "1", "10", "0.01")
    other.start("ascan", "mot02", "0", "1", "10", "0.01")
    assert door.wait().state == "ON"
    assert other.wait().state == "ON"
    found = captures(captured)
    assert len(found) == 2
    for capture in found:
        assert_equal(read_scan(stack.redis.url, key_of(stack, capture.number)), capture)


def test_a_thousand_columns_with_long_names_fit(
    stack: LocalStack, door: Door, captured: Path
) -> None:
    run = door.run("wide_scan", "1000", "3", timeout=60)
    assert run.state == "ON", run.text()
    scan, capture = last(stack, captured)
    assert_equal(scan, capture)
    assert len(scan.streams) > 1000


def key_of(stack: LocalStack, number: int) -> str:
    return next(s.key for s in list_scans(stack.redis.url, limit=50) if s.number == number)
