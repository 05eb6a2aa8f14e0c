"""Scans of every kind, unchanged, in the files of writers that facilities already run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from sardana_redis.local import Door, LocalStack, differences
from sardana_redis.local.capture import Capture, captures
from sardana_redis.model import JSON
from sardana_redis.store import ReadScan, read_scan
from tests.integration.test_scans import interrupt
from tests.interop._writers import (
    ENVIRONMENTS,
    FIOBlissWriter,
    NexusSessionWriter,
    NexusWriterService,
    NXSBlissWriter,
    Writer,
    running,
)

pytestmark = pytest.mark.skipif(
    not (ENVIRONMENTS / "blissdata-2.4").exists(), reason="`make interop` installs the programs"
)

GROUP = "interopgroup"
SCANS = {
    "ascan": "mot01 0 1 4 0.01",
    "a2scan": "mot01 0 1 mot02 0 2 3 0.01",
    "mesh": "mot01 0 1 2 mot02 0 1 1 0.01",
    "ascanct": "mot01 0 1 6 0.05 0.01",
    "timescan": "4 0.02",
}
WRITERS = (NexusWriterService, NexusSessionWriter, NXSBlissWriter, FIOBlissWriter)


@pytest.fixture(scope="module", autouse=True)
def group(stack: LocalStack) -> None:
    groups = {
        GROUP: ("ct01", "ct02", "zerod01", "oned01", "ioveri001"),
        "references": ("ct01", "oned01", "twod01"),
        "plain": ("ct01",),
    }
    for name, channels in groups.items():
        run = stack.door().run("defmeas", name, *channels)
        assert run.state == "ON", run.text()


@pytest.fixture(scope="module", params=WRITERS, ids=lambda kind: kind.__name__)
def writer(
    stack: LocalStack, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Writer]:
    with running(request.param, stack, tmp_path_factory.mktemp("writer")) as writer:
        yield writer


@pytest.fixture
def captured(writer: Writer, door: Door, tmp_path: Path) -> Path:
    """The folder of captures and of the file `scans`."""
    door.set_environment("ActiveMntGrp", GROUP)
    door.set_environment("CaptureDir", str(tmp_path))
    door.set_environment("DataRecorder", ["CaptureRecorder"])
    door.set_environment("ScanDir", str(tmp_path))
    suffix = ".nxs" if writer.suffix == ".nxs" else ".h5"
    door.set_environment("ScanFile", [f"scans{suffix}"])
    door.set_environment("NexusWriterOpts", {"data_writer": writer.data_writer})
    return tmp_path


def last(stack: LocalStack, writer: Writer, folder: Path) -> tuple[ReadScan, Capture, Path]:
    """The last scan in Redis, as it was captured, and its file, once the writer is done."""
    scan, capture = read_scan(stack.redis.url), captures(folder)[-1]
    assert scan.number == capture.number
    path = folder / f"scans{writer.suffix}"
    writer.wait_for(path, scan)
    return scan, capture, path


def assert_equal(
    writer: Writer, scan: ReadScan, capture: Capture, path: Path, *but: str
) -> dict[str, np.ndarray]:
    """Every numeric scalar and 1D column is in the file as it was recorded, to the bit."""
    columns = writer.columns(path, scan)
    found = {}
    for name, stream in scan.streams.items():
        if stream.dtype == JSON or name in but or len(stream.shape) > 1:
            found[name] = stream
            continue
        assert name in columns, (name, sorted(columns))
        found[name] = replace(stream, dtype=columns[name].dtype.name, points=list(columns[name]))
    assert differences(capture, found) == []
    return columns


@pytest.mark.parametrize("macro", SCANS)
def test_every_scalar_and_spectrum_of_a_scan_is_in_the_file(
    stack: LocalStack, door: Door, captured: Path, writer: Writer, macro: str
) -> None:
    run = door.run(macro, *SCANS[macro].split())
    assert run.state == "ON", run.text()
    assert_equal(writer, *last(stack, writer, captured))


def test_a_scan_that_is_stopped_is_in_the_file_up_to_there(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    interrupt(stack, door, "stop", captured)
    scan, capture, path = last(stack, writer, captured)
    assert_equal(writer, scan, capture, path)
    assert scan.info["end_reason"] == "USER_ABORT"


DESY = (NXSBlissWriter, FIOBlissWriter)


_GIVES_UP = (
    "NotImplementedError: Stream not supported: kind=json",
    "ValueError: Unable to synchronously create dataset (no appropriate function for conversion",
)


def the_text_of(writer: Writer, *errors: str) -> None:
    """Waits until the program says one of the errors."""
    writer.process.wait_until(
        lambda: any(error in writer.process.log_text() for error in errors),
        seconds=30,
        purpose=f"say {errors[0]}",
    )


def test_columns_of_every_type_beside_a_text(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    """blisswriter 2.0 gives the scan up at the first text that it gets; DESY's do not see it."""
    door.set_environment("ActiveMntGrp", "plain")
    assert door.run("odd_scan", "5").state == "ON"
    if isinstance(writer, _BLISSWRITER):
        return gives_up_for_text(writer, captured)
    columns = assert_equal(writer, *last(stack, writer, captured), "growing")
    assert "text" not in columns
    assert "growing" not in columns
    assert {"flag", "count", "byte", "small", "twin", "other/twin"} <= set(columns)
    return None


