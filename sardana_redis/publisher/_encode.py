"""From the values of one column to the payloads of its stream.

A value that cannot be what the stream declares never stops a scan: it is cast, cut,
padded or replaced by the missing value, and counted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt

from sardana_redis.keys import REFERENCE_FORMAT
from sardana_redis.model import JSON, StreamSpec
from sardana_redis.publisher._cast import Caster, is_missing
from sardana_redis.store import plain

__all__ = ["Encoder", "Run", "make_encoder", "point_bytes"]


@dataclass(slots=True)
class Run:
    """Consecutive points that share one entry: `length` points from the `offset`-th value on."""

    offset: int
    length: int
    payload: bytes


class Encoder:
    """Encodes the values of one stream; `misfits` counts those that did not fit."""

    def __init__(self) -> None:
        self.misfits = 0

    def encode(self, values: Sequence[Any]) -> list[Run]:
        """The runs that the values make, in order and without a gap."""
        raise NotImplementedError


class _JsonEncoder(Encoder):
    def encode(self, values: Sequence[Any]) -> list[Run]:
        return [Run(i, 1, json.dumps(self._form(value)).encode()) for i, value in enumerate(values)]

    def _form(self, value: Any) -> Any:
        return plain(value)


class _ReferenceEncoder(_JsonEncoder):
    """References as `{"filename": reference}`, the form of the proof of concept."""

    def _form(self, value: Any) -> Any:
        return plain({"filename": value} if isinstance(value, str) else value)


class _ScalarEncoder(Encoder):
    def __init__(self, caster: Caster) -> None:
        super().__init__()
        self._caster = caster
        self._kinds_at_once = _KINDS_AT_ONCE[caster.dtype.kind]

    def encode(self, values: Sequence[Any]) -> list[Run]:
        array = self._at_once(values)
        if array is None:
            pairs = [self._caster.number(value) for value in values]
            self.misfits += sum(not fits for _, fits in pairs)
            with np.errstate(all="ignore"):
                array = np.array([number for number, _ in pairs], self._caster.dtype)
        return [Run(0, len(values), array.tobytes())]

    def _at_once(self, values: Sequence[Any]) -> npt.NDArray[Any] | None:
        """All values in one call, or None where one of them needs a look of its own."""
        try:
            array = np.array(values)
        except (TypeError, ValueError, OverflowError):
            return None
        if array.shape != (len(values),) or array.dtype.kind not in self._kinds_at_once:
            return None
        cast, fits = self._caster.array(array)
        return cast if fits else None


_KINDS_AT_ONCE = {"b": "b", "i": "biu", "u": "biu", "f": "biuf", "c": "biufc"}
"""Kinds that numpy may make of several values on the way to a dtype without losing any."""


class _ArrayEncoder(Encoder):
    """1D and 2D; a free dimension makes msgpack payloads (shape, bytes), as blissdata reads."""

    def __init__(self, caster: Caster, shape: tuple[int, ...]) -> None:
        super().__init__()
        self._caster = caster
        self._shape = shape
        self._is_free = -1 in shape
        self._missing = np.full(tuple(max(n, 0) for n in shape), caster.fill, caster.dtype)

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
        if is_missing(value):
            return self._missing
        try:
            array, fits = self._caster.array(np.asarray(value))
        except (TypeError, ValueError, OverflowError):
            self.misfits += 1
            return self._missing
        has_shape = self._has_shape(array.shape)
        self.misfits += not (fits and has_shape)
        return array if has_shape else self._cut_or_pad(array)

    def _has_shape(self, shape: tuple[int, ...]) -> bool:
        return len(shape) == len(self._shape) and all(
            wanted in (-1, given) for wanted, given in zip(self._shape, shape, strict=True)
        )

    def _cut_or_pad(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if array.ndim != len(self._shape):
            if not self._is_free and array.size == self._missing.size:
                return array.reshape(self._shape)
            return self._missing
        shape = tuple(
            given if wanted == -1 else wanted
            for wanted, given in zip(self._shape, array.shape, strict=True)
        )
        padded = np.full(shape, self._caster.fill, self._caster.dtype)
        common = tuple(slice(0, min(a, b)) for a, b in zip(shape, array.shape, strict=True))
        padded[common] = array[common]
        return padded


def make_encoder(spec: StreamSpec) -> Encoder:
    """The encoder for a stream."""
    if spec.dtype == JSON:
        is_reference = spec.info.get("format") == REFERENCE_FORMAT
        return _ReferenceEncoder() if is_reference else _JsonEncoder()
    caster = Caster(np.dtype(spec.dtype), spec.fill_value)
    return _ArrayEncoder(caster, spec.shape) if spec.shape else _ScalarEncoder(caster)


def point_bytes(streams: Iterable[StreamSpec]) -> int:
    """What one point of the streams takes encoded, at the least."""
    return sum(
        np.dtype(spec.dtype).itemsize * math.prod(spec.shape)
        for spec in streams
        if spec.dtype != JSON and -1 not in spec.shape
    )
