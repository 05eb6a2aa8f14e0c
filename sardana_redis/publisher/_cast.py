"""From any value that Sardana may deliver to numbers of a declared dtype.

What cannot be such a number becomes the missing value, and whoever casts is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Caster", "is_missing", "missing_value"]

_NUMBERS = "biufc"

_CONVERT: dict[str, Callable[[Any], Any]] = {
    "b": lambda value: bool(float(value)),
    "i": int,
    "u": int,
    "f": float,
    "c": complex,
}


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


def is_missing(value: Any) -> bool:
    """Whether the value is None or NaN; Sardana has one NaN for a whole array as well."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


class Caster:
    """Casts to a dtype; `fill` stands for what was not measured or cannot be cast."""

    def __init__(self, dtype: np.dtype[Any], fill: Any = None) -> None:
        self.dtype = dtype
        self.fill = missing_value(dtype) if fill is None else fill
        self._convert = _CONVERT[dtype.kind]
        if dtype.kind in "iu":
            self._lowest, self._highest = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
        elif dtype.kind in "fc":
            self._highest_float = float(np.finfo(dtype).max)

    def number(self, value: Any) -> tuple[Any, bool]:
        """The value as a number that the dtype holds, and whether it fitted."""
        try:
            value = _unpacked(value)
            if is_missing(value):
                return self.fill, True
            number = self._convert(value)
        except (TypeError, ValueError, OverflowError):
            return self.fill, False
        if self.dtype.kind in "fc":
            return number, self._is_in_range(number)
        if self.dtype.kind in "iu" and not self._lowest <= number <= self._highest:
            return self.fill, False
        return number, bool(number == value)

    def array(self, array: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], bool]:
        """The array in the dtype, and whether all of it fitted; NaN counts as missing."""
        if array.dtype == self.dtype:
            return array, True
        if array.dtype.kind in _NUMBERS and np.can_cast(array.dtype, self.dtype):
            return array.astype(self.dtype), True
        if array.dtype.kind not in _NUMBERS:
            return self._one_by_one(array)
        with np.errstate(all="ignore"):
            is_real = True
            if array.dtype.kind == "c" and self.dtype.kind != "c":
                is_real = not array.imag.any()
                array = array.real
            cast, fits = self._floats(array) if self.dtype.kind in "fc" else self._integers(array)
        return cast, is_real and fits

    def _is_in_range(self, number: complex) -> bool:
        """Whether the number is still finite in the dtype, or never was."""
        largest = max(abs(number.real), abs(number.imag))
        return largest <= self._highest_float or not np.isfinite(largest)

    def _floats(self, array: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], bool]:
        cast = array.astype(self.dtype)
        infinite = np.isinf(cast)
        return cast, not infinite.any() or np.array_equal(infinite, np.isinf(array))

    def _integers(self, array: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], bool]:
        """Integers and booleans, value by value where that loses nothing; the rest is missing."""
        if self.dtype.kind == "b":
            fits = (array == 0) | (array == 1)
        elif array.dtype.kind == "f":
            array = array.astype(np.float64)
            # The highest integer itself is no float; the one behind it is.
            in_range = (array >= float(self._lowest)) & (array < float(self._highest + 1))
            fits = in_range & (array == np.trunc(array))
        else:
            if array.size and self._lowest <= int(array.min()) <= int(array.max()) <= self._highest:
                return array.astype(self.dtype), True
            fits = (array >= self._lowest) & (array <= self._highest)
        cast = np.where(fits, array, array.dtype.type(0)).astype(self.dtype)
        cast = np.where(fits, cast, self.dtype.type(self.fill))
        missing = np.isnan(array) if array.dtype.kind == "f" else False
        return cast, bool(np.all(fits | missing))

    def _one_by_one(self, array: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], bool]:
        """Texts and Python's objects; times are no numbers."""
        if array.dtype.kind in "mMV":
            return np.full(array.shape, self.fill, self.dtype), False
        pairs = [self.number(value) for value in array.ravel().tolist()]
        with np.errstate(all="ignore"):
            cast = np.array([number for number, _ in pairs], self.dtype)
        return cast.reshape(array.shape), all(fits for _, fits in pairs)


def _unpacked(value: Any) -> Any:
    """What an array, list or tuple of one value holds; anything else as it is."""
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, np.generic):
        if value.dtype.kind in "mM":
            raise TypeError("a time is no number")
        return value.item()
    return value