def test_a_scan_with_value_references(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    door.set_environment("ActiveMntGrp", "references")
    door.run("set_meas_conf", "ValueRefEnabled", "True", "twod01")
    door.run("set_meas_conf", "ValueRefPattern", "h5file:///tmp/img_{index}.h5", "twod01")
    try:
        assert door.run("ascan", "mot01", "0", "1", "2", "0.01").state == "ON"
    finally:
        door.run("set_meas_conf", "ValueRefEnabled", "False", "twod01")
    if isinstance(writer, _BLISSWRITER):
        return gives_up_for_text(writer, captured)
    assert "twod01" not in assert_equal(writer, *last(stack, writer, captured))
    return None


_BLISSWRITER = (NexusWriterService, NexusSessionWriter)


def gives_up_for_text(writer: Writer, folder: Path) -> None:
    """blisswriter 2.0.0: text (subscribers/scan_subscriber.py:185) or what it cannot create."""
    the_text_of(writer, *_GIVES_UP)
    assert str(folder) in writer.process.log_text()


def test_a_second_scan_of_one_file(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    """DESY's writers append to no file: one for each scan (`singleNXFile` false) is for them."""
    for points in ("1", "2"):
        assert door.run("ascan", "mot01", "0", "1", points, "0.01").state == "ON"
        if points == "1":
            last(stack, writer, captured)
    if isinstance(writer, DESY):
        the_text_of(writer, "'NoneType' object has no attribute")
        assert len(writer.columns(captured / f"scans{writer.suffix}", read_scan(stack.redis.url))[
            "ct01"
        ]) == 2  # fmt: skip
        return
    scan = read_scan(stack.redis.url)
    path = captured / f"scans{writer.suffix}"
    said = f"Finished writing to '{path}'"
    writer.process.wait_until(
        lambda: writer.process.log_text().count(said) == 2, seconds=30, purpose="write two"
    )
    assert_equal(writer, scan, captures(captured)[-1], path)


def test_a_file_for_each_scan_suits_every_writer(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    suffix = ".nxs" if writer.suffix == ".nxs" else ".h5"
    options = {"data_writer": writer.data_writer, "scanFile": f"each{suffix}"}
    door.set_environment("NexusWriterOpts", {**options, "singleNXFile": False})
    for _ in range(2):
        assert door.run("ascan", "mot01", "0", "1", "1", "0.01").state == "ON"
        scan = read_scan(stack.redis.url)
        path = Path(scan.info["filename"]).with_suffix(writer.suffix)
        writer.wait_for(path, scan)
        assert_equal(writer, scan, captures(captured)[-1], path)


def test_positions_at_start_and_end_are_in_the_files_that_have_a_place_for_them(
    stack: LocalStack, door: Door, captured: Path, writer: Writer
) -> None:
    door.set_environment("PreScanSnapshot", [(stack.tango_name("mot03"), "mot03")])
    assert door.run("ascan", "mot01", "0", "1", "2", "0.01").state == "ON"
    scan, capture, path = last(stack, writer, captured)
    assert_equal(writer, scan, capture, path)
    third = scan.info["positioners"]["positioners_start"]["mot03"]
    if isinstance(writer, FIOBlissWriter):
        assert f"mot03 = {third}\n" in path.read_text()
        return
    with h5py.File(path, locking=False) as file:
        if isinstance(writer, NXSBlissWriter):
            assert file[f"{writer.place}/mot03"][()] == [third]
            return
        instrument = file[f"{scan.number}.1/instrument"]
        assert instrument["positioners_start/mot03"][()] == third
        assert instrument["positioners_end/mot01"][()] == scan.streams["mot01"].points[-1]


def test_two_spectra(stack: LocalStack, door: Door, captured: Path, writer: Writer) -> None:
    """fioblisswriter 0.4 counts points and rows with one `i` (FIOFile.py, write_mca_file)."""
    if isinstance(writer, _BLISSWRITER):
        pytest.skip("this scan has a text column, which ends it there")
    assert door.run("odd_scan", "5").state == "ON"
    scan, capture, path = last(stack, writer, captured)
    assert {"oned01", "fixed"} <= set(scan.streams)
    if isinstance(writer, NXSBlissWriter):
        assert_equal(writer, scan, capture, path, "growing")
        return
    (only,) = path.with_suffix("").iterdir()
    assert only.name == "odd_scan_mca_s1.fio"
