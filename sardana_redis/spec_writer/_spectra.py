"""Spectra of many points as `@A` lines, sixteen values a line. Pure.

What the readers make of a value that is missing decides its form. silx and PyMca know no NaN:
of `-nan` they make 0, which keeps the place of all other values, and pass over `nan`, which
gives each spectrum its own length where shorter ones are filled for xrayutilities. spec2nexus
takes a spectrum without any `.` for integers and raises on NaN then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sardana_redis.spec_writer._cells import cell_texts, dumped, part_of
from sardana_redis.spec_writer._columns import Spectrum
from sardana_redis.spec_writer._layout import Layout
from sardana_redis.spec_writer._text import json_text
from sardana_redis.store import Chunk

__all__ = ["extra_texts", "longest", "spectrum_texts"]

_A_LINE = 16
_EXACT = 2**53
_Array = npt.NDArray[Any]


def longest(layout: Layout, chunk: Chunk) -> int:
    """The length of the longest spectrum at the chunk's first point."""
    lengths = [0]
    for spectrum in layout.spectra:
        values = chunk.values.get(spectrum.stream)
        if values is not None:
            lengths.append(len(values[0]))
    return max(lengths)


def spectrum_texts(spectrum: Spectrum, chunk: Chunk, channels: int) -> list[bytes]:
    """The `@A` lines of each point, filled up to so many channels."""
    values = chunk.values.get(spectrum.stream)
    if values is None:
        tokens = [b"-nan"] * (spectrum.length or 0)
        return [
            _slow(tokens, spectrum.label, index, channels)
            for index in range(chunk.first, chunk.first + chunk.length)
        ]
    if isinstance(values, np.ndarray) and values.dtype != object and values.ndim == 2:
        return _many(part_of(values, spectrum.part), spectrum, chunk.first, channels)
    return [
        _many(part_of(np.asarray(one)[np.newaxis], spectrum.part), spectrum, index, channels)[0]
        for index, one in enumerate(values, start=chunk.first)
    ]


def extra_texts(layout: Layout, chunk: Chunk) -> list[bytes]:
    """The columns that no row has room for, as one more spectrum."""
    columns = (layout.columns[0], *layout.extra)  # the first one is the point's number
    parts = list(cell_texts(columns, chunk.values, chunk.first, chunk.length))
    return [
        _slow(
            [b"-nan" if cell == b"nan" else cell for cell in b"".join(cells).split()[1:]],
            "",
            chunk.first + index,
            layout.channels,
        )
        for index, cells in enumerate(zip(*parts, strict=True))
    ]


def _many(array: _Array, spectrum: Spectrum, first: int, channels: int) -> list[bytes]:
    length = array.shape[1]
    if length == 0:
        return [_slow([], spectrum.label, first + index, channels) for index in range(len(array))]
    fill = channels - length
    odd = _odd_points(array, spectrum.missing)
    plain = array
    if fill > 0 and array.dtype.kind != "f":
        # A spectrum with NaN behind it must not look like integers.
        plain = array.astype(np.float64)
        odd |= (np.abs(plain) > _EXACT).any(axis=1)
    tail = _filling(length, fill)
    texts = [b"@A " + _pointed(body) + tail for body in _bodies(plain)]
    for index in np.flatnonzero(odd):
        tokens = _tokens(array[index], spectrum.missing)
        texts[index] = _slow(tokens, spectrum.label, first + int(index), channels)
    return texts


def _odd_points(array: _Array, missing: int | None) -> _Array:
    """Which points have a value in them that needs a form of its own."""
    if array.dtype.kind == "f":
        odd = ~np.isfinite(array).all(axis=1)
    elif missing is None:
        odd = np.zeros(len(array), bool)
    else:
        odd = (array == missing).any(axis=1)
    return np.asarray(odd)


def _bodies(array: _Array) -> list[bytes]:
    """The values of each point, wrapped, without an end."""
    points, length = array.shape
    whole = length // _A_LINE * _A_LINE
    rest = array[:, whole:]
    heads = []
    if whole:
        text = dumped(array[:, :whole].reshape(points, -1, _A_LINE))[3:-3]
        text = text.replace(b"]],[[", b"|").replace(b"],[", b"\\\n").replace(b",", b" ")
        heads = text.split(b"|")
    if whole == length:
        return heads
    tails = dumped(rest)[2:-2].replace(b"],[", b"|").replace(b",", b" ").split(b"|")
    return tails if not whole else [f + b"\\\n" + g for f, g in zip(heads, tails, strict=True)]


def _pointed(body: bytes) -> bytes:
    """The body with a point in it where its numbers are no integers."""
    return body.replace(b"e", b".0e") if b"e" in body and b"." not in body else body


def _filling(length: int, fill: int) -> bytes:
    """What stands behind so many values to make them as long as all; ends the line."""
    if fill <= 0:
        return b"\n"
    room = min(-length % _A_LINE, fill)
    text = b" nan" * room
    for start in range(room, fill, _A_LINE):
        text += b"\\\n" + b" ".join([b"nan"] * min(_A_LINE, fill - start))
    return text + b"\n"


def _tokens(values: _Array, missing: int | None) -> list[bytes]:
    tokens = dumped(values)[1:-1].split(b",")
    if values.dtype.kind == "f":
        for index in np.flatnonzero(~np.isfinite(values)):
            value = values[index]
            sign = b"" if value > 0 else b"-"
            tokens[index] = b"-nan" if np.isnan(value) else sign + b"1.0e999"
    elif missing is not None:
        for index in np.flatnonzero(values == missing):
            tokens[index] = b"-nan"
    return tokens


def _slow(tokens: Sequence[bytes], label: str, index: int, channels: int) -> bytes:
    """The lines of one spectrum of which values are missing.

    Where all are missing spec2nexus must not see it: it looks for a blank behind `@A`. The
    comment before it says at which point.
    """
    tokens = list(tokens)
    fill = max(channels - len(tokens), 0 if tokens else 1)
    is_empty = all(token == b"-nan" for token in tokens)
    has_no_point = not any(b"." in token for token in tokens)
    if has_no_point and (fill or b"-nan" in tokens or any(b"e" in token for token in tokens)):
        tokens = [_as_float(token) for token in tokens]
    lines = [b" ".join(tokens[i : i + _A_LINE]) for i in range(0, len(tokens), _A_LINE)]
    filling = _filling(len(tokens), fill)
    body = b"\\\n".join(lines) + (filling if tokens else filling.removeprefix(b"\\\n"))
    if not is_empty:
        return b"@A " + body
    remark = f"#C Point {index}, {json_text(label)[1:-1]} = null\n" if label else ""
    return remark.encode("utf-8") + b"@A\t" + body


def _as_float(token: bytes) -> bytes:
    if token == b"-nan":
        return token
    return token.replace(b"e", b".0e") if b"e" in token else token + b".0"
