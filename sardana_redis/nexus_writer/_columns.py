"""The columns of a scan on their way into its file, text columns among them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

import h5py
import numpy as np

from sardana_redis.model import JSON
from sardana_redis.store import FollowedStream, Values

__all__ = ["ColumnWriter", "TextColumn", "missing_values"]

_CHUNK: Final = 512


class ColumnWriter(Protocol):
    """Writes one column; `flush` and `close` take the open h5py.File."""

    @property
    def length(self) -> int | None:
        """How many points are in the dataset; None where there is no value to write."""

    def append(self, values: Values) -> None:
        """Takes the next points."""

    def flush(self, tree: Any) -> None:
        """Writes what fills chunks."""

    def close(self, tree: Any) -> None:
        """Writes the rest."""


class TextColumn:
    """A column of text or of references, as strings of variable length in UTF-8.

    blisswriter cannot write them. The dataset is made with the first point, as its are.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._waiting: list[str] = []
        self.length: int | None = 0

    def append(self, values: Values) -> None:
        """Takes the next points."""
        self._waiting += [_text(value) for value in values]

    def flush(self, tree: Any) -> None:
        """Writes all that came."""
        if not self._waiting:
            return
        length = self.length or 0
        dataset = tree.get(self._place)
        if dataset is None:
            dataset = tree.create_dataset(
                self._place, (0,), h5py.string_dtype(), maxshape=(None,), chunks=(_CHUNK,)
            )
        dataset.resize(length + len(self._waiting), axis=0)
        dataset[length:] = self._waiting
        self.length = length + len(self._waiting)
        self._waiting = []

    def close(self, tree: Any) -> None:
        """Writes the rest."""
        self.flush(tree)


def missing_values(stream: FollowedStream, length: int) -> Values:
    """So many points that stand for what is no longer there."""
    if stream.dtype == JSON:
        return [None] * length
    dtype = np.dtype(stream.dtype)
    shape = tuple(max(0, size) for size in stream.shape)
    default = np.nan if dtype.kind in "fc" else 0
    fill = stream.info.get("fill_value")
    return np.full((length, *shape), default if fill is None else fill, dtype)


def _text(value: Any) -> str:
    """The text of a point; of a reference what it refers to, nothing for a missing one."""
    if isinstance(value, Mapping) and "filename" in value:
        value = value["filename"]
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.replace("\x00", "\\x00")  # HDF5 ends a string there
