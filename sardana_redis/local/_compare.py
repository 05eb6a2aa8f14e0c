"""Whether what a reader got equals what Sardana recorded, bit by bit.

The rule for missing values is DESIGN.md's, section 3: NaN or the stream's fill value; a
missing array is one of the declared shape full of that, of length 0 where it is free; an
array of another shape is cut or padded.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sardana_redis.local.capture import Capture, CapturedColumn
from sardana_redis.store import ReadStream

__all__ = ["differences", "expected_points", "stream_names"]

_JSON = "json"
_SHOWN = 3


def differences(capture: Capture, streams: Mapping[str, ReadStream]) -> list[str]:
    """What differs between a scan and its capture, a sentence each; empty when all is equal."""
    names = stream_names(capture.columns)
    found = []
    for name, column in zip(names, capture.columns, strict=True):
        if name not in streams:
            found.append(f"{name}: there is no such stream")
            continue
        values = capture.values(column)
        if column.is_reference:
            values = [_reference(value) for value in values]
        found += _stream_differences(streams[name], values)
    found += [f"{name}: a stream without a column" for name in streams if name not in names]
    return found


def stream_names(columns: Sequence[CapturedColumn]) -> list[str]:
    """The name of each column's stream: its label, or its full name if another has that too."""
    often = Counter(column.label for column in columns)
    return [column.name if often[column.label] > 1 else column.label for column in columns]


def expected_points(values: Sequence[Any], stream: ReadStream) -> list[Any]:
    """What the stream has to hold for these recorded values."""
    if stream.dtype == _JSON:
        return [None if is_missing(value) else _json(value) for value in values]
    dtype = np.dtype(stream.dtype)
    nothing = math.nan if dtype.kind in "fc" else 0
    fill = dtype.type(nothing if stream.fill_value is None else stream.fill_value)
    return [_expected(value, stream.shape, fill) for value in values]


def is_missing(value: Any) -> bool:
    """Whether Sardana delivered nothing: None, or a NaN that is no array."""
    if value is None:
        return True
    return isinstance(value, float | np.floating) and math.isnan(value)


def _stream_differences(stream: ReadStream, values: Sequence[Any]) -> list[str]:
    if len(stream.points) != len(values):
        return [f"{stream.name}: {len(values)} points were recorded, {len(stream.points)} read"]
    wrong = [
        f"{stream.name}: point {index} was recorded as {expected!r}, read as {read!r}"
        for index, (expected, read) in enumerate(
            zip(expected_points(values, stream), stream.points, strict=True)
        )
        if not _is_same(expected, read)
    ]
    more = len(wrong) - _SHOWN
    return wrong[:_SHOWN] + ([f"{stream.name}: {more} more points differ"] if more > 0 else [])


def _expected(value: Any, shape: tuple[int, ...], fill: np.generic) -> npt.NDArray[Any]:
    if is_missing(value):
        return np.full([max(size, 0) for size in shape], fill)
    array = np.asarray(value)
    if array.ndim != len(shape):
        array = array.reshape(()) if not shape and array.size == 1 else np.atleast_1d(array)
    if array.ndim != len(shape):
        return array
    sizes = [have if size < 0 else size for have, size in zip(array.shape, shape, strict=True)]
    result = np.full(sizes, fill)
    common = tuple(slice(0, min(pair)) for pair in zip(array.shape, sizes, strict=True))
    result[common] = array[common].astype(result.dtype)
    return result


def _reference(value: Any) -> Any:
    """The form in which references are published."""
    return {"filename": value} if isinstance(value, str) else value


def _json(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _is_same(expected: Any, read: Any) -> bool:
    """Whether two points are equal to the bit; any NaN equals any other."""
    if not isinstance(expected, np.ndarray):
        return bool(expected == read)
    found = np.asarray(read)
    if expected.dtype != found.dtype or expected.shape != found.shape:
        return False
    if expected.dtype.kind not in "fc":
        return bool(np.array_equal(expected, found))
    missing = np.isnan(expected)
    if not np.array_equal(missing, np.isnan(found)):
        return False
    return bool(expected[~missing].tobytes() == found[~missing].tobytes())
