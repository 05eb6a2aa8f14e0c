"""Where readers find the columns of a scan in its file once Redis let go of them.

blissdata's stream plugin `hdf5_fallback` (2.2.0 to 2.4.5, `streams/hdf5_fallback/stream.py`)
reads what was trimmed from `file_path` and `data_path` of a stream's info.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sardana_redis.model import JSON, Identity, Info, StreamSpec
from sardana_redis.nexus._fields import column_names
from sardana_redis.nexus._map import file_of, part_of, way_name
from sardana_redis.nexus._names import entry_name

__all__ = ["saved_streams"]

_PLUGIN: Final = "hdf5_fallback"


def saved_streams(
    identity: Identity, info: Info, streams: tuple[StreamSpec, ...], key: str
) -> tuple[StreamSpec, ...]:
    """The streams of the scan `key`; those that its file holds bit by bit name their place there.

    That place is one by the key, so that nobody reads another scan of the same number: a link
    in the entry `<number>.<part>`, whoever's that entry is (decision 15). Text is not what a
    reader of numbers gets, and what varies in shape is padded in the file: these stay as they are.
    """
    path = file_of(info)
    if path is None:
        return streams
    folder = f"/{entry_name(identity.number, part_of(info))}/{way_name(key)}"
    names = column_names(streams)
    return tuple(
        _saved(spec, path, f"{folder}/{names[spec.name]}") if _is_exact(spec) else spec
        for spec in streams
    )


def _is_exact(spec: StreamSpec) -> bool:
    return spec.dtype != JSON and -1 not in spec.shape


def _saved(spec: StreamSpec, file: str, path: str) -> StreamSpec:
    place = {"plugin": _PLUGIN, "file_path": file, "data_path": path, "save": True}
    return replace(spec, info={**spec.info, **place})
