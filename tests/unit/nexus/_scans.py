"""Scans to be mapped, as the recorder describes them, and trees as blissdata reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
from blissdata.h5map import Group

from sardana_redis.model import (
    JSON,
    Axis,
    AxisKind,
    Column,
    FileWriter,
    Identity,
    Info,
    Role,
    ScanFile,
    ScanStart,
    Snapshot,
    StreamSpec,
)
from sardana_redis.nexus import scan_tree
from sardana_redis.recorder._columns import stream_specs
from sardana_redis.recorder._scan_info import make_info
from sardana_redis.store import plain
from tests.unit.recorder._sardana_fakes import channel, columns, start

ENTRY = "7.1"
CHANNELS = (
    channel("ct01", unit="counts"),
    channel("ct02"),
    channel("mca", shape=(1024,), dtype="int32"),
    channel("image", shape=(480, 640), dtype="uint16"),
    channel("ref", dtype=JSON, is_reference=True),
)
LINE = (("mot01", Axis(0.0, 1.0)),)
MESH = (
    ("mot01", Axis(0.0, 1.0, 5, AxisKind.BACK_AND_FORTH, 0)),
    ("mot02", Axis(10.0, 20.0, 3, AxisKind.STEP, 1)),
)
SNAPSHOT = (
    Snapshot("full/energy", "energy", np.float64(8.0), "float64"),
    Snapshot("full/slit", "slit", np.float32(0.1), "float32"),
    Snapshot("full/mca", "mca", np.arange(3, dtype="int16"), "int16", (3,)),
    Snapshot("full/mode", "mode", "fast", "str"),
    Snapshot("full/broken", "broken", float("nan"), "float64"),
)
EXTRA = Column("extra", "a/b", "a/b", Role.EXTRA, "float64")
SCANS = {
    "line scan": start(columns(moveables=LINE, channels=CHANNELS)),
    "mesh": start(columns(moveables=MESH, channels=CHANNELS), npoints=15),
    "timescan": start(columns(channels=CHANNELS), count_time_seconds=0.1),
    "without channels": start(columns()),
    "with extra columns": start((*columns(moveables=LINE), EXTRA)),
    "with a snapshot": start(columns(moveables=LINE, channels=CHANNELS), snapshot=SNAPSHOT),
    "1D only": start((channel("mca", shape=(1024,), dtype="int32"),)),
    "described": start(
        columns(channels=CHANNELS),
        sample={"name": "Fe", "temperature": 4.2, "unit cell": [1, 1, 1, 90, 90, 90]},
        source={"name": "ALBA", "type": "Synchrotron X-ray Source"},
        experiment={
            "beamline": "bl99",
            "exp_id": "test2024",
            "exp_desc": "A test",
            "exp_team": [{"name": "Guybrush", "orcid": "0", "role": "pirate"}, {"name": "Elaine"}],
            "proposal_id": 11,
            "safety_info": "red",
        },
        files=(ScanFile("/data/a.h5", FileWriter.REDIS),),
    ),
}
END = {
    "end_time": "2026-11-23T07:41:00+00:00",
    "end_reason": "SUCCESS",
}


def specs(scan: ScanStart) -> tuple[StreamSpec, ...]:
    return stream_specs(scan.columns)


def born(scan: ScanStart, **facts: Any) -> Info:
    """The info at the birth, as Redis holds it; `facts` go to `info["sardana"]`."""
    info: Info = plain(make_info(scan))
    info["sardana"].update(plain(facts))
    return info


def closed(scan: ScanStart, **facts: Any) -> Info:
    """The info of the closed scan."""
    return {**born(scan, **{"points": 11, **facts}), **END}


def tree(scan: ScanStart, info: Info | None = None, part: int = 1) -> Group:
    """The tree as blissdata's models read it."""
    info = born(scan) if info is None else info
    return Group.model_validate(scan_tree(scan.identity, info, specs(scan), part))


def entry(scan: ScanStart, info: Info | None = None) -> Any:
    return tree(scan, info).children[ENTRY]


def at(group: Any, path: str) -> Any:
    """The item at a path in a tree of models."""
    for name in path.split("/"):
        group = group.children[name]
    return group


def value(group: Any, path: str) -> Any:
    """The value of a dataset as h5py would read it, text as str."""
    found = at(group, path).value.decode()
    return found.item().decode() if found.dtype == object and not found.ndim else found


def attributes(item: Any) -> dict[str, Any]:
    """The attributes of an item, text as str."""
    found = {}
    for name, model in item.attributes.items():
        read = model.decode()
        if read.dtype == object:
            found[name] = read.item().decode() if not read.ndim else [t.decode() for t in read]
        else:
            found[name] = read[()]
    return found


IDENTITY = Identity("ascan", 7, "test_session", "no_policy", path="/data/a.h5")
