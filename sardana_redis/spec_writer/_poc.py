"""Points as the proof of concept wrote them: Python's notation, a spectrum in one line."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardana_redis.keys import POINT_NUMBER_STREAM
from sardana_redis.spec_writer._cells import column_array, part_of
from sardana_redis.spec_writer._columns import Column, Spectrum
from sardana_redis.spec_writer._layout import Layout
from sardana_redis.spec_writer._text import number_text
from sardana_redis.store import Chunk

__all__ = ["poc_rows", "poc_spectra"]


def poc_rows(layout: Layout, chunk: Chunk) -> list[bytes]:
    """The row of each point."""
    columns = [_column(column, chunk) for column in layout.columns]
    return [(" ".join(row) + "\n").encode() for row in zip(*columns, strict=True)]


def poc_spectra(layout: Layout, chunk: Chunk) -> list[list[bytes]]:
    """The lines of each spectrum, one a point."""
    return [_lines(spectrum, chunk) for spectrum in layout.spectra]


def _column(column: Column, chunk: Chunk) -> list[str]:
    array = column_array(column, chunk.values, chunk.length)
    if array is None:
        indices = range(chunk.first, chunk.first + chunk.length)
        is_point = column.stream in (None, POINT_NUMBER_STREAM)
        return [str(index) if is_point else "nan" for index in indices]
    return _texts(array, column.missing)


def _lines(spectrum: Spectrum, chunk: Chunk) -> list[bytes]:
    values = chunk.values.get(spectrum.stream)
    if values is None:
        text = " ".join(["nan"] * (spectrum.length or 1))
        return [f"@A {text}\n".encode()] * chunk.length
    texts = (_texts(part_of(np.asarray(one), spectrum.part), spectrum.missing) for one in values)
    return [f"@A {' '.join(text) or 'nan'}\n".encode() for text in texts]


def _texts(array: Any, missing: int | None) -> list[str]:
    return [
        "nan" if missing is not None and value == missing else number_text(value)
        for value in array.tolist()
    ]
