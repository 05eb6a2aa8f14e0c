"""The info of a scan, held against blissdata's own schema and what other writers read."""

from __future__ import annotations

import numpy as np
import pytest
from blissdata.schemas.scan_info import ScanInfoDict
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from sardana_redis import __version__
from sardana_redis.model import (
    JSON,
    Axis,
    AxisKind,
    Column,
    FileWriter,
    Info,
    NexusTarget,
    Role,
    ScanFile,
    ScanStart,
    Snapshot,
)
from sardana_redis.recorder._scan_info import make_info
from sardana_redis.store import fit_info

from ._sardana_fakes import channel, columns, start


@with_config(ConfigDict(arbitrary_types_allowed=True))
class Schema(ScanInfoDict):
    """blissdata's schema, which pydantic refuses as it is for one field of numpy's."""


ADAPTER = TypeAdapter(Schema)
CHANNELS = (
    channel("ct01", unit="counts"),
    channel("mca", shape=(1024,), dtype="int32"),
    channel("image", shape=(-1, 640), dtype="uint16"),
    channel("ref", dtype=JSON, is_reference=True),
)
MESH = (
    ("mot01", Axis(0.0, 1.0, 5, AxisKind.BACK_AND_FORTH, 0)),
    ("mot02", Axis(10.0, 20.0, 3, AxisKind.STEP, 1)),
)
EXTRA = Column("extra", "extra", "extra", Role.EXTRA, "float64")
SNAPSHOT = (
    Snapshot("full/energy", "energy", np.float64(8.0), "float64"),
    Snapshot("full/mca", "mca", np.arange(3), "int64", (3,)),
    Snapshot("full/mode", "mode", "fast", "str"),
)
SCANS = {
    "step scan": start(columns(moveables=(("mot01", Axis(0.0, 1.0)),), channels=CHANNELS)),
    "mesh": start(columns(moveables=MESH, channels=CHANNELS), npoints=15),
    "timescan": start(columns(channels=CHANNELS), count_time_seconds=0.1),
    "timescan without channels": start(columns()),
    "with extra columns": start((*columns(moveables=MESH), EXTRA)),
    "without files": start(columns(channels=CHANNELS), path=None, npoints=3),
    "with a snapshot": start(columns(channels=CHANNELS), snapshot=SNAPSHOT),
}


@pytest.fixture(params=SCANS.values(), ids=SCANS)
def scan(request: pytest.FixtureRequest) -> ScanStart:
    made: ScanStart = request.param
    return made


def info_of(scan: ScanStart) -> Info:
    return fit_info(make_info(scan))


def test_the_schema_is_one_that_can_fail() -> None:
    for wrong in ({"unit": None}, {"axis_kind": "sideways"}):
        info = info_of(SCANS["mesh"])
        info["channels"]["mot01"].update(wrong)
        with pytest.raises(ValidationError):
            ADAPTER.validate_python(info)


def test_blissdatas_schema_accepts_the_info(scan: ScanStart) -> None:
    assert ADAPTER.validate_python(info_of(scan), strict=True)


def test_identity_and_origin_are_told_truthfully() -> None:
    info = info_of(SCANS["mesh"])
    assert (info["publisher"], info["publisher_version"]) == ("sardana-redis", __version__)
    assert (info["name"], info["type"], info["scan_nb"]) == ("ascan", "ascan", 7)
    assert (info["session_name"], info["data_policy"]) == ("test_session", "no_policy")
    assert (info["user_name"], info["title"]) == ("user", "ascan mot01 0 1 10 0.1")
    assert info["start_time"] == "2026-11-23T07:40:00+00:00"


def test_every_device_but_the_first_is_triggered_by_the_first(scan: ScanStart) -> None:
    devices = info_of(scan)["devices"]
    first, *others = devices
    assert devices[first]["triggered_devices"] == others
    assert all("triggered_devices" not in devices[name] for name in others)
    assert all("channels" in device for device in devices.values())


def test_each_channel_belongs_to_one_device_and_one_list_of_the_chain(scan: ScanStart) -> None:
    info = info_of(scan)
    streams = sorted(column.stream for column in scan.columns)
    in_devices = [name for device in info["devices"].values() for name in device["channels"]]
    assert sorted(in_devices) == streams
    ((master, chain),) = info["acquisition_chain"].items()
    dimensions = ("scalars", "spectra", "images")
    parts = (chain, chain["master"])
    in_chain = [stream for part in parts for name in dimensions for stream in part[name]]
    assert sorted(in_chain) == streams
    assert chain["top_master"] == master == chain["devices"][0] == next(iter(info["devices"]))


def test_the_moveables_are_the_master_of_a_scan_that_moves() -> None:
    devices = info_of(SCANS["mesh"])["devices"]
    assert next(iter(devices)) == "axis"
    assert devices["axis"]["channels"] == ["mot01", "mot02"]


def test_the_timer_is_the_master_where_nothing_moves() -> None:
    devices = info_of(SCANS["timescan"])["devices"]
    assert list(devices) == ["timer", "counters"]
    assert devices["timer"]["channels"] == ["#Pt No", "dt"]


