"""The numeric columns of a scan: what stands in its rows, and what in spectra."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from sardana_redis.keys import POINT_NUMBER_STREAM
from sardana_redis.model import JSON
from sardana_redis.spec_writer._text import LONGEST_LABEL_BYTES, LONGEST_LINE_BYTES, make_labels
from sardana_redis.store import OTHER, FollowedStream

__all__ = ["INDEX_LABEL", "Column", "Spectrum", "is_numeric", "numeric_columns"]

INDEX_LABEL = "Pt No"

_MOST_COLUMNS = 500
"""silx and PyMca take 511 columns; a row with more ends silx' process."""

_COMPLEX_PARTS = ("real", "imag")

_Item = TypeVar("_Item", "Column", "Spectrum")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the rows; `missing` stands for what was not measured in it.

    `stream` is None for the point's index, where the scan has no stream of point numbers.
    `part` is `real` or `imag` where the stream is complex.
    """

    label: str
    stream: str | None
    dtype: str
    name: str
    missing: int | None = None
    part: str = ""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """One spectrum of every point; `length` is None where each point has its own."""

    label: str
    stream: str
    dtype: str
    name: str
    length: int | None
    missing: int | None = None
    part: str = ""


def numeric_columns(
    streams: Sequence[FollowedStream],
) -> tuple[tuple[Column, ...], tuple[Column, ...], tuple[Spectrum, ...]]:
    """The columns of the rows, those that no row has room for, and the spectra."""
    scalars, unnamed = _numeric(streams)
    columns, extra = _labelled(scalars)
    names = [column.label for column in columns] + [spectrum.label for spectrum in unnamed]
    labels = make_labels(names, has_blanks=False)[len(columns) :]
    pairs = zip(unnamed, labels, strict=True)
    return columns, extra, tuple(_relabelled(spectrum, label) for spectrum, label in pairs)


def is_numeric(stream: FollowedStream) -> bool:
    """Whether the stream has numbers that we read."""
    return stream.dtype not in (JSON, OTHER)


def _numeric(streams: Sequence[FollowedStream]) -> tuple[list[Column], list[Spectrum]]:
    columns: list[Column] = []
    spectra: list[Spectrum] = []
    for stream in streams:
        if not is_numeric(stream):
            continue
        if stream.shape in ((), (1,)):
            columns += _columns(stream)
        elif len(stream.shape) == 1:
            spectra += _spectra(stream)
    points = [column for column in columns if column.stream == POINT_NUMBER_STREAM]
    if not points:
        points = [Column(INDEX_LABEL, None, "int64", INDEX_LABEL)]
    # A row must begin with a number that is never missing: xrayutilities looks for a digit.
    return points + [c for c in columns if c.stream != POINT_NUMBER_STREAM], spectra


def _columns(stream: FollowedStream) -> Iterator[Column]:
    for part in _parts(stream):
        name = f"{stream.name} {part}" if part else stream.name
        yield Column(name, stream.name, stream.dtype, name, _missing(stream), part)


def _spectra(stream: FollowedStream) -> Iterator[Spectrum]:
    length = stream.shape[0] if stream.shape[0] > 0 else None
    for part in _parts(stream):
        name = f"{stream.name} {part}" if part else stream.name
        yield Spectrum(name, stream.name, stream.dtype, name, length, _missing(stream), part)


def _labelled(scalars: list[Column]) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """The columns of the rows and the others, with labels that fit into one line."""
    count = min(len(scalars), _MOST_COLUMNS)
    # spec2nexus refuses a scan of one column whose label has a blank in it.
    has_blanks = count > 1
    names = [column.label for column in scalars]
    labels = make_labels(names, has_blanks=has_blanks)
    if sum(len(label.encode()) + 2 for label in labels[:count]) > LONGEST_LINE_BYTES:
        most = min(LONGEST_LINE_BYTES // count - 2, LONGEST_LABEL_BYTES)
        labels = make_labels(names, has_blanks=has_blanks, most_bytes=most)
    named = [_relabelled(column, label) for column, label in zip(scalars, labels, strict=True)]
    return tuple(named[:count]), tuple(named[count:])


def _relabelled(item: _Item, label: str) -> _Item:
    return replace(item, label=label)


def _parts(stream: FollowedStream) -> tuple[str, ...]:
    return _COMPLEX_PARTS if np.dtype(stream.dtype).kind == "c" else ("",)


def _missing(stream: FollowedStream) -> int | None:
    """The value that means "not measured": unsigned integers and booleans have none to spare."""
    value = stream.info.get("fill_value")
    is_signed = np.dtype(stream.dtype).kind == "i"
    return int(value) if is_signed and isinstance(value, int | float) else None
