"""Numbers of many points as text, fast: orjson's digits with its separators replaced.

orjson writes the shortest digits that come back as the same double. It makes `null` of NaN and
of infinity; those of infinity are put in afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from sardana_redis.spec_writer._columns import Column
from sardana_redis.store import Values

__all__ = ["cell_texts", "column_array", "dumped", "part_of"]

_Array = npt.NDArray[Any]
_INFINITY = {True: b"1.0e999", False: b"-1.0e999"}
_JOINED_KINDS = frozenset("fiu")


@dataclass(slots=True)
class _Piece:
    """Columns that stand side by side: `kind` of their numbers, or `cells` already as text."""

    kind: str
    arrays: list[_Array]
    cells: list[bytes]


def dumped(array: _Array) -> bytes:
    """The array as JSON."""
    return orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)


def part_of(array: _Array, part: str) -> _Array:
    """The array in a dtype that orjson writes so that readers get equal doubles."""
    if part:
        array = array.real if part == "real" else array.imag
    kind = array.dtype.kind
    if kind == "f":
        return array.astype(np.float64, copy=False)
    if kind == "u":
        return array.astype(np.uint64, copy=False)
    return array.astype(np.int64, copy=False)


def column_array(column: Column, values: Mapping[str, Values], length: int) -> _Array | None:
    """The column's numbers; None where there are none."""
    found = values.get(column.stream) if column.stream is not None else None
    return None if found is None else part_of(np.asarray(found).reshape(length), column.part)


def cell_texts(
    columns: Sequence[Column], values: Mapping[str, Values], first: int, length: int
) -> Iterator[list[bytes]]:
    """Lists of one text a point that make the rows when they are put side by side.

    The first column is the point number; where one is missing its index is written.
    """
    pieces = _pieces(columns, values, first, length)
    last = len(pieces) - 1
    # spec2nexus takes nothing for a row that has no blank in it.
    row_end = b"\n" if len(columns) > 1 else b" \n"
    for position, piece in enumerate(pieces):
        yield _piece_texts(piece, row_end if position == last else b" ")


def _pieces(
    columns: Sequence[Column], values: Mapping[str, Values], first: int, length: int
) -> list[_Piece]:
    pieces: list[_Piece] = []
    for position, column in enumerate(columns):
        array = column_array(column, values, length)
        if position == 0:
            array = _point_numbers(column, array, first, length)
        piece = _piece(column, array, length)
        previous = pieces[-1] if pieces else None
        if previous is not None and piece.kind == previous.kind and piece.kind in _JOINED_KINDS:
            previous.arrays += piece.arrays
        else:
            pieces.append(piece)
    return pieces


def _point_numbers(column: Column, array: _Array | None, first: int, length: int) -> _Array:
    index = np.arange(first, first + length, dtype=np.int64)
    if array is None:
        return index
    if array.dtype.kind == "f":
        return np.where(np.isfinite(array), array, index)
    return array if column.missing is None else np.where(array == column.missing, index, array)


def _piece(column: Column, array: _Array | None, length: int) -> _Piece:
    if array is None:
        return _Piece("", [], [b"nan"] * length)
    if array.dtype.kind == "f":
        infinite = np.isinf(array)
        if not infinite.any():
            return _Piece("f", [array], [])
        cells = _patched(array, infinite, lambda value: _INFINITY[bool(value > 0)])
        return _Piece("", [], [b"nan" if cell == b"null" else cell for cell in cells])
    missing = array == column.missing if column.missing is not None else None
    if missing is not None and missing.any():
        return _Piece("", [], _patched(array, missing, lambda _: b"nan"))
    return _Piece(array.dtype.kind, [array], [])


def _patched(array: _Array, mask: _Array, text: Any) -> list[bytes]:
    cells = dumped(array)[1:-1].split(b",")
    for index in np.flatnonzero(mask):
        cells[index] = text(array[index])
    return cells


def _piece_texts(piece: _Piece, end: bytes) -> list[bytes]:
    if not piece.arrays:
        return [cell + _behind(cell, end) for cell in piece.cells]
    if len(piece.arrays) == 1:
        text = dumped(piece.arrays[0])[1:-1].replace(b",", end + b"|") + end
    else:
        table = np.empty((len(piece.arrays[0]), len(piece.arrays)), piece.arrays[0].dtype)
        for number, array in enumerate(piece.arrays):
            table[:, number] = array
        text = dumped(table)[2:-2].replace(b"],[", end + b"|").replace(b",", b" ") + end
    if piece.kind == "f":
        text = text.replace(b"null", b"nan").replace(b"nan\n", b"nan \n")
    return text.split(b"|")


def _behind(cell: bytes, end: bytes) -> bytes:
    """What ends a cell: silx and PyMca drop a row that ends in `nan` without a blank."""
    return b" \n" if cell == b"nan" and end == b"\n" else end
