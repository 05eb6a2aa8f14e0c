"""The pure map from a scan to an HDF5 file, in the form of blissdata's h5map."""

from __future__ import annotations

from sardana_redis.nexus._fields import MEASUREMENT, column_names
from sardana_redis.nexus._map import (
    KEY_ATTRIBUTE,
    STATUS,
    SUCCEEDED,
    h5maps,
    linking_tree,
    masters_of,
    part_of,
    scan_tree,
    way_name,
)
from sardana_redis.nexus._names import entry_name, unique_names
from sardana_redis.nexus._placed import placed_tree
from sardana_redis.nexus._saved import saved_streams

__all__ = [
    "KEY_ATTRIBUTE",
    "MEASUREMENT",
    "STATUS",
    "SUCCEEDED",
    "column_names",
    "entry_name",
    "h5maps",
    "linking_tree",
    "masters_of",
    "part_of",
    "placed_tree",
    "saved_streams",
    "scan_tree",
    "unique_names",
    "way_name",
]
