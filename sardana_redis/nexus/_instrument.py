"""The instrument of a scan: detectors, positioners, and where these stood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sardana_redis.keys import CHANNELS_DEVICE, DETECTORS_LEFT_OUT, MOVEABLES_DEVICE
from sardana_redis.nexus._context import beamline, make_source
from sardana_redis.nexus._fields import Field
from sardana_redis.nexus._items import Tree, add_values, children_of, group
from sardana_redis.nexus._names import h5_name, renamed, unique_names

__all__ = ["make_instrument"]

_OWN_NAMES: Final = ("name", "source", "positioners", "positioners_start", "positioners_end")


def make_instrument(info: Mapping[str, Any], fields: Mapping[str, Field]) -> Tree:
    """The NXinstrument of an entry."""
    moveables = _of_device(info, MOVEABLES_DEVICE, fields)
    children: dict[str, Any] = {}
    add_values(children, {"name": beamline(info)})
    source = make_source(info)
    if source is not None:
        children["source"] = source
    children |= _positions(info, moveables)
    if DETECTORS_LEFT_OUT not in info.get("sardana", {}).get("left_out", ()):
        children |= _devices(info, fields, moveables)
    return group("NXinstrument", children)


def _positions(info: Mapping[str, Any], moveables: list[Field]) -> dict[str, Tree]:
    """Where the positioners stood: before the scan (snapshot) or at its first and last point."""
    snapshot = info.get("positioners", {}).get("positioners_start", {})
    sardana = info.get("sardana", {})
    start = {**sardana.get("positions_start", {}), **snapshot}
    end = sardana.get("positions_end", {})
    positioners = _collection(snapshot)
    for moveable in moveables:
        children_of(positioners)[moveable.name] = moveable.link
    made = {"positioners": positioners, "positioners_start": _collection(start)}
    return made | ({"positioners_end": _collection(end)} if end else {})


def _collection(values: Mapping[str, Any]) -> Tree:
    children: dict[str, Any] = {}
    add_values(children, renamed(values, h5_name))
    return group("NXcollection", children)


def _devices(
    info: Mapping[str, Any], fields: Mapping[str, Field], moveables: list[Field]
) -> dict[str, Tree]:
    """An NXpositioner for each moveable and an NXdetector for each channel."""
    channels = _of_device(info, CHANNELS_DEVICE, fields)
    full_names = info.get("datadesc", {})
    devices = [*moveables, *channels]
    names = unique_names((field.nx_name for field in devices), _OWN_NAMES)
    made = {}
    for name, field in zip(names, devices, strict=True):
        full_name = full_names.get(field.spec.name, {}).get("name")
        if field in moveables:
            record = full_name if full_name != field.label else None
            values = {"name": field.label, "controller_record": record}
            made[name] = _device("NXpositioner", {"value": field.link}, values)
        else:
            made[name] = _device("NXdetector", {"data": field.link}, {"local_name": full_name})
    return made


def _device(nx_class: str, children: dict[str, Any], values: Mapping[str, Any]) -> Tree:
    add_values(children, values)
    return group(nx_class, children)


def _of_device(info: Mapping[str, Any], device: str, fields: Mapping[str, Field]) -> list[Field]:
    names: Iterable[str] = info.get("devices", {}).get(device, {}).get("channels", ())
    return [fields[name] for name in names if name in fields]
