"""The trees, written by blisswriter 3's own functions, as h5py and silx read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import silx.io
from blissdata.h5map import Dataset, Group, HDF5Item
from blisswriter.json_h5_utils import (
    get_stream_map,
    mapping_diff,
    save_attributes,
    save_group,
    update_file_from_diff,
)
from silx.io.nxdata import get_default

from sardana_redis.model import Info, ScanStart
from sardana_redis.nexus import h5maps
from tests.unit.recorder._sardana_fakes import channel, columns, start

from ._scans import ENTRY, LINE, SCANS, born, closed, specs

POINTS = 11


def write(path: Path, scan: ScanStart, end: Info, points: int = POINTS) -> None:
    """Writes the scan as blisswriter does: the tree, the streams, what changed, attributes."""
    before, after = (_tree(scan, info) for info in (born(scan), end))
    shapes = {spec.name: (spec.dtype, spec.shape) for spec in specs(scan)}
    with h5py.File(path, "a", track_order=True) as file:
        save_group("/", before, file)
        streams = get_stream_map(before)
        for place, name in streams.items() if points else ():
            dtype, shape = shapes[name]
            file.create_dataset(place, data=np.ones((points, *shape), dtype))
        update_file_from_diff(mapping_diff(before, after), before, after, file)
        assert get_stream_map(after) == streams
        for place in streams if points else ():
            save_attributes(file[place], _at(after, place))


def _tree(scan: ScanStart, info: Info) -> Any:
    (made,) = h5maps(scan.identity, info, specs(scan)).values()
    return HDF5Item.validate_python(made)


def _at(group: Group, path: str) -> Dataset:
    item: Any = group
    for name in path.strip("/").split("/"):
        item = item.children[name]
    return item


@pytest.mark.parametrize("scan", SCANS.values(), ids=SCANS)
def test_each_scan_is_written_and_every_plot_of_it_is_valid(
    scan: ScanStart, tmp_path: Path
) -> None:
    path = tmp_path / "a.h5"
    custom = [{"name": "x", "value": [1.5], "nxpath": "fit:NXprocess"}]
    end = closed(scan, custom=custom, positions_end={"mot01": 1.0}, times={"acqtime": 0.1})
    write(path, scan, end)
    with silx.io.open(str(path)) as file:
        entry = file[ENTRY]
        assert entry["writer/status"][()] == b"SUCCEEDED"
        assert entry["fit/x"][()].tolist() == [1.5]
        plots = [entry[name] for name in entry if _class(entry[name]) == "NXdata"]
        assert all(get_default(plot) is not None for plot in plots)
        assert (get_default(file) is None) == (not plots)


def _class(item: Any) -> str | None:
    name: str | None = item.attrs.get("NX_class")
    return name


def test_a_scan_without_points_keeps_no_plot(tmp_path: Path) -> None:
    scan = SCANS["mesh"]
    write(tmp_path / "a.h5", scan, closed(scan, points=0), points=0)
    with silx.io.open(str(tmp_path / "a.h5")) as file:
        assert get_default(file) is None
        assert "default" not in file[ENTRY].attrs
        assert not [name for name in file[ENTRY] if _class(file[ENTRY][name]) == "NXdata"]


def test_names_of_every_kind_are_written(tmp_path: Path) -> None:
    names = ("#Pt", "a/b", ".", "..", "µm", "1", "a b", "", " ", "x\x00y", "end.")
    scan = start(columns(moveables=LINE, channels=tuple(channel(name) for name in names)))
    write(tmp_path / "a.h5", scan, closed(scan))
    with h5py.File(tmp_path / "a.h5") as file:
        assert len(file[ENTRY]["measurement"]) == len(names) + 3
        assert all(file[ENTRY]["instrument"][name] for name in file[ENTRY]["instrument"])


def test_the_last_of_several_scans_is_the_one_that_opens(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    for name in ("line scan", "mesh"):
        scan = SCANS[name]
        number = 7 + (name == "mesh")
        identity = scan.identity.__class__("ascan", number, "s", "p", path="/data/a.h5")
        tree = h5maps(identity, born(scan), specs(scan))["/data/a.h5"]
        with h5py.File(path, "a") as file:
            save_group("/", HDF5Item.validate_python(tree), file)
    with h5py.File(path) as file:
        assert file.attrs["default"] == "8.1"
        assert sorted(file) == ["7.1", "8.1"]
