"""Every reader opens what we write, and reads what was recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sardana_redis.spec_writer._layout import make_layout
from sardana_redis.spec_writer._rows import gap_line
from sardana_redis.store import Gap
from tests.spec_readers import (
    NAN_AS_ZERO,
    READERS,
    as_read,
    command_as_read,
    label_as_read,
    spec2nexus_file,
)

from ._scans import KEY, POINT, block, make_scan, stream, whole_file

OTHER_KEY = KEY[:-1] + "J"
SARDANA = Path(__file__).parents[2] / "golden" / "sardana_3.7.1.spec"
"""Written by SPEC_FileRecorder of Sardana 3.7.1."""


def columns_of(count, points=3, seed=1):
    rng = np.random.default_rng(seed)
    streams = [stream(POINT, "int64")] + [stream(f"ct{i:03d}") for i in range(count)]
    values = {POINT: np.arange(points)}
    values |= {f"ct{i:03d}": rng.standard_normal(points) * 10.0 ** (i % 9) for i in range(count)}
    return streams, values


def expected_columns(layout, values):
    result = {}
    for column in layout.columns:
        found = values.get(column.stream, np.arange(len(values[next(iter(values))])))
        array = np.asarray(found).reshape(len(found))
        if column.part:
            array = getattr(array, column.part)
        missing = array == column.missing if column.missing is not None else False
        result[column.label] = np.where(missing, np.nan, array.astype(np.float64))
    return result


def check(reader, path, *scans):
    read = READERS[reader](path)
    assert len(read) == len(scans)
    for found, (scan, values) in zip(read, scans, strict=True):
        layout = make_layout(scan)
        assert int(found.number.partition(".")[0]) == layout.number
        assert found.command.split() == command_as_read(reader, layout.title).split()
        points = len(next(iter(values.values()))) if values else 0
        assert found.points == points
        check_motors(reader, found, layout)
        if not points:
            continue
        has_spectra = bool(layout.spectra or layout.extra)
        is_float32 = reader == "silx.io.open" or (reader == "xrayutilities" and not has_spectra)
        for label, array in expected_columns(layout, values).items():
            got = found.columns[label_as_read(reader, label)]
            np.testing.assert_array_equal(got, as_read(reader, array, is_float32=is_float32))
        for number, spectrum in enumerate(layout.spectra):
            check_spectrum(reader, found.spectra[number], spectrum, layout, values)
        if layout.extra:
            extra = np.array([values[column.stream] for column in layout.extra]).T
            np.testing.assert_array_equal(found.spectra[-1], as_read(reader, extra))


def check_motors(reader, found, layout):
    columns = {column.label for column in layout.columns}
    expected = {
        label_as_read(reader, label): np.nan if value is None else value
        for label, value in layout.snapshot.scalars
        if reader != "silx.io.open" or label not in columns  # it shows the column there
    }
    if reader == "xrayutilities":
        expected = {"".join(c if c.isalnum() else "_" for c in n): v for n, v in expected.items()}
    if reader == "silx.io.open":
        expected = {name: np.float32(value) for name, value in expected.items()}
    else:
        assert list(found.motors) == list(expected)
    np.testing.assert_array_equal([found.motors[n] for n in expected], list(expected.values()))


def check_spectrum(reader, found, spectrum, layout, values):
    recorded = [np.atleast_1d(np.asarray(one, np.float64)) for one in values[spectrum.stream]]
    assert len(found) == len(recorded)
    channels = max(layout.channels, *(len(one) for one in recorded))
    for got, array in zip(found, recorded, strict=True):
        array = as_read(reader, array)  # noqa: PLW2901 - what is read of it
        if spectrum.missing is not None:
            fill = 0 if reader in NAN_AS_ZERO else np.nan
            array = np.where(array == float(spectrum.missing), fill, array)  # noqa: PLW2901
        if reader == "spec2nexus" and np.isnan(array).all():
            assert not len(got)
        elif reader in NAN_AS_ZERO:
            np.testing.assert_array_equal(got, array)
        else:
            np.testing.assert_array_equal(got[: len(array)], array)
            assert len(got) <= channels
            assert np.isnan(got[len(array) :]).all()


CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


@case
def plain_scan():
    return [(make_scan(columns_of(3)[0], snapshot={"mot01": 1.5, "mot 02": 2}), columns_of(3)[1])]


@case
def one_point():
    return [(make_scan(columns_of(2)[0]), columns_of(2, points=1)[1])]


@case
def no_points():
    return [(make_scan(columns_of(2)[0], snapshot={"mot01": 1.5}), {})]


@case
def no_points_with_spectrum():
    return [(make_scan([stream(POINT, "int64"), stream("d", "float64", (5,))]), {})]


@case
def no_points_between_others():
    streams, values = columns_of(2)
    numbers = enumerate((values, {}, {}, values), start=1)
    return [(make_scan(streams, number=n, key=f"{KEY}{n}"), found) for n, found in numbers]


@case
def only_point_numbers():
    return [(make_scan([stream(POINT, "int64")]), {POINT: np.arange(3)})]


@case
def nan_and_infinity():
    streams, values = columns_of(4, points=4)
    values["ct000"] = np.array([np.nan, 1.0, np.inf, -np.inf])
    values["ct002"] = np.full(4, np.nan)
    values["ct003"] = np.array([np.nan, 1.5, np.nan, -np.inf])
    return [(make_scan(streams), values)]


@case
def integers_of_all_kinds():
    big = np.array([0, 2**64 - 1, 2**53 + 1], np.uint64)
    low = np.array([-(2**63), 2**63 - 1, 5])
    streams = [
        stream(POINT, "int64"),
        stream("u", "uint64"),
        stream("m", "int64", fill_value=-(2**63)),
    ]
    streams += [stream("b", "bool"), stream("s", "int8", (1,)), stream("f", "float32")]
    values = {POINT: np.arange(3), "u": big, "m": low, "b": np.array([True, False, True])}
    values["s"] = np.array([[-128], [0], [127]], np.int8)
    values["f"] = np.array([0.1, 1e-9, 1e20], np.float32)
    return [(make_scan(streams), values)]


@case
def complex_numbers():
    streams = [stream(POINT, "int64"), stream("z", "complex128"), stream("a", "float64")]
    z = np.array([1 + 2j, -0.5j, complex(np.nan, 1)])
    return [(make_scan(streams), {POINT: np.arange(3), "z": z, "a": np.ones(3)})]


@case
def one_spectrum():
    streams, values = columns_of(2)
    array = np.random.default_rng(2).random((3, 1024)) * 1e-5
    return [
        (make_scan([*streams, stream("oned01", "float64", (1024,))]), values | {"oned01": array})
    ]


@case
def three_spectra_of_different_lengths():
    streams, values = columns_of(2)
    lengths = {"a": 5, "b": 33, "c": 16}
    streams += [
        stream("a", "int64", (5,)),
        stream("b", "float64", (33,)),
        stream("c", "uint64", (16,)),
    ]
    arrays = {"a": np.arange(15).reshape(3, 5), "b": np.arange(99.0).reshape(3, 33) / 7}
    arrays["c"] = np.arange(48, dtype=np.uint64).reshape(3, 16) << np.uint64(50)
    assert {name: array.shape[1] for name, array in arrays.items()} == lengths
    return [(make_scan(streams), values | arrays)]


@case
def two_spectra_of_integers():
    streams, values = columns_of(1)
    streams += [stream("a", "uint16", (20,)), stream("b", "int32", (20,))]
    arrays = {"a": np.arange(60, dtype=np.uint16).reshape(3, 20)}
    return [
        (make_scan(streams), values | arrays | {"b": -np.arange(60, dtype=np.int32).reshape(3, 20)})
    ]


@case
def spectra_with_missing_values():
    streams, values = columns_of(1, points=5)
    streams += [stream("a", "float64", (18,)), stream("b", "int32", (18,), fill_value=-(2**31))]
    a = np.random.default_rng(3).random((5, 18))
    a[0], a[1, 3], a[2, 17], a[3, 0], a[4, :] = np.nan, np.nan, np.inf, -np.inf, 1e-9
    a[4, 5] = np.nan
    b = np.arange(90, dtype=np.int32).reshape(5, 18)
    b[1], b[2, 4] = -(2**31), -(2**31)
    return [(make_scan(streams), values | {"a": a, "b": b})]


@case
def free_spectra_of_one_length():
    streams, values = columns_of(1)
    return [
        (make_scan([*streams, stream("a", "float64", (-1,))]), values | {"a": np.ones((3, 7)) / 3})
    ]


@case
def thousand_columns():
    streams, values = columns_of(1000)
    values["ct700"][1] = np.nan
    return [(make_scan(streams), values)]


@case
def long_labels():
    names = [f"a_counter_with_a_name_that_does_not_end_{i}" for i in range(300)]
    values = {name: np.arange(3) + i / 7 for i, name in enumerate(names)}
    streams = [stream(POINT, "int64"), *(stream(name) for name in names)]
    return [(make_scan(streams), {POINT: np.arange(3)} | values)]


@case
def texts_and_references():
    streams, values = columns_of(2)
    streams += [stream("note", "json"), stream("twod01", "json", format="sardana_ref")]
    streams.append(stream("image", "uint16", (4, 4)))
    texts = ['a "text"\r\nof two lines @A 5 6 \\', None, "Scan aborted after µ\u2028" * 900]
    references = [{"filename": f"h5file:///tmp/x.h5::/{i}"} for i in range(3)]
    scan = make_scan(streams, path="/data/x.h5")
    return [(scan, values | {"note": texts, "twod01": references})]


@case
def texts_and_spectra():
    streams, values = columns_of(1)
    streams += [stream("d", "float64", (4,)), stream("note", "json")]
    notes = ["@A 1 2 3 4", "me@home", "#S 5 ascan"]
    return [(make_scan(streams), values | {"d": np.arange(12.0).reshape(3, 4), "note": notes})]


@case
def motors_that_change():
    streams, values = columns_of(2)
    first = make_scan(streams, number=1, snapshot={"m1": 1.0, "m2": 2.0})
    many = {f"mot{i:02d}": i / 3 for i in range(11)}
    second = make_scan(streams, number=2, key=OTHER_KEY, snapshot=many)
    third = make_scan(streams, number=3, key=OTHER_KEY[:-1] + "K", snapshot={"x": None})
    return [(first, values), (second, values), (third, values)]


@case
def no_motors_after_motors():
    streams, values = columns_of(2)
    first = make_scan(streams, number=1, snapshot={"m1": 1.0})
    return [(first, values), (make_scan(streams, number=2, key=OTHER_KEY), values)]


@case
def same_number_twice():
    streams, values = columns_of(2)
    return [(make_scan(streams), values), (make_scan(streams, key=OTHER_KEY), values)]


@case
def many_motors():
    streams, values = columns_of(1)
    return [(make_scan(streams, snapshot={f"mot{i}": i / 3 for i in range(400)}), values)]


@case
def snapshot_of_all_kinds():
    streams, values = columns_of(1)
    snapshot = {
        "m": 1e-9,
        "b": True,
        "n": None,
        "t": "a\nb",
        "a": [0.1, None, 3],
        "l": list(range(9000)),
    }
    return [(make_scan(streams, snapshot=snapshot), values)]


@case
def titles_of_other_systems():
    streams, values = columns_of(1)
    titles = ["ascan a\r\n#S 9 b\x0b\x85c", "ascan " + "t" * 30_000, "scan é θ 50%", "", "x\\"]
    return [
        (make_scan(streams, number=n, key=f"{KEY}{n}", title=title), values)
        for n, title in enumerate(titles, start=1)
        if len(title) < 10_000
    ]


@case
def labels_of_all_kinds():
    names = ["a  b\tc", "é1", "è1", "θ", "", " ", "x y", "x y ", "#", "a/b", "#Pt", "-", "1"]
    values = {name: np.arange(3) / (i + 3) for i, name in enumerate(names)}
    streams = [stream(POINT, "int64"), *(stream(name) for name in names)]
    return [
        (
            make_scan(streams, snapshot={n: i for i, n in enumerate(names)}),
            {POINT: np.arange(3)} | values,
        )
    ]


@case
def scan_of_bliss():
    streams = [
        stream("axis:roby"),
        stream("simulation:diode1", "int64"),
        stream("mca:det0", "int64", (17,)),
    ]
    scan = make_scan(streams)
    for name in ("snapshot", "sardana"):
        del scan.info[name]
    scan.info["positioners"] = {"positioners_start": {"roby": 0.5, "name": "x"}}
    values = {"axis:roby": np.array([np.nan, 1.5, 2.0]), "simulation:diode1": np.arange(3)}
    return [(scan, values | {"mca:det0": np.arange(51).reshape(3, 17)})]


@case
def scan_without_scalars():
    return [(make_scan([stream("d", "float64", (4,))]), {"d": np.arange(8.0).reshape(2, 4)})]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", CASES)
def test_reads_what_was_recorded(reader, name, tmp_path):
    scans = CASES[name]()
    check(reader, whole_file(tmp_path / "scans.dat", *scans), *scans)


@pytest.mark.parametrize("reader", READERS)
def test_reads_complex_spectra_as_two_detectors(reader, tmp_path):
    scan = make_scan([stream(POINT, "int64"), stream("ct"), stream("w", "complex64", (3,))])
    array = np.array([[1 + 2j, 3j, 4], [0, 1j, 2.5]], np.complex64)
    values = {POINT: np.arange(2), "ct": np.ones(2), "w": array}
    found = READERS[reader](whole_file(tmp_path / "x.dat", (scan, values)))[0]
    np.testing.assert_array_equal(found.spectra[0], array.real)
    np.testing.assert_array_equal(found.spectra[1], array.imag)


@pytest.mark.parametrize("reader", READERS)
def test_reads_a_scan_behind_one_of_sardanas_own_recorder(reader, tmp_path):
    path = tmp_path / "scans.spec"
    path.write_bytes(SARDANA.read_bytes())
    streams, values = columns_of(2)
    scan = make_scan(streams, number=75, snapshot={"mot01": 1.5})
    with path.open("ab") as file:
        file.write(block(scan, values))
    first, second = READERS[reader](path)
    assert (int(float(first.number)), int(float(second.number))) == (74, 75)
    assert (first.points, second.points) == (3, 3)
    np.testing.assert_array_equal(first.columns["ct01"], [0.0, 1.5, 3.0])
    np.testing.assert_allclose(second.columns["ct001"], values["ct001"], rtol=1e-6)


@pytest.mark.parametrize("reader", READERS)
def test_reads_an_aborted_scan_and_one_of_which_points_are_lost(reader, tmp_path):
    streams, values = columns_of(2)
    scan = make_scan(streams)
    text = block(scan, values, end={"end_reason": "USER_ABORT"})
    lines = text.splitlines(keepends=True)
    gap = gap_line(make_layout(scan), Gap(1, 7), "trimmed")
    row = next(number for number, line in enumerate(lines) if line.startswith(b"1 "))
    lines.insert(row, gap)
    path = tmp_path / "scans.dat"
    path.write_bytes(b"".join(lines))
    assert [found.points for found in READERS[reader](path)] == [3]


def test_aborted_scans_say_so_to_the_readers_that_ask(tmp_path):
    from xrayutilities.io import SPECFile

    streams, values = columns_of(2)
    path = tmp_path / "scans.dat"
    path.write_bytes(block(make_scan(streams), values, end={"end_reason": "USER_ABORT"}))
    scan = spec2nexus_file(path).getScan(74)
    scan.interpret()
    assert scan._aborted_ == "Scan aborted after 3 points."
    scan = SPECFile(str(path))[0]
    scan.ReadData()
    assert scan.scan_status == "ABORTED"
