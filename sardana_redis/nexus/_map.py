"""The tree of a scan in its file, from what Redis holds of the scan; see docs/nexus.md.

A pure function of identity, info and streams: the publisher calls it at the birth and again
at the close, a writer whenever it has to put the scan elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from sardana_redis.model import Identity, Info, StreamSpec
from sardana_redis.nexus._context import experiment_fields, make_context
from sardana_redis.nexus._custom import add_custom_data
from sardana_redis.nexus._fields import MEASUREMENT, Field, make_fields
from sardana_redis.nexus._instrument import make_instrument
from sardana_redis.nexus._items import (
    Tree,
    add_values,
    attributes,
    children_of,
    dataset,
    external_link,
    group,
    link,
)
from sardana_redis.nexus._names import entry_name, h5_name, renamed
from sardana_redis.nexus._plots import make_plots

__all__ = [
    "KEY_ATTRIBUTE",
    "STATUS",
    "SUCCEEDED",
    "file_of",
    "h5maps",
    "linking_tree",
    "masters_of",
    "part_of",
    "scan_tree",
    "way_name",
]

KEY_ATTRIBUTE: Final = "scan_key"
"""Attribute of an entry: the key of its scan in Redis."""

STATUS: Final = "status"
SUCCEEDED: Final = "SUCCEEDED"
"""In the group `writer` of an entry: whether it is complete."""

_NO_WRITER: Final = "null"
_FACTS: Final = (
    *("macro", "macro_id", "door", "ScanDir", "ScanFile", "ref_moveables"),
    *("points", "dropped_points", "dropped_arrays", "lost_points"),
)


def h5maps(
    identity: Identity, info: Info, streams: Iterable[StreamSpec], key: str | None = None
) -> Info:
    """`info["h5maps"]`: absolute path of a file -> its tree, in the JSON form of blissdata's Group.

    Empty where no NeXus file is to be written. Beside the file of the scan there are those
    that only link to it (`info["nexuswriter"]["masterfiles"]`). `key` is that of the scan.
    """
    path = file_of(info)
    if path is None:
        return {}
    tree = scan_tree(identity, info, streams, part_of(info), key)
    maps = {path: tree}
    entry = entry_name(identity.number, part_of(info))
    return maps | {master: linking_tree(master, path, entry) for master in masters_of(info, path)}


def file_of(info: Mapping[str, Any]) -> str | None:
    """The NeXus file that the scan is to be written into, or None."""
    path = info.get("filename")
    is_saved = info.get("save") and info.get("data_writer") not in (None, _NO_WRITER)
    return path if path and is_saved else None


def way_name(key: str) -> str:
    """The link, below an entry, that leads to the columns of the scan `key` and no other."""
    return f"writer/{key.rpartition(':')[2]}"


def masters_of(info: Mapping[str, Any], path: str) -> list[str]:
    """The files that link to the scan's entry in the file at `path`."""
    masters = info.get("nexuswriter", {}).get("masterfiles", {}).values()
    return [master for master in masters if master != path]


def part_of(info: Mapping[str, Any]) -> int:
    """Which part of its scan this document is: 1, or more where it continues an earlier one."""
    part: int = info.get("sardana", {}).get("continues", {}).get("part", 1)
    return part


def scan_tree(
    identity: Identity,
    info: Mapping[str, Any],
    streams: Iterable[StreamSpec],
    part: int = 1,
    key: str | None = None,
) -> Tree:
    """The root of a file with the one entry `<scan number>.<part>`.

    Complete when `info` is that of a closed scan. Of a stream the tree never differs between
    birth and close; text and references are not in it, because blisswriter cannot write them.
    The entry's attribute `scan_key` is the scan's `key`, by which a writer finds its own.
    """
    entry = entry_name(identity.number, part)
    fields = make_fields(entry, streams, info.get("channels", {}))
    made = _entry(entry, identity, info, fields)
    if key is not None:
        made["attributes"].update(attributes(**{KEY_ATTRIBUTE: key}))
        writer, way = way_name(key).split("/")
        children_of(made["children"][writer])[way] = link(f"/{entry}/{MEASUREMENT}")
    return group("NXroot", {entry: made}, default=entry)


def _entry(
    entry: str, identity: Identity, info: Mapping[str, Any], fields: Mapping[str, Field]
) -> Tree:
    children = _head(identity, info)
    children |= make_context(info)
    children["instrument"] = make_instrument(info, fields)
    children[MEASUREMENT] = group(
        "NXcollection", {field.name: field.dataset for field in fields.values()}
    )
    children["snapshot"] = _snapshot(info)
    children["sardana"] = _sardana(info)
    plots = {} if info.get("sardana", {}).get("points") == 0 else make_plots(entry, info, fields)
    children |= plots
    children["writer"] = group("NXnote", _status(info))
    made = group("NXentry", children, default=next(iter(plots), None))
    add_custom_data(made, info.get("sardana", {}).get("custom", ()))
    return made


def _head(identity: Identity, info: Mapping[str, Any]) -> dict[str, Any]:
    children: dict[str, Any] = {}
    values = {
        "title": info.get("title", ""),
        "start_time": info.get("start_time"),
        "end_time": info.get("end_time"),
        "end_reason": info.get("end_reason"),
        "entry_identifier": str(identity.number),
        "collection_identifier": identity.collection,
        **experiment_fields(info),
    }
    add_values(children, values)
    program = dataset(info.get("publisher"), version=info.get("publisher_version"))
    return children if program is None else children | {"program_name": program}


def _status(info: Mapping[str, Any]) -> dict[str, Any]:
    """What `blissdata.h5api.dynamic_hdf5` asks for: whether more of the entry is to come."""
    children: dict[str, Any] = {}
    add_values(children, {STATUS: SUCCEEDED if "end_time" in info else "RUNNING"})
    return children


def _snapshot(info: Mapping[str, Any]) -> Tree:
    """What Sardana read before the scan."""
    left_out = set(info.get("sardana", {}).get("left_out", ()))
    kept = {
        label: item
        for label, item in info.get("snapshot", {}).items()
        if f"snapshot.{label}" not in left_out
    }
    children = {
        name: dataset(item.get("value"), item.get("dtype"), units=item.get("unit"))
        for name, item in renamed(kept, h5_name).items()
    }
    return group(
        "NXcollection", {name: made for name, made in children.items() if made is not None}
    )


def _sardana(info: Mapping[str, Any]) -> Tree:
    """Sardana's own facts: macro, door, files, times in seconds, points lost if any."""
    sardana = info.get("sardana", {})
    children: dict[str, Any] = {}
    add_values(children, {name: sardana.get(name) for name in _FACTS})
    add_values(children, {"scan_number": info.get("scan_nb"), "npoints": info.get("npoints")})
    seconds = {"count_time": info.get("count_time"), **sardana.get("times", {})}
    seconds["estimated_time"] = sardana.get("estimated_time")
    for name, value in seconds.items():
        made = dataset(value, units="s")
        if made is not None:
            children[name] = made
    return group("NXcollection", children)


def linking_tree(master: str, path: str, entry: str) -> Tree:
    """The tree of a file that only links to the scan's entry in another one."""
    target = os.path.relpath(path, Path(master).parent)
    name = f"{Path(path).stem}_{entry}"
    return group("NXroot", {name: external_link(target, f"/{entry}")}, default=name)
