"""From the values of one column to the payloads of its stream.

A value that cannot be what the stream declares never stops a scan: it is cast, cut,
padded or replaced by the missing value, and counted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt

from sardana_redis.model import JSON, StreamSpec
from sardana_redis.store import plain

__all__ = ["Encoder", "Run", "make_encoder", "missing_value"]


@dataclass(slots=True)
class Run:
    """Consecutive points that share one entry: `length` points from the `offset`-th value on."""

    offset: int
    length: int
    payload: bytes


def missing_value(dtype: np.dtype[Any]) -> Any:
    """What stands for a value that was not measured: NaN, or an extreme integer.

    Signed integers have their minimum, unsigned ones their maximum, booleans False.
    """
    if dtype.kind in "fc":
        return float("nan")
    if dtype.kind == "i":
        return int(np.iinfo(dtype).min)
    if dtype.kind == "u":
        return int(np.iinfo(dtype).max)
    return False


class Encoder:
    """Encodes the values of one stream; `misfits` counts those that did not fit."""

    def __init__(self) -> None:
        self.misfits = 0

    def encode(self, values: Sequence[Any]) -> list[Run]:
        """The runs that the values make, in order and without a gap."""
        raise NotImplementedError


class _JsonEncoder(Encoder):
    def encode(self, values: Sequence[Any]) -> list[Run]:
        return [Run(i, 1, json.dumps(plain(value)).encode()) for i, value in enumerate(values)]


class _ScalarEncoder(Encoder):
    def __init__(self, dtype: np.dtype[Any]) -> None:
        super().__init__()
        self._dtype = dtype
        self._missing = missing_value(dtype)
        self._is_float = dtype.kind == "f"

    def encode(self, values: Sequence[Any]) -> list[Run]:
        array = self._at_once(values)
        if array is None:
            cast = [self._cast(value) for value in values]
            array = np.array(cast, dtype=self._dtype)
        return [Run(0, len(values), array.tobytes())]

    def _at_once(self, values: Sequence[Any]) -> npt.NDArray[Any] | None:
        """All values in one call, or None where one of them needs a look of its own."""
        try:
            if self._is_float:
                array = np.array(values, dtype=self._dtype)
            else:
                array = np.array(values)
                if array.dtype != self._dtype and not self._holds(array):
                    return None
                array = array.astype(self._dtype)
        except (TypeError, ValueError, OverflowError):
            return None
        return array if array.shape == (len(values),) else None

    def _holds(self, array: npt.NDArray[Any]) -> bool:
        """Whether the dtype represents each value of the array exactly."""
        if np.can_cast(array.dtype, self._dtype):
            return True
        if self._dtype.kind not in "iu" or array.dtype.kind not in "iu" or not array.size:
            return False
        limits = np.iinfo(self._dtype)
        return bool(int(array.min()) >= limits.min and int(array.max()) <= limits.max)

    def _cast(self, value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.item()
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return self._missing
        try:
            cast = self._dtype.type(value)
        except (TypeError, ValueError, OverflowError):
            self.misfits += 1
            return self._missing
        if self._dtype.kind in "iu" and cast != value:
            self.misfits += 1
        return cast


class _ArrayEncoder(Encoder):
    """1D and 2D; a free dimension makes msgpack payloads (shape, bytes), as blissdata reads."""

    def __init__(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        super().__init__()
        self._dtype = dtype
        self._shape = shape
        self._is_free = -1 in shape
        self._fill = missing_value(dtype)
        self._missing = np.full(tuple(max(n, 0) for n in shape), self._fill, dtype)

    def encode(self, values: Sequence[Any]) -> list[Run]:
        arrays = [self._conform(value) for value in values]
        if not self._is_free:
            return [Run(0, len(arrays), b"".join(array.tobytes() for array in arrays))]
        runs = []
        offset = 0
        for shape, group in groupby(arrays, key=np.shape):
            members = list(group)
            data = b"".join(array.tobytes() for array in members)
            runs.append(Run(offset, len(members), msgpack.packb((shape, data))))
            offset += len(members)
        return runs

    def _conform(self, value: Any) -> npt.NDArray[Any]:
        """The value as an array of the declared dtype and shape."""
        if value is None or isinstance(value, float):
            # Sardana has one NaN for a whole array that was skipped.
            if value is not None and not math.isnan(value):
                self.misfits += 1
            return self._missing
        try:
            array = np.asarray(value)
            if array.dtype != self._dtype:
                array = self._cast(array)
        except (TypeError, ValueError, OverflowError):
            self.misfits += 1
            return self._missing
        if self._fits(array.shape):
            return array
        self.misfits += 1
        return self._cut_or_pad(array)

    def _fits(self, shape: tuple[int, ...]) -> bool:
        if shape == self._shape:
            return True
        return len(shape) == len(self._shape) and all(
            wanted in (-1, given) for wanted, given in zip(self._shape, shape, strict=True)
        )

    def _cast(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if array.dtype.kind not in "biufc":
            array = array.astype(float)
        if self._dtype.kind in "fc" or np.can_cast(array.dtype, self._dtype):
            return array.astype(self._dtype)
        return self._cast_to_integers(array)

    def _cast_to_integers(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Casts value by value where that loses nothing; the rest is missing."""
        with np.errstate(invalid="ignore"):
            cast = array.astype(self._dtype)
            differs = cast.astype(array.dtype) != array
        missing = np.isnan(array) if array.dtype.kind in "fc" else np.zeros_like(differs)
        self.misfits += int(bool(np.any(differs & ~missing)))
        return np.where(differs, np.array(self._fill, self._dtype), cast)

    def _cut_or_pad(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if array.ndim != len(self._shape):
            if not self._is_free and array.size == self._missing.size:
                return array.reshape(self._shape)
            return self._missing
        shape = tuple(
            given if wanted == -1 else wanted
            for wanted, given in zip(self._shape, array.shape, strict=True)
        )
        padded = np.full(shape, self._fill, self._dtype)
        common = tuple(slice(0, min(a, b)) for a, b in zip(shape, array.shape, strict=True))
        padded[common] = array[common]
        return padded


def make_encoder(spec: StreamSpec) -> Encoder:
    """The encoder for a stream."""
    if spec.dtype == JSON:
        return _JsonEncoder()
    dtype = np.dtype(spec.dtype)
    return _ArrayEncoder(dtype, spec.shape) if spec.shape else _ScalarEncoder(dtype)
