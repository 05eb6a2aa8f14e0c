"""Columns as Sardana declares them, in all the forms that it has for that."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sardana_redis.keys import REFERENCE_FORMAT
from sardana_redis.model import JSON, Axis, Column, Role
from sardana_redis.recorder._columns import (
    make_columns,
    stream_dtype,
    stream_shape,
    stream_specs,
)

from ._sardana_fakes import counter, desc, motor, point_number, timestamp


def made(*descs: SimpleNamespace, axes: dict[str, Axis] | None = None) -> list[Column]:
    counters = [d.name for d in descs if d.name.startswith("tango:")]
    return list(make_columns(descs, counters, axes or {}))


@pytest.mark.parametrize(
    ("declared", "shape"),
    [
        *((None, ()), ([], ()), ((), ()), (np.array([]), ())),
        *(([1024], (1024,)), ((480, 640), (480, 640)), (np.array([2, 3]), (2, 3))),
        *(([np.int64(5), np.uint16(6)], (5, 6)), (7, (7,)), (np.int32(7), (7,))),
        *(([0], (-1,)), ([480, 0], (480, -1)), ([None], (-1,)), ([-1], (-1,))),
    ],
)
def test_a_dimension_is_free_only_where_none_is_declared(
    declared: Any, shape: tuple[int, ...]
) -> None:
    assert stream_shape(declared) == shape
    assert all(type(size) is int for size in stream_shape(declared))


@pytest.mark.parametrize(
    ("declared", "dtype"),
    [
        *(("float64", "float64"), ("float", "float64"), (float, "float64"), ("f4", "float32")),
        *((np.dtype("uint8"), "uint8"), (np.int16, "int16"), (int, "int64"), ("long", "int64")),
        *((bool, "bool"), ("bool", "bool"), ("complex", "complex128"), (">f8", "float64")),
        *((np.longdouble, "float64"), (np.clongdouble, "complex128")),
        *(("str", JSON), ("string", JSON), (str, JSON), ("S10", JSON), ("object", JSON)),
        *((None, JSON), ("DevEncoded", JSON), ("", JSON), ("(2,", JSON), ("i4,f8", JSON)),
        *(("datetime64", JSON), (("f8", -1), JSON), (object(), JSON)),
    ],
)
def test_a_dtype_is_a_numpy_number_or_json(declared: Any, dtype: str) -> None:
    assert stream_dtype(declared) == dtype


@pytest.mark.filterwarnings("ignore:Data type alias")  # numpy knows old names such as "a"
@given(st.text(max_size=12) | st.sampled_from(["(", "f8,", "3f4", ",", "(2,)f8", "{'a'"]))
def test_no_name_of_a_dtype_stops_a_scan(declared: str) -> None:
    dtype = stream_dtype(declared)
    assert dtype == JSON or np.dtype(dtype).kind in "biufc"


def test_columns_keep_sardanas_order_labels_and_roles() -> None:
    found = made(point_number(), motor("mot01"), counter("ct01"), desc("extra"), timestamp())
    assert [(c.stream, c.role) for c in found] == [
        ("#Pt No", Role.POINT_NUMBER),
        ("mot01", Role.MOVEABLE),
        ("ct01", Role.CHANNEL),
        ("extra", Role.EXTRA),
        ("dt", Role.TIME),
    ]
    assert found[2].name == "tango://host:10000/expchan/ct01"


def test_a_label_that_occurs_twice_gets_its_full_name() -> None:
    first, second, other = (desc("a/ct", "ct"), desc("b/ct", "ct"), desc("c/other", "other"))
    found = made(first, second, other)
    assert [(c.label, c.stream) for c in found] == [
        ("ct", "a/ct"),
        ("ct", "b/ct"),
        ("other", "other"),
    ]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["a", "b", "a (2)"]))))
def test_no_two_columns_share_a_stream(names: list[tuple[str, str]]) -> None:
    found = made(*(desc(name, label) for name, label in names))
    assert len({c.stream for c in found}) == len(names)


@pytest.mark.parametrize(
    ("declared", "unit"), [("mm", "mm"), ("", None), (None, None), ("No unit", None)]
)
def test_a_unit_that_is_unknown_is_left_out(declared: str | None, unit: str | None) -> None:
    (column,) = made(counter("ct01", data_units=declared))
    assert column.unit == unit
    (spec,) = stream_specs([column])
    assert spec.info.get("unit") == unit
    assert ("unit" in spec.info) == (unit is not None)


def test_time_is_in_seconds() -> None:
    assert [c.unit for c in made(timestamp(), desc("epoch"))] == ["s", "s"]


def test_a_reference_is_json_whatever_is_behind_it() -> None:
    (column,) = made(
        counter("image", value_ref_enabled=True, dtype="uint16", shape=[480, 640], data_units="ADU")
    )
    assert (column.dtype, column.shape, column.is_reference) == (JSON, (), True)
    (spec,) = stream_specs([column])
    assert (spec.dtype, spec.shape, spec.fill_value) == (JSON, (), None)
    assert spec.info["format"] == REFERENCE_FORMAT == "sardana_ref"


def test_a_text_has_no_shape() -> None:
    (column,) = made(counter("name", dtype="str", shape=[16]))
    assert (column.dtype, column.shape) == (JSON, ())


def test_a_spectrum_keeps_its_declared_shape() -> None:
    (column,) = made(counter("mca", dtype="uint32", shape=[np.int64(1024)]))
    (spec,) = stream_specs([column])
    assert (spec.name, spec.dtype, spec.shape) == ("mca", "uint32", (1024,))


@pytest.mark.parametrize(
    ("dtype", "fill"), [("int64", -(2**63)), ("uint16", 65535), ("bool", False)]
)
def test_an_integer_stream_names_what_stands_for_a_missing_value(dtype: str, fill: int) -> None:
    (spec,) = stream_specs(made(counter("ct01", dtype=dtype)))
    assert spec.fill_value == spec.info["fill_value"] == fill


@pytest.mark.parametrize("dtype", ["float64", "complex128", "str"])
def test_other_streams_need_no_such_value(dtype: str) -> None:
    (spec,) = stream_specs(made(counter("ct01", dtype=dtype)))
    assert spec.fill_value is None
    assert "fill_value" not in spec.info


def test_the_axis_of_a_moveable_is_found_by_its_name() -> None:
    axis = Axis(0.0, 1.0, 11)
    mot01, mot02 = made(motor("mot01"), motor("mot02"), axes={"mot01": axis})
    assert (mot01.axis, mot02.axis) == (axis, Axis())


def test_what_the_operator_plots_is_known() -> None:
    yes, no, unset = made(counter("a", plot_type=1), counter("b", plot_type=0), counter("c"))
    assert [c.is_plotted for c in (yes, no, unset)] == [True, False, False]
