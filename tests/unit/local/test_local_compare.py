"""What was read is compared with what was recorded, to the bit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sardana_redis.local import differences
from sardana_redis.local._compare import expected_points, is_missing, stream_names
from sardana_redis.local.capture import Capture, CapturedColumn
from sardana_redis.store import ReadStream


def _stream(dtype: str, shape: tuple[int, ...] = (), points: Any = (), fill: Any = None) -> Any:
    return ReadStream("x", dtype, shape, points, fill)


def _capture(*values: Any, label: str = "x") -> Capture:
    column = CapturedColumn("full/x", label, "float64", ())
    records = tuple({"full/x": value} for value in values)
    return Capture(Path("x.capture"), {"serialno": 1}, (column,), records, (), {})


@pytest.mark.parametrize("value", [None, math.nan, np.float64("nan"), np.float32("nan")])
def test_a_lonely_nan_and_none_are_missing(value: object) -> None:
    assert is_missing(value)


@pytest.mark.parametrize("value", [0, 1.5, "nan", np.array([math.nan]), [math.nan]])
def test_arrays_and_texts_are_not_missing(value: object) -> None:
    assert not is_missing(value)


class TestExpected:
    def test_scalars_take_the_dtype_of_the_stream(self) -> None:
        (point,) = expected_points([1], _stream("float64"))
        assert point.dtype == np.float64
        assert point.shape == ()

    def test_a_missing_scalar_is_nan(self) -> None:
        (point,) = expected_points([None], _stream("float32"))
        assert np.isnan(point)

    def test_a_missing_integer_is_the_fill_value(self) -> None:
        (point,) = expected_points([math.nan], _stream("int64", fill=-(2**63)))
        assert point == -(2**63)

    def test_a_missing_array_is_one_of_the_declared_shape(self) -> None:
        (point,) = expected_points([math.nan], _stream("float64", (2, 3)))
        assert point.shape == (2, 3)
        assert np.isnan(point).all()

    def test_a_missing_array_of_a_free_stream_has_length_0(self) -> None:
        (point,) = expected_points([math.nan], _stream("float64", (-1,)))
        assert point.shape == (0,)

    def test_a_longer_array_is_cut_and_a_shorter_one_padded(self) -> None:
        cut, padded = expected_points([[1, 2, 3], [1]], _stream("int16", (2,), fill=-9))
        assert cut.tolist() == [1, 2]
        assert padded.tolist() == [1, -9]

    def test_a_free_stream_takes_every_length(self) -> None:
        points = expected_points([[1, 2, 3], [1]], _stream("float64", (-1,)))
        assert [point.tolist() for point in points] == [[1, 2, 3], [1]]

    def test_texts_stay_and_missing_ones_are_none(self) -> None:
        assert expected_points(["a", None, np.str_("b")], _stream("json")) == ["a", None, "b"]


class TestDifferences:
    def test_equal_values_give_none(self) -> None:
        points = np.array([0.1, -0.0, math.nan])
        assert differences(_capture(0.1, -0.0, None), {"x": _stream("float64", (), points)}) == []

    def test_one_bit_is_told(self) -> None:
        points = np.array([np.nextafter(0.1, 1)])
        (told,) = differences(_capture(0.1), {"x": _stream("float64", (), points)})
        assert told.startswith("x: point 0 was recorded as")

    def test_a_sign_of_zero_is_told(self) -> None:
        assert differences(_capture(0.0), {"x": _stream("float64", (), np.array([-0.0]))})

    def test_a_nan_too_many_is_told(self) -> None:
        assert differences(_capture(0.0), {"x": _stream("float64", (), np.array([math.nan]))})

    def test_another_dtype_is_told(self) -> None:
        points = np.array([1.0], dtype="float32")
        assert differences(_capture(1.0), {"x": _stream("float64", (), points)})

    def test_a_missing_point_is_told(self) -> None:
        (told,) = differences(_capture(1.0, 2.0), {"x": _stream("float64", (), np.array([1.0]))})
        assert told == "x: 2 points were recorded, 1 read"

    def test_missing_and_foreign_streams_are_told(self) -> None:
        told = differences(_capture(1.0), {"y": _stream("float64", (), np.array([1.0]))})
        assert told == ["x: there is no such stream", "y: a stream without a column"]

    def test_many_differences_are_summed_up(self) -> None:
        told = differences(_capture(*range(9)), {"x": _stream("float64", (), np.full(9, 99.0))})
        assert len(told) == 4
        assert told[-1] == "x: 6 more points differ"

    def test_integers_and_texts_are_compared(self) -> None:
        integers = _stream("int64", (), np.array([1, 3]))
        assert len(differences(_capture(1, 2), {"x": integers})) == 1
        assert len(differences(_capture("a", "b"), {"x": _stream("json", (), ["a", "c"])})) == 1

    def test_a_value_that_fits_no_shape_is_told(self) -> None:
        points = np.zeros((1, 2))
        assert differences(_capture([[1.0, 2.0]]), {"x": _stream("float64", (2,), points)})


def test_a_label_that_occurs_twice_gives_full_names() -> None:
    columns = [
        CapturedColumn(name, label, "float64", ())
        for name, label in [("a/1", "a"), ("b/1", "b"), ("b/2", "b")]
    ]
    assert stream_names(columns) == ["a", "b/1", "b/2"]
