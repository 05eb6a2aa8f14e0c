"""The info of a scan: what blissdata's readers, displays and other writers take from it.

Keys and their readers: blissdata 2.4.5 `schemas/scan_info.py` (ScanInfoDict), blisswriter
2.0 (`filename`, `save`, `positioners`, ...), DESY's writers (`datadesc`, `snapshot`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sardana_redis import __version__
from sardana_redis.keys import CHANNELS_DEVICE, MOVEABLES_DEVICE, PUBLISHER
from sardana_redis.model import JSON, Column, Info, Role, ScanStart, Snapshot
from sardana_redis.recorder._plots import make_plots

__all__ = ["make_info"]

_TIMER = "timer"
_EXTRA = "extra"
_DIMENSIONS = ("scalars", "spectra", "images")


def make_info(start: ScanStart) -> Info:
    """The info that the scan is born with; numpy values and NaN may still be in it."""
    identity = start.identity
    devices = _devices(start.columns)
    master = next(iter(devices))
    masters = dict(start.nexus.masters)
    optional = {
        "npoints": start.npoints,
        "count_time": start.count_time_seconds,
        "nexuswriter": {"masterfiles": masters} if masters else None,
    }
    return {
        "name": identity.name,
        "scan_nb": identity.number,
        "type": identity.name,
        "title": start.title,
        "session_name": identity.session,
        "user_name": start.user,
        "data_policy": identity.data_policy,
        "data_writer": start.nexus.data_writer,
        "save": identity.path is not None and start.nexus.is_saved,
        "filename": identity.path,
        "publisher": PUBLISHER,
        "publisher_version": __version__,
        "start_time": start.start_time.isoformat(),
        "acquisition_chain": {master: _chain(master, devices, start.columns)},
        "devices": devices,
        "channels": {column.stream: _channel(column, start) for column in start.columns},
        "plots": make_plots(start.columns, start.reference_moveables),
        "positioners": _positioners(start.snapshot),
        "scan_meta_categories": ["positioners"],
        # blisswriter 2.0 takes a missing one for None and fails (`writer/info.py`, `get`).
        "writer_options": {"chunk_options": {}, "separate_scan_files": False},
        "datadesc": {c.stream: _datadesc(c) for c in start.columns if _is_for_desy(c)},
        "snapshot": {item.label: _snapshot(item) for item in start.snapshot},
        "sardana": _sardana(start),
    } | {name: value for name, value in optional.items() if value is not None}


def _devices(columns: Iterable[Column]) -> dict[str, dict[str, Any]]:
    """The devices, the master first: the moveables, or the timer where nothing moves."""
    names = {
        Role.MOVEABLE: MOVEABLES_DEVICE,
        Role.CHANNEL: CHANNELS_DEVICE,
        Role.EXTRA: _EXTRA,
    }
    groups: dict[str, list[str]] = {name: [] for name in (*names.values(), _TIMER)}
    for column in columns:
        groups[names.get(column.role, _TIMER)].append(column.stream)
    order = [MOVEABLES_DEVICE, _TIMER] if groups[MOVEABLES_DEVICE] else [_TIMER]
    order += [name for name in (CHANNELS_DEVICE, _EXTRA) if groups[name]]
    devices: dict[str, dict[str, Any]] = {
        name: {"name": name, "channels": groups[name]} for name in order
    }
    devices[order[0]]["triggered_devices"] = order[1:]
    return devices


def _chain(
    master: str, devices: dict[str, dict[str, Any]], columns: tuple[Column, ...]
) -> dict[str, Any]:
    in_master = set(devices[master]["channels"])
    return {
        "top_master": master,
        "devices": list(devices),
        **_by_dimension(column for column in columns if column.stream not in in_master),
        "master": _by_dimension(column for column in columns if column.stream in in_master),
    }


def _by_dimension(columns: Iterable[Column]) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {name: [] for name in _DIMENSIONS}
    for column in columns:
        lists[_DIMENSIONS[min(len(column.shape), 2)]].append(column.stream)
    return lists


def _channel(column: Column, start: ScanStart) -> dict[str, Any]:
    axis = column.axis
    facts = {
        "display_name": column.label,
        "dim": len(column.shape),
        "unit": column.unit,
        "points": start.npoints,
        "start": axis.start,
        "stop": axis.stop,
        "axis_id": axis.index,
        "axis_kind": None if axis.kind is None else str(axis.kind),
        "axis_points": axis.points,
    }
    if column.label == column.stream:
        del facts["display_name"]
    return {name: value for name, value in facts.items() if value is not None}


def _positioners(snapshot: Iterable[Snapshot]) -> dict[str, dict[str, Any]]:
    values = {
        item.label: item.value
        for item in snapshot
        if not item.shape and not isinstance(item.value, str)
    }
    return {"positioners_start": values, "positioners_units": {}}


def _is_for_desy(column: Column) -> bool:
    """Whether DESY's writers can write the column; one that they cannot costs them the scan.

    Text ends nxsblisswriter 0.14 with KeyError 'object' and fioblisswriter 0.4 without a row;
    so do arrays that vary in shape.
    """
    return column.dtype != JSON and -1 not in column.shape


def _datadesc(column: Column) -> dict[str, Any]:
    """A column for DESY's writers (nxsblisswriter 0.14, `NXSFile.py`).

    They look a stream up by `label`, skip what has another `stream` than that very word,
    and take a `nexus_path` or `unit` that is there for one that is known.
    """
    description = {
        "label": column.stream,
        "name": column.name,
        "dtype": column.dtype,
        "shape": list(column.shape),
        "stream": "stream",
    }
    return description if column.unit is None else description | {"unit": column.unit}


def _snapshot(item: Snapshot) -> dict[str, Any]:
    return {
        "value": item.value,
        "dtype": item.dtype,
        "shape": list(item.shape),
        "name": item.name,
        "strategy": "INIT",
    }


def _sardana(start: ScanStart) -> dict[str, Any]:
    described = {"sample": start.sample, "source": start.source, "experiment": start.experiment}
    return {
        "macro": start.identity.name,
        "macro_id": start.macro_id,
        "door": start.door,
        "ScanDir": start.scan_dir,
        "ScanFile": list(start.scan_file),
        "files": [asdict(file) for file in start.files],
        "ref_moveables": list(start.reference_moveables),
        "estimated_time": start.estimated_time_seconds,
    } | {name: dict(values) for name, values in described.items() if values}
