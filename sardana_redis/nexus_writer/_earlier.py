"""What a writer that was killed had written of a scan: read back where Redis lacks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py

from sardana_redis.nexus import MEASUREMENT
from sardana_redis.nexus_writer._images import REFERENCES
from sardana_redis.store import Chunk, Gap, Values

__all__ = ["Earlier"]


class Earlier:
    """An entry that was set aside under `name`; `points` are in it in all columns.

    `columns` names each stream's dataset. Methods take the open h5py.File.
    """

    def __init__(self, tree: Any, name: str, columns: Mapping[str, str]) -> None:
        self.name = name
        self._columns = columns
        found = tree[name].get(MEASUREMENT) or {}
        lengths = [
            len(found[column]) if isinstance(found.get(column), h5py.Dataset) else 0
            for column in columns.values()
        ]
        self.points = min(lengths, default=0)

    def points_of(self, part: Chunk | Gap) -> int:
        """How many of the first points of a part are in it."""
        return max(0, min(part.length, self.points - part.first))

    def values(self, tree: Any, stream: str, first: int, length: int) -> Values:
        """So many points of a stream, which have to be there."""
        measurement = tree[f"{self.name}/{MEASUREMENT}"]
        dataset = measurement[self._columns[stream]]
        if REFERENCES in dataset.attrs:
            dataset = measurement[dataset.attrs[REFERENCES]]
        if h5py.check_string_dtype(dataset.dtype) is not None:
            dataset = dataset.asstr()
        values: Values = dataset[first : first + length]
        return values
