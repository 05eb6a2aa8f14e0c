"""SPEC files of scans in the real MacroServer, opened by every reader of the field."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from sardana_redis.local import Door, LocalStack
from sardana_redis.local._compare import expected_points, stream_names
from sardana_redis.local.capture import Capture, captures
from sardana_redis.settings import Settings, SpecWriterSettings
from sardana_redis.spec_writer import SpecWriter
from sardana_redis.store import ReadScan, read_scan, wait_for_report
from tests.faults.arena import eventually, free_the_door
from tests.integration.test_scans import CHANNELS, SCANS, interrupt, key_of
from tests.spec_readers import READERS, as_read, command_as_read, label_as_read

pytestmark = [
    pytest.mark.stack,
    pytest.mark.filterwarnings("ignore:::PyMca5.*", "ignore:::spec2nexus.*"),
]

SPEC_GROUP, EXAMPLE_GROUP = "specgroup", "specexample"
GOLDEN = Path(__file__).parents[1] / "golden"
EXAMPLE_SNAPSHOT = (
    "dcm_kev dmot01 mot01 mot02 mot03 mot04 motLab01 motLab02 motLab03 pd_mc pd_oc".split()  # noqa: SIM905 - as the example has it
)


@pytest.fixture(scope="module", params=["standard", "poc"])
def dialect(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def writer(stack: LocalStack, dialect: str) -> Iterator[str]:
    """A writer of that dialect that runs during all tests; its name."""
    own = SpecWriterSettings(writer_name=dialect, dialect=dialect, first_start="new")
    running = SpecWriter(Settings(url=stack.redis.url, spec_writer=own))
    stop = threading.Event()
    thread = threading.Thread(target=running.run, args=(stop,), name=f"spec-{dialect}")
    thread.start()
    eventually(lambda: "waiting" in running.status.state, 20, "a writer that waits")
    yield dialect
    stop.set()
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture(scope="module", autouse=True)
def groups(stack: LocalStack) -> None:
    free_the_door(stack)
    for name, channels in (
        (SPEC_GROUP, CHANNELS),
        (EXAMPLE_GROUP, ("ct01", "ct02", "ct03", "ct04", "oned01")),
    ):
        run = stack.door().run("defmeas", name, *channels)
        assert run.state == "ON", run.text()


@pytest.fixture
def target(door: Door, tmp_path: Path) -> Path:
    """The SPEC file of the scans of a test, whose records are captured beside it."""
    door.set_environment("ActiveMntGrp", SPEC_GROUP)
    door.set_environment("CaptureDir", str(tmp_path / "captures"))
    door.set_environment("DataRecorder", ["CaptureRecorder"])
    door.set_environment("ScanDir", str(tmp_path))
    door.set_environment("ScanFile", ["scan.dat"])
    return tmp_path / "scan.dat"


def written(stack: LocalStack, writer: str, number: int) -> ReadScan:
    """The scan, once the writer has finished it."""
    key = key_of(stack, number)
    report = wait_for_report(stack.redis.url, writer, key, seconds=30)
    assert report is not None
    assert report.state == "done", report
    return read_scan(stack.redis.url, key)


def check_file(
    path: Path, pairs: list[tuple[ReadScan, Capture]], readers: Iterable[str] = READERS
) -> None:
    """Each reader gives each scan with all that was recorded."""
    labels = {found.number.partition(".")[0]: found.labels for found in READERS["silx"](path)}
    for reader in readers:
        found = READERS[reader](path)
        assert len(found) == len(pairs), f"{reader} reads {len(found)} scans"
        for got, (scan, capture) in zip(found, pairs, strict=True):
            assert int(got.number.partition(".")[0]) == capture.number
            title = re.sub(r"( None)+$", "", capture.start["title"])
            assert got.command.split() == command_as_read(reader, title).split()
            assert got.points == len(capture.records), reader
            check_values(reader, got, scan, capture, labels[got.number.partition(".")[0]])


def check_values(reader: str, got, scan: ReadScan, capture: Capture, labels: list[str]) -> None:
    """`labels` are those of the file, in its order: too many long ones for a line are cut."""
    if not capture.records:
        return
    detectors = []
    label_of = iter(labels)
    for column, name in zip(capture.columns, stream_names(capture.columns), strict=True):
        stream = scan.streams[name]
        if stream.dtype == "json" or len(stream.shape) > 1:
            continue
        expected = expected_points(capture.values(column), stream)
        if stream.shape:
            detectors.append(expected)
            continue
        values = np.array([as_number(value, stream) for value in expected])
        in_file = next(label_of)
        assert in_file == name.removeprefix("#") or len(labels) > 100
        label = label_as_read(reader, in_file)
        is_float32 = reader == "silx.io.open" or (
            reader == "xrayutilities" and not any(len(s.shape) == 1 for s in scan.streams.values())
        )
        np.testing.assert_array_equal(
            got.columns[label], as_read(reader, values, is_float32=is_float32), f"{reader} {name}"
        )
    assert len(got.spectra) == len(detectors), reader
    for spectra, expected in zip(got.spectra, detectors, strict=True):
        for one, other in zip(spectra, expected, strict=True):
            check_spectrum(reader, one, other)


def check_spectrum(reader: str, got: np.ndarray, expected: np.ndarray) -> None:
    if np.isnan(expected).all() and not len(got):
        return  # spec2nexus passes over a spectrum of NaN alone
    wanted = as_read(reader, expected)
    padding = got[len(wanted) :]
    np.testing.assert_array_equal(got[: len(wanted)], wanted)
    assert all(np.isnan(value) or value == 0 for value in padding), "more than was recorded"


def as_number(value: np.ndarray, stream) -> float:
    """A value as it stands in the file: one that was not measured is no number."""
    is_signed = np.dtype(stream.dtype).kind == "i"
    missing = is_signed and stream.fill_value is not None and value == stream.fill_value
    return np.nan if missing else float(value)


@pytest.mark.parametrize("dialect", ["standard"], indirect=True)
def test_every_reader_opens_scans_of_every_kind_in_one_file(
    stack: LocalStack, door: Door, writer: str, target: Path
) -> None:
    names = ["mot03", "oned01", "mot04"]
    for macro, words in SCANS.items():
        if macro == "mesh":  # from here on with a list of motors in the header
            door.set_environment("PreScanSnapshot", [(stack.tango_name(n), n) for n in names])
        run = door.run(macro, *words.split())
        assert run.state == "ON", run.text()
    interrupt(stack, door, "stop", target.parent / "captures")
    assert door.run("raising_scan").state == "ALARM"
    assert door.run("custom_scan").state == "ON"
    assert door.run("wide_scan", "300", "3").state == "ON"
    found = [c for c in captures(target.parent / "captures") if c.records]
    pairs = [(written(stack, writer, capture.number), capture) for capture in found]
    check_file(target, pairs)
    text = target.read_text(encoding="utf-8")
    assert "None" not in re.sub(r"(?m)^#.*$", "", text)
    assert "#UVAR middle" in text or "Custom data middle" in text
    assert "Scan aborted after" in text
    assert text.count("#F ") == 1


@pytest.mark.parametrize("dialect", ["standard"], indirect=True)
def test_columns_of_every_type_and_a_spectrum_whose_length_changes(
    stack: LocalStack, door: Door, writer: str, target: Path
) -> None:
    """silx.io.open and xrayutilities have no place for spectra of several lengths in a column."""
    run = door.run("odd_scan", "5")
    assert run.state == "ON", run.text()
    (capture,) = captures(target.parent / "captures")
    scan = written(stack, writer, capture.number)
    check_file(target, [(scan, capture)], ("silx", "pymca", "spec2nexus"))
    text = target.read_text(encoding="utf-8")
    assert "punkt 1 µm" in text
    assert "None" not in text


@pytest.mark.parametrize("dialect", ["standard"], indirect=True)
def test_references_are_named_beside_their_points(
    stack: LocalStack, door: Door, writer: str, target: Path
) -> None:
    door.run("set_meas_conf", "ValueRefEnabled", "True", "twod01")
    door.run("set_meas_conf", "ValueRefPattern", "h5file:///tmp/img_{index}.h5", "twod01")
    try:
        run = door.run("ascan", "mot01", "0", "1", "2", "0.01")
        assert run.state == "ON", run.text()
    finally:
        door.run("set_meas_conf", "ValueRefEnabled", "False", "twod01")
    (capture,) = captures(target.parent / "captures")
    scan = written(stack, writer, capture.number)
    check_file(target, [(scan, capture)])
    text = target.read_text()
    for point in scan.streams["twod01"].points:
        assert point["filename"] in text


@pytest.mark.parametrize("dialect", ["standard"], indirect=True)
def test_a_file_for_each_scan_named_after_its_number(
    stack: LocalStack, door: Door, writer: str, target: Path
) -> None:
    door.set_environment("ScanFile", ["s_{ScanID}.h5", "s_{ScanID}.dat"])
    door.set_environment("ScanRecorder", ["RedisBlissRecorder", "RedisBlissRecorder"])
    door.run("timescan", "2", "0.01")
    (capture,) = captures(target.parent / "captures")
    scan = written(stack, writer, capture.number)
    check_file(target.with_name(f"s_{capture.number}.dat"), [(scan, capture)])


@pytest.mark.parametrize("dialect", ["standard"], indirect=True)
def test_a_file_that_sardana_writes_itself_is_left_to_it(
    stack: LocalStack, door: Door, writer: str, target: Path
) -> None:
    door.unset_environment("ScanRecorder")
    door.set_environment("DataRecorder", ["CaptureRecorder", "RedisBlissRecorder"])
    run = door.run("ascan", "mot01", "0", "1", "2", "0.01")
    assert run.state == "ON", run.text()
    (capture,) = captures(target.parent / "captures")
    scan = written(stack, writer, capture.number)
    check_file(target.with_name("scan_redis.dat"), [(scan, capture)])
    assert "sardana-redis" not in target.read_text()


def aside(line: str) -> str:
    """The line without what an example shares with no other scan: dates, key, values, arrays."""
    for begin in ("#D ", "#E ", "#F ", "#C Acquisition started at ", "#C Acquisition ended"):
        if line.startswith(begin):
            return begin
    for begin in ("#P", "#C sardana-redis scan ", "#C ascan", "#C User"):
        if line.startswith(begin):
            return begin
    if line.startswith("@A") or (line and line[0] in "0123456789-" and line.endswith("\\")):
        return "an array"
    if re.match(r"[-0-9]", line):
        return f"{len(line.split())} values"
    return re.sub(r"(?m) +$", "", line)


def unfolded(text: str) -> list[str]:
    """The lines; an array that goes over many is one."""
    return [aside(line) for line in re.sub(r"\\\n", "", text).splitlines()]


def test_the_example_of_the_proof_of_concept_scanned_for_real(
    stack: LocalStack, door: Door, writer: str, target: Path
) -> None:
    position = stack.tango_name("mot01") + "/Position"
    door.set_environment("PreScanSnapshot", [(position, label) for label in EXAMPLE_SNAPSHOT])
    door.set_environment("ActiveMntGrp", EXAMPLE_GROUP)
    door.set_environment("ScanID", 73)
    run = door.run("ascanct", "mot04", "1", "10", "10", ".1", ".2")
    assert run.state == "ON", run.text()
    scan = written(stack, writer, 74)
    text = target.read_text(encoding="utf-8")
    assert scan.key in text
    golden = (
        GOLDEN / ("spec_example_poc.dat" if writer == "poc" else "spec_example.dat")
    ).read_text()
    units = re.compile(r"(?m)^#C Unit of .*\n")
    assert unfolded(units.sub("", text)) == unfolded(units.sub("", golden))
    if writer == "poc":
        example = (GOLDEN / "spec_poc_example.txt").read_text()
        ours = [line for line in unfolded(text) if "sardana-redis" not in line and line]
        assert ours == unfolded(example)
    door.set_environment("ScanID", 10_000)
