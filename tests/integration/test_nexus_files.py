"""Scans in the real MacroServer, compared with their capture: by blisswriter and by our writer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import silx.io
import tango
from silx.io.nxdata import get_default

from sardana_redis.local import Door, LocalStack
from sardana_redis.local.capture import Capture, captures
from sardana_redis.store import ReadScan, read_scan
from tests.faults.arena import free_the_door
from tests.integration._nexus import (
    Blisswriter,
    NexusWriter,
    assert_columns_equal,
    running_blisswriter,
    running_nexus_writer,
)
from tests.integration.test_scans import CHANNELS, SCANS, interrupt

pytestmark = pytest.mark.stack

Writer = Blisswriter | NexusWriter

GROUP = "nexusgroup"
CURVES = ["ct01", "ct02", "zerod01", "ioveri001"]
AXES = {
    "mesh": ["mot01", "mot02"],
    "meshct": ["mot01", "mot02"],
    "timescan": ["dt"],
    "fscan": ["mot02"],  # Sardana's first reference moveable
}


@pytest.fixture(scope="module", autouse=True)
def group(stack: LocalStack) -> None:
    free_the_door(stack)
    run = stack.door().run("defmeas", GROUP, *CHANNELS)
    assert run.state == "ON", run.text()


WRITERS = {"blisswriter": running_blisswriter, "nexus-writer": running_nexus_writer}


@pytest.fixture(scope="module", params=WRITERS)
def writer(
    stack: LocalStack,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Writer]:
    folder = tmp_path_factory.mktemp(request.param)
    with WRITERS[request.param](stack.redis.url, folder) as writer:
        yield writer


@pytest.fixture
def captured(writer: Writer, door: Door, tmp_path: Path) -> Path:
    """The folder of captures and of the file `scans.h5`."""
    door.set_environment("ActiveMntGrp", GROUP)
    door.set_environment("CaptureDir", str(tmp_path))
    door.set_environment("DataRecorder", ["CaptureRecorder"])
    door.set_environment("ScanDir", str(tmp_path))
    door.set_environment("ScanFile", ["scans.h5"])
    return tmp_path


class Written:
    """The last scan: as Redis has it, as it was captured, and as the file has it."""

    def __init__(self, stack: LocalStack, folder: Path, writer: Writer) -> None:
        self.capture: Capture = captures(folder)[-1]
        self.scan: ReadScan = read_scan(stack.redis.url)
        self.path = folder / "scans.h5"
        self.name = f"{self.scan.number}.1"
        assert self.scan.number == self.capture.number
        self.writes_text = writer.writes_text
        writer.wait_for(self.scan.key)

    def __enter__(self) -> h5py.Group:
        self._file = h5py.File(self.path, locking=False)  # its writer may still have it
        entry = self._file[self.name]
        assert_columns_equal(entry, self.scan, self.capture, writes_text=self.writes_text)
        return entry

    def __exit__(self, *_error: object) -> None:
        self._file.close()


def text(entry: h5py.Group, path: str) -> str:
    return str(entry[path].asstr()[()])


@pytest.mark.parametrize("macro", SCANS)
def test_the_file_equals_what_was_recorded_and_silx_opens_the_right_plot(
    stack: LocalStack, door: Door, captured: Path, writer: Writer, macro: str
) -> None:
    run = door.run(macro, *SCANS[macro].split())
    assert run.state == "ON", run.text()
    with (written := Written(stack, captured, writer)) as entry:
        info = written.scan.info
        assert text(entry, "start_time") == info["start_time"]
        assert text(entry, "end_time") == info["end_time"]
        assert text(entry, "end_reason") == "SUCCESS"
        assert text(entry, "program_name") == "sardana-redis"
        assert text(entry, "sardana/macro") == macro
        assert entry["sardana/points"][()] == len(written.capture.records)
    with silx.io.open(str(written.path)) as file:
        plot = get_default(file)
        assert plot is not None
        assert plot.is_valid, plot.issues
        axes = AXES.get(macro, ["mot01"])
        assert plot.axes_dataset_names == axes
        assert plot.signal_dataset_name == "ct01"
        assert plot.is_x_y_value_scatter == (len(axes) == 2)
        assert plot.title == info["title"]
        if len(axes) == 1:
            assert plot.auxiliary_signals_dataset_names == CURVES[1:]
        streams = written.scan.streams
        for axis, name in zip(plot.axes, axes, strict=True):
            assert np.array_equal(axis[()], streams[name].points)
        assert np.array_equal(plot.signal[()], streams["ct01"].points, equal_nan=True)


def test_every_plot_of_a_file_is_one_that_silx_accepts(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    assert door.run("mesh", *SCANS["mesh"].split()).state == "ON"
    written = Written(stack, captured, writer)
    shapes = {}
    with silx.io.open(str(written.path)) as file:
        entry = file[written.name]
        for name in entry:
            if entry[name].attrs.get("NX_class") == "NXdata":
                plot = get_default(entry[name])
                assert plot is not None, name
                assert plot.is_valid, plot.issues
                shapes[name] = (plot.signal.ndim, plot.interpretation)
    scatters = {f"scatter_{name}": (1, None) for name in CURVES}
    pictures = {f"image_{name}": (2, "image") for name in CURVES}
    assert shapes == {
        **scatters,
        **(pictures if isinstance(writer, NexusWriter) else {}),
        "curves_mot01": (1, None),
        "spectrum_oned01": (2, "spectrum"),
        "image_twod01": (3, "image"),
    }


@pytest.mark.parametrize("bidirectional", ["False", "True"])
def test_a_mesh_is_a_picture_too(
    stack: LocalStack, door: Door, captured: Path, writer: Writer, bidirectional: str
) -> None:
    if not isinstance(writer, NexusWriter):
        pytest.skip("it takes the values, which the map has not")
    run = door.run("mesh", *["mot01", "0", "1", "3", "mot02", "0", "1", "2", "0.01"], bidirectional)
    assert run.state == "ON", run.text()
    written = Written(stack, captured, writer)
    streams = written.scan.streams
    with silx.io.open(str(written.path)) as file:
        plot = get_default(file[f"{written.name}/image_ct01"])
        assert plot is not None
        assert plot.is_valid, plot.issues
        assert plot.is_image
        assert plot.axes_dataset_names == ["mot02", "mot01"]
        assert plot.signal.shape == (3, 4)
        y, x = plot.axes
        found = [
            plot.signal[np.argmin(abs(y - slow)), np.argmin(abs(x - fast))]
            for fast, slow in zip(streams["mot01"].points, streams["mot02"].points, strict=True)
        ]
        assert found == streams["ct01"].points


def test_the_position_of_each_moveable_at_its_first_and_last_point(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    assert door.run("a2scan", *SCANS["a2scan"].split()).state == "ON"
    with (written := Written(stack, captured, writer)) as entry:
        for motor in ("mot01", "mot02"):
            points = written.scan.streams[motor].points
            assert entry[f"instrument/positioners_start/{motor}"][()] == points[0]
            assert entry[f"instrument/positioners_end/{motor}"][()] == points[-1]
            assert np.array_equal(entry[f"instrument/positioners/{motor}"], points)
            assert np.array_equal(entry[f"instrument/{motor}/value"], points)
        assert entry["instrument/oned01/data"].shape == (4, 1024)


@pytest.mark.parametrize("how", ["stop", "abort"])
def test_a_scan_that_the_operator_ends_is_written_up_to_there(
    stack: LocalStack, door: Door, captured: Path, writer: Writer, how: str
) -> None:
    interrupt(stack, door, how, captured)
    with Written(stack, captured, writer) as entry:
        assert text(entry, "end_reason") == "USER_ABORT"
        assert len(entry["measurement/ct01"]) >= 3


def test_columns_of_every_numeric_type_and_shape(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    run = door.run("odd_scan", "5")
    assert run.state == "ON", run.text()
    with Written(stack, captured, writer) as entry:
        measurement = entry["measurement"]
        assert ("text" in measurement) is writer.writes_text
        assert measurement["count"].attrs["fill_value"] == np.iinfo("int32").min
        assert measurement["growing"].shape == (5, 4)
        assert measurement["other_twin"].attrs["long_name"] == "twin"


def test_a_scan_without_points_has_an_entry(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    """blisswriter alone finds it closed and never looks at its final info."""
    run = door.run("odd_scan", "0")
    assert run.state == "ON", run.text()
    with Written(stack, captured, writer) as entry:
        assert list(entry["measurement"]) == []
        if isinstance(writer, NexusWriter):
            assert text(entry, "end_reason") == "SUCCESS"
            assert broken_links(entry) == []


def broken_links(entry: h5py.Group) -> list[str]:
    """Links in groups of the entry that lead nowhere."""
    found = []

    def look(_: str, item: Any) -> None:
        if isinstance(item, h5py.Group):
            found.extend(f"{item.name}/{name}" for name in item if item.get(name) is None)

    entry.visititems(look)
    return found


def _scan_with_references(stack: LocalStack, door: Door, folder: Path, *, saved: bool) -> None:
    """A scan whose 2D channel gives references, to files that are there if `saved`."""
    channel = tango.DeviceProxy(stack.tango_name("twod01"))
    door.run("set_meas_conf", "ValueRefEnabled", "True", "twod01")
    door.run("set_meas_conf", "ValueRefPattern", f"h5file://{folder}/img_{{index}}.h5", "twod01")
    channel.write_attribute("SavingEnabled", saved)
    try:
        run = door.run("ascan", "mot01", "0", "1", "2", "0.01")
        assert run.state == "ON", run.text()
    finally:
        door.run("set_meas_conf", "ValueRefEnabled", "False", "twod01")
        channel.write_attribute("SavingEnabled", False)


def test_references_leave_the_rest_of_the_scan_as_it_is(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    _scan_with_references(stack, door, captured, saved=False)
    with Written(stack, captured, writer) as entry:
        assert ("twod01" in entry["measurement"]) is writer.writes_text
        assert "twod01" not in entry["instrument"]


def test_images_behind_references_are_a_column(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    if not isinstance(writer, NexusWriter):
        pytest.skip("blisswriter 3.0 cannot write virtual datasets")
    _scan_with_references(stack, door, captured, saved=True)
    scan = read_scan(stack.redis.url)
    writer.wait_for(scan.key)
    with h5py.File(captured / "scans.h5", locking=False) as file:
        entry = file[f"{scan.number}.1"]
        images = entry["measurement/twod01"][()]
        assert images.shape[0] == len(entry["measurement/ct01"]) == 3
        for index, point in enumerate(scan.streams["twod01"].points):
            path = captured / f"img_{index}.h5"
            assert point["filename"] == f"h5file://{path}::dataset"
            with h5py.File(path) as single:
                assert np.array_equal(images[index], single["dataset"])
    with silx.io.open(str(captured / "scans.h5")) as file:
        plot = get_default(file[f"{scan.number}.1/image_twod01"])
        assert plot is not None
        assert plot.is_valid, plot.issues


def test_the_snapshot_and_custom_data_are_in_the_file(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    names = ("mot03", "oned01")
    door.set_environment("PreScanSnapshot", [(stack.tango_name(name), name) for name in names])
    run = door.run("custom_scan")
    assert run.state == "ON", run.text()
    with (written := Written(stack, captured, writer)) as entry:
        recorded = {item["label"]: item["pre_scan_value"] for item in snapshot(written.capture)}
        for name in names:
            assert np.array_equal(entry["snapshot"][name][()], recorded[name]), name
        assert entry["snapshot/oned01"].shape == (1024,)
        assert entry["instrument/positioners_start/mot03"][()] == recorded["mot03"]
        assert entry["a/middle"][()].tolist() == [1.5, 2.5]
        assert entry["a"].attrs["NX_class"] == "NXcollection"


def snapshot(capture: Capture) -> list[dict[str, Any]]:
    return list(capture.start["preScanSnapShot"])


def test_user_sample_source_and_experiment_are_in_the_file(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    door.set_environment("SampleInfo", {"name": "Fe", "temperature": 4.2})
    door.set_environment("SourceInfo", {"name": "ALBA", "type": "Synchrotron X-ray Source"})
    team = [{"name": "Guybrush", "role": "pirate", "orcid": "0", "email": "g@scumm.org"}]
    door.set_environment(
        "NexusExperimentInfo",
        {
            "beamline": "bl99",
            "exp_id": "test2024",
            "exp_desc": "A test",
            "exp_team": team,
            "proposal_id": 11111111,
            "safety_info": "red",
            "session": "their_session",
        },
    )
    run = door.run("ascan", "mot01", "0", "1", "1", "0.01")
    assert run.state == "ON", run.text()
    with (written := Written(stack, captured, writer)) as entry:
        assert text(entry, "sample/name") == "Fe"
        assert entry["sample/temperature"][()] == 4.2
        assert entry["sample"].attrs["NX_class"] == "NXsample"
        assert text(entry, "instrument/source/name") == "ALBA"
        assert text(entry, "instrument/name") == "bl99"
        assert text(entry, "user_1/name") == "Guybrush"
        assert text(entry, "user_1/ORCID") == "0"
        assert text(entry, "experiment_identifier") == "test2024"
        assert entry["experiment/proposal_id"][()] == 11111111
    assert written.scan.info["session_name"] == "their_session"


def test_a_thousand_columns_with_long_names_are_all_written(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    run = door.run("wide_scan", "1000", "3", timeout=60)
    assert run.state == "ON", run.text()
    with Written(stack, captured, writer) as entry:
        assert len(entry["measurement"]) > 1000


def test_a_file_that_sardana_writes_itself_is_left_alone(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    door.set_environment("DataRecorder", ["RedisBlissRecorder", "CaptureRecorder"])
    door.unset_environment("ScanRecorder")
    run = door.run("ascan", "mot01", "0", "1", "1", "0.01")
    assert run.state == "ON", run.text()
    written = Written(stack, captured, writer)
    written.path = captured / "scans_redis.h5"
    with written as entry:
        assert text(entry, "end_reason") == "SUCCESS"
    with h5py.File(captured / "scans.h5") as theirs:
        assert written.name not in theirs, "Sardana's own has names of its own"


def options(door: Door, **values: Any) -> None:
    door.set_environment("NexusWriterOpts", values)


def test_the_operator_names_the_nexus_file(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    options(door, data_writer="external", save=True, scanFile="chosen", singleNXFile=True)
    run = door.run("ascan", "mot01", "0", "1", "1", "0.01")
    assert run.state == "ON", run.text()
    written = Written(stack, captured, writer)
    written.path = captured / "chosen.h5"
    with written as entry:
        assert text(entry, "end_reason") == "SUCCESS"
    assert not (captured / "scans.h5").exists()
    assert written.scan.info["data_writer"] == "external"
    assert {"path": str(written.path), "writer": "redis"} in written.scan.info["sardana"]["files"]


def test_a_file_for_each_scan_is_reached_through_those_that_link_to_it(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    options(door, save=True, scanFile="each", singleNXFile=False)
    door.set_environment("NexusExperimentInfo", {"proposal_id": 12, "beamline": "bl99"})
    entries = []
    for _ in range(2):
        run = door.run("ascan", "mot01", "0", "1", "1", "0.01")
        assert run.state == "ON", run.text()
        written = Written(stack, captured, writer)
        number = written.scan.number
        written.path = captured / "each" / f"each_{number}" / f"each_{number}.h5"
        entries.append(f"each_{number}_{number}.1")
        with written as entry:
            assert text(entry, "end_reason") == "SUCCESS"
    for master in (captured / "each" / "12_each.h5", captured / "12_bl99.h5"):
        with silx.io.open(str(master)) as file:
            assert sorted(file) == sorted(entries)
            plot = get_default(file)
            assert plot is not None
            assert plot.axes_dataset_names == ["mot01"]


def test_a_scan_that_is_not_to_be_saved_is_not_written(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    options(door, save=False)
    run = door.run("ascan", "mot01", "0", "1", "1", "0.01")
    assert run.state == "ON", run.text()
    scan = Written(stack, captured, writer).scan
    assert (scan.info["save"], scan.info["data_writer"]) == (False, "null")
    assert "h5maps" not in scan.info
    assert not (captured / "scans.h5").exists()


def test_options_that_cannot_be_used_are_told_and_left_aside(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    options(door, save=True, scanfile="typo.h5")
    run = door.run("ascan", "mot01", "0", "1", "1", "0.01")
    assert run.state == "ON", run.text()
    assert "NexusWriterOpts is left aside for this scan: it has a key 'scanfile'" in run.text()
    with Written(stack, captured, writer) as entry:
        assert text(entry, "end_reason") == "SUCCESS"