def test_channels_have_their_dimension_unit_and_number_of_points() -> None:
    channels = info_of(SCANS["mesh"])["channels"]
    dims = {name: facts["dim"] for name, facts in channels.items()}
    assert dims == {
        **dict.fromkeys(("#Pt No", "mot01", "mot02", "ct01", "ref", "dt"), 0),
        "mca": 1,
        "image": 2,
    }
    assert channels["ct01"] == {"dim": 0, "unit": "counts", "points": 15}
    assert channels["dt"]["unit"] == "s"
    assert "unit" not in channels["mca"]


def test_the_axes_of_a_mesh_are_numbered_from_the_fast_one() -> None:
    channels = info_of(SCANS["mesh"])["channels"]
    assert channels["mot01"] == {
        "dim": 0,
        "points": 15,
        "start": 0.0,
        "stop": 1.0,
        "axis_points": 5,
        "axis_id": 0,
        "axis_kind": "backnforth",
    }
    assert (channels["mot02"]["axis_id"], channels["mot02"]["axis_kind"]) == (1, "step")


def test_a_step_scan_has_no_axis_ids() -> None:
    mot01 = info_of(SCANS["step scan"])["channels"]["mot01"]
    assert mot01 == {"dim": 0, "start": 0.0, "stop": 1.0}


def test_what_is_unknown_is_left_out() -> None:
    info = info_of(SCANS["step scan"])
    assert "npoints" not in info
    assert "count_time" not in info
    assert info_of(SCANS["timescan"])["count_time"] == 0.1


def test_a_renamed_stream_is_displayed_by_its_label() -> None:
    info = info_of(start((channel("ct", stream="full/ct"),)))
    assert info["channels"]["full/ct"]["display_name"] == "ct"


@pytest.mark.parametrize(
    ("path", "nexus", "save", "writer"),
    [
        ("/data/a.h5", NexusTarget("/data/a.h5", "nexus"), True, "nexus"),
        ("/data/a.h5", NexusTarget("/data/a.h5", "external"), True, "external"),
        ("/data/a.dat", NexusTarget(), True, "null"),
        ("/data/a.h5", NexusTarget(is_saved=False), False, "null"),
        (None, NexusTarget(), False, "null"),
    ],
)
def test_a_nexus_writer_is_asked_for_only_with_a_nexus_file(
    path: str | None, nexus: NexusTarget, save: bool, writer: str
) -> None:
    info = info_of(start(columns(), path=path, nexus=nexus))
    assert (info["filename"], info["save"], info["data_writer"]) == (path, save, writer)
    assert "nexuswriter" not in info


def test_files_that_link_to_the_nexus_file_are_named() -> None:
    masters = {"dataset": "/d/a.h5", "proposal": "/p.h5"}
    info = info_of(start(columns(), nexus=NexusTarget("/d/a.h5", "nexus", masters)))
    assert info["nexuswriter"] == {"masterfiles": masters}


def test_desys_writers_find_each_column_that_they_can_write_and_nothing_more_of_it() -> None:
    datadesc = info_of(SCANS["mesh"])["datadesc"]
    wanted = {"label", "name", "dtype", "shape", "stream"}
    assert all(set(item) - {"unit"} == wanted for item in datadesc.values())
    assert all(item["label"] == stream for stream, item in datadesc.items())
    assert {item["stream"] for item in datadesc.values()} == {"stream"}
    assert all(item.get("unit") is not None for item in datadesc.values() if "unit" in item)
    facts = ("label", "name", "dtype", "shape")
    assert [datadesc["dt"][f] for f in facts] == ["dt", "timestamp", "float64", []]
    assert not {"image", "ref"} & set(datadesc), "text and free shapes end the scan there"


def test_the_snapshot_is_there_for_desys_writers_and_for_blisswriter() -> None:
    info = info_of(SCANS["with a snapshot"])
    assert list(info["snapshot"]) == ["energy", "mca", "mode"]
    mca = info["snapshot"]["mca"]
    assert (mca["value"], mca["dtype"], mca["strategy"]) == ([0, 1, 2], "int64", "INIT")
    assert info["positioners"]["positioners_start"] == {"energy": 8.0}
    assert "positioners" in info["scan_meta_categories"]


def test_sardanas_own_facts_are_kept_together() -> None:
    scan = start(
        columns(),
        files=(ScanFile("/data/a.h5", FileWriter.REDIS), ScanFile("/b.dat", FileWriter.SARDANA)),
        scan_dir="/data",
        scan_file=("a.h5",),
        reference_moveables=("mot01",),
        estimated_time_seconds=12.5,
        macro_id="id",
        door="Door/1",
    )
    assert info_of(scan)["sardana"] == {
        "macro": "ascan",
        "macro_id": "id",
        "door": "Door/1",
        "ScanDir": "/data",
        "ScanFile": ["a.h5"],
        "files": [
            {"path": "/data/a.h5", "writer": "redis"},
            {"path": "/b.dat", "writer": "sardana"},
        ],
        "ref_moveables": ["mot01"],
        "estimated_time": 12.5,
    }
