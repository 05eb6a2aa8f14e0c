"""Rows: every number comes back, whatever stands beside it and however the scan is cut."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sardana_redis.spec_writer._layout import make_layout
from sardana_redis.spec_writer._rows import format_rows, gap_line
from sardana_redis.store import Chunk, Gap

from ._scans import POC, POINT, STANDARD, make_scan, rows, stream

LOWEST = -(2**63)
FLOATS = arrays(np.float64, 7, elements=st.floats(width=64))
SINGLES = arrays(np.float32, 7, elements=st.floats(width=32))
INTEGERS = arrays(np.int64, 7, elements=st.integers(LOWEST, 2**63 - 1))
NATURALS = arrays(np.uint64, 7, elements=st.integers(0, 2**64 - 1))


def layout_of(*streams):
    return make_layout(make_scan([stream(POINT, "int64"), *streams]))


def table(text):
    return [line.split() for line in text.decode().splitlines() if line[0].isdigit()]


@pytest.mark.parametrize("dialect", [STANDARD, POC])
@given(floats=FLOATS, singles=SINGLES, integers=INTEGERS, naturals=NATURALS)
def test_every_number_comes_back(dialect, floats, singles, integers, naturals):
    layout = layout_of(
        stream("f"),
        stream("g", "float32"),
        stream("i", "int64"),
        stream("u", "uint64"),
        stream("h"),
    )
    values = {POINT: np.arange(7), "f": floats, "g": singles, "i": integers, "u": naturals}
    found = table(rows(layout, values | {"h": floats[::-1]}, dialect=dialect))
    assert [int(row[0]) for row in found] == list(range(7))
    np.testing.assert_array_equal([float(row[1]) for row in found], floats)
    np.testing.assert_array_equal([float(row[2]) for row in found], singles.astype(np.float64))
    assert [int(row[3]) for row in found] == integers.tolist()
    assert [int(row[4]) for row in found] == naturals.tolist()
    np.testing.assert_array_equal([float(row[5]) for row in found], floats[::-1])


@given(
    values=arrays(np.float64, (6, 2), elements=st.floats(width=64)),
    spectra=arrays(np.float64, (6, 17), elements=st.floats(width=64)),
    whole=arrays(np.int16, (6, 3), elements=st.integers(-(2**15), 2**15 - 1)),
    at_once=st.integers(1, 6),
)
def test_a_scan_reads_the_same_however_it_is_cut_into_chunks(values, spectra, whole, at_once):
    layout = layout_of(
        stream("a"), stream("b"), stream("s", "float64", (17,)),
        stream("i", "int16", (3,), fill_value=-(2**15)), stream("t", "json"),
    )  # fmt: skip
    data = {POINT: np.arange(6), "a": values[:, 0], "b": values[:, 1], "s": spectra, "i": whole}
    data["t"] = ["x", None, "y", 1, {"a": 1}, "z"]
    assert rows(layout, data, at_once=at_once) == rows(layout, data)


@given(arrays(np.float64, (3, 21), elements=st.floats(width=64)))
def test_every_value_of_a_spectrum_comes_back(spectra):
    layout = layout_of(stream("s", "float64", (21,)))
    text = rows(layout, {POINT: np.arange(3), "s": spectra}).replace(b"\\\n", b" ").decode()
    lines = [line.split()[1:] for line in text.splitlines() if line.startswith("@A")]
    np.testing.assert_array_equal(np.array(lines, np.float64), spectra)
    for line in text.splitlines():
        if line.startswith("@A "):
            assert "." in line  # spec2nexus takes it for integers otherwise
        assert not line.startswith("@A") or line == line.rstrip()


def test_sixteen_values_stand_in_a_line():
    layout = layout_of(stream("s", "int64", (33,)))
    text = rows(layout, {POINT: np.arange(1), "s": np.arange(33)[np.newaxis]})
    first = " ".join(map(str, range(16)))
    second = " ".join(map(str, range(16, 32)))
    assert text == f"@A {first}\\\n{second}\\\n32\n0 \n".encode()


def test_missing_integers_are_nan_and_extreme_ones_are_not():
    layout = layout_of(stream("i", "int8", fill_value=-128), stream("u", "uint8", fill_value=255))
    values = {POINT: np.arange(2), "i": np.array([-128, 5], np.int8)}
    values["u"] = np.array([255, 0], np.uint8)
    assert rows(layout, values) == b"0 nan 255\n1 5 0\n"


def test_a_stream_without_the_points_is_nan_and_its_spectrum_keeps_its_place():
    layout = layout_of(stream("a"), stream("s", "float64", (2,)), stream("t", "float64", (2,)))
    chunk = Chunk(4, 2, {"t": np.ones((2, 2))})
    assert format_rows(layout, chunk, STANDARD) == (
        b"#C Point 4, s = null\n@A\t-nan -nan\n@A 1.0 1.0\n4 nan \n"
        b"#C Point 5, s = null\n@A\t-nan -nan\n@A 1.0 1.0\n5 nan \n"
    )


def test_free_spectra_have_their_own_lengths():
    layout = layout_of(stream("s", "float64", (-1,)))
    values = [np.ones(2), np.empty(0), np.ones(3)]
    chunk = Chunk(0, 3, {POINT: np.arange(3), "s": values})
    assert format_rows(layout, chunk, STANDARD) == (
        b"#@MCA %16C\n#@CHANN 2 0 1 1\n@A 1.0 1.0\n0 \n"
        b"#C Point 1, s = null\n@A\tnan\n1 \n@A 1.0 1.0 1.0\n2 \n"
    )


def test_texts_stand_before_the_row_of_their_point():
    layout = layout_of(stream("a"), stream("t", "json"), stream("r", "json", format="sardana_ref"))
    values = {POINT: np.arange(2), "a": np.ones(2), "t": ["x\n@y\\", None]}
    values["r"] = [{"filename": "h5:/a"}, None]
    assert rows(layout, values) == (
        b'#C Point 0, t = "x\\n\\u0040y\\\\"\n#C Point 0, r = {"filename": "h5:/a"}\n0 1.0\n1 1.0\n'
    )


def test_infinity_is_a_number_that_all_readers_overflow():
    layout = layout_of(stream("a"), stream("b"))
    text = rows(
        layout, {POINT: [0, 1], "a": np.array([math.inf, 1]), "b": np.array([1, -math.inf])}
    )
    assert text == b"0 1.0e999 1.0\n1 1.0 -1.0e999\n"


def test_points_are_counted_where_there_is_no_stream_of_them():
    layout = make_layout(make_scan([stream("axis:mot")]))
    assert layout.columns[0].label == "Pt No"
    assert format_rows(layout, Chunk(7, 1, {"axis:mot": np.ones(1)}), STANDARD) == b"7 1.0\n"


def test_a_gap_is_told_in_one_line():
    line = gap_line(layout_of(), Gap(3, 20), "no longer\nin Redis @home")
    assert line == b"#C Missing points: 20 from index 3 on (no longer in Redis  at home)\n"
