"""Casting: numbers that fit stay what they are, all others are missing or counted."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sardana_redis.publisher._cast import Caster, is_missing, missing_value

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
ALL = (*INTEGERS, "bool", "float16", "float32", "float64", "complex64", "complex128")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
def test_nan_is_missing_in_floats(dtype: str) -> None:
    assert math.isnan(missing_value(np.dtype(dtype)))


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("int8", -128), ("int64", -(2**63)), ("uint8", 255), ("uint64", 2**64 - 1), ("bool", False)],
)
def test_an_extreme_is_missing_in_integers(dtype: str, value: int) -> None:
    assert missing_value(np.dtype(dtype)) == value


@pytest.mark.parametrize(
    "value", [None, math.nan, np.float32("nan"), np.float64("nan"), np.array(math.nan)]
)
@pytest.mark.parametrize("dtype", ALL)
def test_none_and_nan_are_missing_but_no_misfit(value: Any, dtype: str) -> None:
    caster = Caster(np.dtype(dtype))
    number, fits = caster.number(value)
    assert is_missing(value)
    assert fits
    assert np.array_equal([number], [caster.fill], equal_nan=np.dtype(dtype).kind in "fc")


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("value", [1, True, 1.0, np.int8(1), np.uint64(1), np.float32(1)])
def test_a_one_of_any_kind_is_one(value: Any, dtype: str) -> None:
    assert Caster(np.dtype(dtype)).number(value) == (1, True)


@pytest.mark.parametrize("value", [[7], (7,), np.array([7]), np.array(7), np.array([[7]])])
def test_a_single_value_is_taken_out_of_its_array(value: Any) -> None:
    assert Caster(np.dtype("int64")).number(value) == (7, True)


@pytest.mark.parametrize(
    "value", [Decimal("1.5"), Fraction(3, 2), "1.5", b"1.5", np.longdouble(1.5)]
)
def test_other_spellings_of_a_number_are_cast(value: Any) -> None:
    assert Caster(np.dtype("float64")).number(value) == (1.5, True)


def test_the_decimals_of_a_number_in_an_integer_column_are_cut_and_counted() -> None:
    assert Caster(np.dtype("int64")).number(2.5) == (2, False)


@pytest.mark.parametrize(
    "value",
    [
        *("text", b"\xff", object(), {}, {1}, [], [1, 2], np.arange(2), np.array([])),
        *(1j, np.complex128(1j), math.inf, 10**400),
        *(np.datetime64("2026-11-23"), np.timedelta64(5)),
    ],
)
def test_what_is_no_integer_is_missing_and_counted(value: Any) -> None:
    assert Caster(np.dtype("int64")).number(value) == (-(2**63), False)


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        *(("int8", 128), ("uint8", -1), ("int64", 2**63), ("int64", np.uint64(2**63))),
        *(("uint64", -1), ("int8", np.int64(300)), ("int64", np.float64(1e300))),
    ],
)
def test_integers_out_of_range_never_wrap(dtype: str, value: Any) -> None:
    assert Caster(np.dtype(dtype)).number(value) == (missing_value(np.dtype(dtype)), False)


@pytest.mark.parametrize("value", ["False", 2.5, 2, object()])
def test_a_boolean_is_nothing_but_zero_or_one(value: Any) -> None:
    assert Caster(np.dtype("bool")).number(value)[1] is False


@pytest.mark.parametrize("dtype", ["float32", "complex64", "float16"])
def test_a_number_too_large_for_a_short_float_is_counted(dtype: str) -> None:
    caster = Caster(np.dtype(dtype))
    assert caster.number(1e300) == (1e300, False)
    assert caster.number(math.inf) == (math.inf, True)
    cast, fits = caster.array(np.array([1e300, math.inf, 1.0]))
    assert np.isinf(cast).tolist() == [True, True, False]
    assert not fits


def test_another_fill_value_is_used_where_it_is_declared() -> None:
    assert Caster(np.dtype("int64"), -1).number(None) == (-1, True)


@given(
    values=hnp.arrays(st.sampled_from([*map(np.dtype, INTEGERS)]), st.integers(0, 8)),
    dtype=st.sampled_from(INTEGERS),
)
def test_integer_arrays_are_equal_or_missing(values: np.ndarray[Any, Any], dtype: str) -> None:
    caster = Caster(np.dtype(dtype))
    cast, fits = caster.array(values)
    limits = np.iinfo(dtype)
    wanted = [v if limits.min <= v <= limits.max else caster.fill for v in values.tolist()]
    assert cast.dtype == np.dtype(dtype)
    assert cast.tolist() == wanted
    assert fits == (wanted == values.tolist())


@given(
    values=st.lists(
        st.floats()
        | st.integers(-(2**70), 2**70).map(float)
        | st.sampled_from([2.0**63, -(2.0**63), 2.0**64, 2.0**53 + 2]),
        max_size=8,
    ),
    dtype=st.sampled_from(INTEGERS),
)
def test_float_arrays_become_integers_only_where_that_loses_nothing(
    values: list[float], dtype: str
) -> None:
    caster = Caster(np.dtype(dtype))
    cast, fits = caster.array(np.array(values, float))
    limits = np.iinfo(dtype)
    holds = [v.is_integer() and limits.min <= int(v) <= limits.max for v in values]
    assert cast.tolist() == [
        int(v) if ok else caster.fill for v, ok in zip(values, holds, strict=True)
    ]
    assert fits == all(ok or math.isnan(v) for v, ok in zip(values, holds, strict=True))


def test_complex_numbers_lose_their_imaginary_part_only_with_notice() -> None:
    caster = Caster(np.dtype("float64"))
    assert caster.array(np.array([1 + 0j]))[1] is True
    assert caster.array(np.array([1 + 1j]))[1] is False


def test_large_integers_in_a_list_with_none_stay_exact() -> None:
    cast, fits = Caster(np.dtype("int64")).array(np.array([2**60 + 1, None], object))
    assert cast.tolist() == [2**60 + 1, -(2**63)]
    assert fits


def test_times_are_no_numbers() -> None:
    cast, fits = Caster(np.dtype("int64")).array(np.array(["2026", "2027"], "M8[Y]"))
    assert cast.tolist() == [-(2**63)] * 2
    assert not fits
