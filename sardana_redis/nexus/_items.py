"""Groups, links and values of a file, in the JSON form of blissdata's h5map models.

Plain data, not the models themselves: the tree of 1,000 columns takes 10 ms instead of
150 ms, and it is made while a scan starts. Tests hold it against the models.

blisswriter 3.0 gives a scan up for one value that h5py refuses, so none of these can be
such a value, whatever came from Sardana's environment or a macro's custom data.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sardana_redis.store import plain, survives_redis

__all__ = [
    "Item",
    "Tree",
    "add_values",
    "attributes",
    "children_of",
    "dataset",
    "external_link",
    "group",
    "inline",
    "is_group",
    "link",
    "stream_dataset",
]

Tree = dict[str, Any]
"""A group: `{"type": "group", "attributes": {...}, "children": {name: item}}`."""

Item = Any
"""A group, a link or a dataset; a dataset without attributes is its value alone."""

_INT64: Final = np.iinfo(np.int64)
_UINT64: Final = np.iinfo(np.uint64)


def group(nx_class: str, children: Mapping[str, Item] | None = None, **more: Any) -> Tree:
    """A group of a NeXus class; `more` are attributes, left out where None."""
    made: Tree = {"type": "group", "attributes": {"NX_class": nx_class, **attributes(**more)}}
    if children:
        made["children"] = dict(children)
    return made


def is_group(item: Item) -> bool:
    """Whether the item is a group."""
    return isinstance(item, dict) and item.get("type") == "group"


def children_of(tree: Tree) -> dict[str, Item]:
    """The items in a group, to be read or added to."""
    children: dict[str, Item] = tree.setdefault("children", {})
    return children


def link(path: str) -> Item:
    """A soft link to an absolute path of the same file (HDF5 has no `..`)."""
    return {"type": "soft_link", "target_path": path}


def external_link(file: str, path: str) -> Item:
    """A link to an absolute path of another file."""
    return {"type": "external_link", "target_file": file, "target_path": path}


def stream_dataset(stream: str, more: Mapping[str, Item]) -> Item:
    """A dataset that the points of a stream are written to; `more` are its attributes."""
    return _with_attributes({"type": "stream", "stream": stream}, more)


def dataset(value: Any, dtype: str | None = None, **more: Any) -> Item | None:
    """A dataset that holds the value, see `inline`; `more` are attributes. None for no value."""
    made = inline(value, dtype)
    return None if made is None else _with_attributes(made, attributes(**more))


def attributes(**values: Any) -> dict[str, Item]:
    """Attributes of an item; those that are None are left out."""
    made = {name: inline(value) for name, value in values.items()}
    return {name: value for name, value in made.items() if value is not None}


def add_values(children: dict[str, Item], values: Mapping[str, Any]) -> None:
    """Adds a dataset for each of the values that is one."""
    for name, value in values.items():
        made = inline(value)
        if made is not None:
            children[name] = made


def inline(value: Any, dtype: str | None = None) -> Item | None:
    """The value as it is written; None where there is none.

    `dtype` is that which was declared, taken where the value fits it. What HDF5 has no type
    for (mappings, lists that mix types) is written as JSON text.
    """
    if isinstance(value, str):
        return _text(plain(value))
    value = plain(value)
    declared = _numeric_dtype(dtype)
    if declared is not None:
        array = _as_array(value, declared)
        if array is not None:
            return _packed(array)
    if value is None or value == {}:
        return None
    if isinstance(value, list):
        return _list(value)
    if isinstance(value, dict):
        return _text(json.dumps(value, ensure_ascii=False))
    return _text(value) if isinstance(value, str) else _packed(_number(value))


def _with_attributes(value: Item, more: Mapping[str, Item]) -> Item:
    return {"type": "dataset", "attributes": dict(more), "value": value} if more else value


def _list(value: list[Any]) -> Item:
    if not value:
        return []
    if all(isinstance(item, str) for item in value):
        return [_text(item) for item in value]
    array = _as_array(value, None)
    return _text(json.dumps(value, ensure_ascii=False)) if array is None else _packed(array)


def _as_array(value: Any, dtype: np.dtype[Any] | None) -> npt.NDArray[Any] | None:
    """The value as an array of numbers, of this dtype where one is given; None if it is none."""
    nothing = math.nan if dtype is None or dtype.kind == "f" else None
    try:
        array = np.asarray(_fill(value, nothing))
        if array.dtype.kind not in "biuf":
            return None
        if dtype is None:
            return array
        with np.errstate(all="ignore"):
            cast = array.astype(dtype)
    except (TypeError, ValueError, OverflowError):
        return None
    return cast if dtype.kind == "f" or np.array_equal(cast, array) else None


def _fill(value: Any, nothing: float | None) -> Any:
    """The value with `nothing` for what JSON could not hold: NaN and infinities."""
    if isinstance(value, list):
        return [_fill(item, nothing) for item in value]
    return nothing if value is None else value


def _numeric_dtype(name: str | None) -> np.dtype[Any] | None:
    if name is None:
        return None
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError):  # numpy parses texts such as "(2," as Python
        return None
    return dtype if dtype.kind in "biuf" and dtype.itemsize <= 8 else None


def _number(value: Any) -> npt.NDArray[Any]:
    if isinstance(value, int) and not _INT64.min <= value <= _INT64.max:
        return np.array(value, np.uint64) if 0 <= value <= _UINT64.max else np.array(float(value))
    return np.array(value)


def _packed(array: npt.NDArray[Any]) -> Item:
    """The numbers in the shortest form that keeps their dtype."""
    if array.ndim and array.size:
        little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
        return {
            "type": "inline_b64",
            "dtype": little.dtype.str,
            "shape": list(array.shape),
            "value": base64.b64encode(little.tobytes()).decode(),
        }
    if array.ndim:
        return []
    value = array.item()
    is_float = array.dtype.kind == "f"
    is_exact = survives_redis(value) if is_float else True
    if is_exact and array.dtype in (np.int64, np.bool_, np.float64):
        return value
    return {"type": "inline", "dtype": array.dtype.name, "value": value if is_exact else str(value)}


def _text(text: str) -> str:
    return text.replace("\x00", "")  # h5py refuses it in a text of variable length
