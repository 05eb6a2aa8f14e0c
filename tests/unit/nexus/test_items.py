"""Values of any kind become items that blissdata's models and h5py accept."""

from __future__ import annotations

import io
from typing import Any

import h5py
import numpy as np
import pytest
from blissdata.h5map import Dataset, Group
from hypothesis import given, settings
from hypothesis import strategies as st

from sardana_redis.nexus._items import attributes, children_of, dataset, group, inline

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.complex_numbers()
)
VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=8,
)
DTYPES = st.sampled_from(
    [None, "int8", "uint64", "float32", "float64", "bool", "str", "nonsense", "(2,", "complex64"]
)


def written(item: Any, **more: Any) -> Any:
    """What h5py reads after blisswriter's way of writing the item."""
    model = Dataset.model_validate(item)
    with h5py.File(io.BytesIO(), "w") as file:
        made = file.create_dataset("x", data=model.value.decode())
        for name, value in model.attributes.items():
            made.attrs[name] = value.decode()
        return made[()]


@settings(deadline=None)
@given(VALUES, DTYPES)
def test_any_value_can_be_written_or_is_left_out(value: Any, dtype: str | None) -> None:
    item = dataset(value, dtype, units="s")
    if item is not None:
        written(item)


@pytest.mark.parametrize(
    ("value", "read", "dtype"),
    [
        (1, 1, "int64"),
        (True, True, "bool"),
        (1.5, 1.5, "float64"),
        (2**63, 2**63, "uint64"),
        (2**64, 2.0**64, "float64"),
        (np.float32(0.1), float(np.float32(0.1)), "float64"),
        ("µ", "µ".encode(), None),
        ("a\0b", b"ab", None),
        (b"raw", b"raw", None),
        ({"a": 1}, b'{"a": 1}', None),
        ([1, "a"], b'[1, "a"]', None),
        ([[1], [1, 2]], b"[[1], [1, 2]]", None),
    ],
)
def test_values_keep_what_they_are(value: Any, read: Any, dtype: str | None) -> None:
    found = written(inline(value))
    assert found == read
    if dtype is not None:
        assert found.dtype == dtype


@pytest.mark.parametrize(
    ("value", "dtype", "read"),
    [
        (3, "int16", np.int16(3)),
        (0.1, "float32", np.float32(0.1)),
        ([1, 2], "uint8", np.array([1, 2], "uint8")),
        ([1.5, 2], "uint8", np.array([1.5, 2.0])),
        ([1, None], "float32", np.array([1, np.nan], "float32")),
        ([1, None], "int32", np.array([1, np.nan])),
        (None, "float64", np.float64("nan")),
        (300, "uint8", np.int64(300)),
        ([[1, 2], [3, 4]], None, np.array([[1, 2], [3, 4]])),
        ([True, False], None, np.array([True, False])),
    ],
)
def test_the_declared_dtype_is_kept_where_the_value_fits_it(
    value: Any, dtype: str | None, read: Any
) -> None:
    found = written(inline(value, dtype))
    assert found.dtype == read.dtype
    np.testing.assert_array_equal(found, read)


def test_lists_of_text_stay_lists() -> None:
    assert list(written(inline(["a", "b"]))) == [b"a", b"b"]
    assert written(inline([])).shape == (0,)


@pytest.mark.parametrize("value", [None, {}])
def test_nothing_is_left_out(value: Any) -> None:
    assert dataset(value) is None
    assert attributes(a=value) == {}


def test_a_dataset_without_attributes_is_its_value_alone() -> None:
    assert dataset(1) == 1
    assert dataset(1, units="s") == {
        "type": "dataset",
        "attributes": {"units": "s"},
        "value": 1,
    }


def test_groups_grow() -> None:
    made = group("NXcollection", None, default="a")
    children_of(made)["a"] = inline(1)
    model = Group.model_validate(made)
    assert model.children["a"].value.decode() == 1
    assert model.attributes["default"].decode() == b"a"
