"""The tree of a scan's file, held against blissdata's own models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from blissdata.h5map import Dataset, Group, SoftLink, Stream

from sardana_redis.model import JSON, Axis, ScanStart, StreamSpec
from sardana_redis.nexus import h5maps, part_of, scan_tree
from sardana_redis.store import plain
from tests.unit.recorder._sardana_fakes import channel, columns, start

from ._scans import (
    CHANNELS,
    ENTRY,
    IDENTITY,
    SCANS,
    at,
    attributes,
    born,
    closed,
    entry,
    specs,
    tree,
    value,
)


@pytest.fixture(params=SCANS.values(), ids=SCANS)
def scan(request: pytest.FixtureRequest) -> ScanStart:
    made: ScanStart = request.param
    return made


def walk(item: Any, path: str = "") -> dict[str, Any]:
    """All items below a group by their absolute path."""
    found = {}
    for name, child in item.children.items():
        found[f"{path}/{name}"] = child
        if isinstance(child, Group):
            found |= walk(child, f"{path}/{name}")
    return found


@pytest.mark.parametrize("info_of", [born, closed])
def test_blissdata_reads_each_tree_and_writes_it_back_as_it_was(scan: ScanStart, info_of) -> None:
    made = scan_tree(scan.identity, info_of(scan), specs(scan))
    assert plain(made) == made, "JSON alone"
    assert plain(Group.model_validate(made).model_dump()) == made


def test_every_link_leads_to_a_dataset(scan: ScanStart) -> None:
    items = walk(tree(scan, closed(scan)))
    links = [item for item in items.values() if isinstance(item, SoftLink)]
    assert all(isinstance(items[link.target_path], Dataset) for link in links)


def test_every_numeric_stream_is_in_the_measurement_once_and_nowhere_else(scan: ScanStart) -> None:
    items = walk(tree(scan))
    streams = {
        path: item.value.stream
        for path, item in items.items()
        if isinstance(item, Dataset) and isinstance(item.value, Stream)
    }
    assert sorted(streams.values()) == sorted(s.name for s in specs(scan) if s.dtype != JSON)
    assert all(path.startswith(f"/{ENTRY}/measurement/") for path in streams)


def test_no_stream_differs_between_birth_and_close(scan: ScanStart) -> None:
    facts = {"positions_end": {"mot01": 1.0}, "custom": [{"name": "mca", "value": 1}]}
    before = at(tree(scan), f"{ENTRY}/measurement")
    after = at(tree(scan, closed(scan, **facts)), f"{ENTRY}/measurement")
    assert before == after


def test_the_close_adds_the_end_and_takes_nothing_away(scan: ScanStart) -> None:
    before, after = entry(scan), entry(scan, closed(scan))
    assert set(after.children) - set(before.children) == {"end_time", "end_reason"}
    assert value(after, "end_time") == "2026-11-23T07:41:00+00:00"
    assert value(after, "end_reason") == "SUCCESS"
    assert value(before, "writer/status") == "RUNNING"
    assert value(after, "writer/status") == "SUCCEEDED"


def test_the_head_of_an_entry() -> None:
    made = entry(SCANS["line scan"])
    assert value(made, "title") == "ascan mot01 0 1 10 0.1"
    assert value(made, "start_time") == "2026-11-23T07:40:00+00:00"
    assert value(made, "entry_identifier") == "7"
    assert value(made, "program_name") == "sardana-redis"
    assert attributes(at(made, "program_name"))["version"]
    assert value(made, "user/name") == "user"
    assert attributes(at(made, "user")) == {"NX_class": "NXuser"}


def test_a_stream_is_named_by_its_label_and_has_its_unit() -> None:
    measurement = at(entry(SCANS["line scan"]), "measurement")
    assert list(measurement.children) == ["#Pt No", "mot01", "ct01", "ct02", "mca", "image", "dt"]
    assert attributes(measurement.children["ct01"]) == {"units": "counts"}
    assert attributes(measurement.children["dt"]) == {"units": "s"}
    assert measurement.children["ct02"].attributes == {}


def test_what_stands_for_a_missing_integer_is_told_in_the_dtype_of_the_data() -> None:
    (fill_value,) = attributes(at(entry(SCANS["line scan"]), "measurement/mca")).values()
    assert fill_value == np.iinfo("int32").min
    assert fill_value.dtype == "int32"


def test_a_label_that_is_not_the_streams_name_is_kept() -> None:
    made = entry(start((channel("ct", stream="full/ct"),)))
    assert attributes(at(made, "measurement/full_ct")) == {"long_name": "ct"}


def test_names_that_hdf5_would_take_for_paths_are_told_apart() -> None:
    made = start(columns(channels=tuple(channel(name) for name in ("a/b", "a_b", "..", "."))))
    names = list(at(entry(made), "measurement").children)
    assert names == ["#Pt No", "a_b", "a_b_2", "__", "_", "dt"]


def test_detectors_and_positioners_link_to_their_data() -> None:
    instrument = at(entry(SCANS["mesh"]), "instrument")
    classes = {name: attributes(item)["NX_class"] for name, item in instrument.children.items()}
    assert classes == {
        "positioners": "NXcollection",
        "positioners_start": "NXcollection",
        **dict.fromkeys(("mot01", "mot02"), "NXpositioner"),
        **dict.fromkeys(("ct01", "ct02", "mca", "image"), "NXdetector"),
    }
    assert at(instrument, "ct01/data").target_path == f"/{ENTRY}/measurement/ct01"
    assert value(instrument, "ct01/local_name") == "full/ct01"
    assert at(instrument, "mot01/value").target_path == f"/{ENTRY}/measurement/mot01"
    assert value(instrument, "mot01/name") == "mot01"


def test_a_channel_called_source_does_not_hide_the_source() -> None:
    scan = replace(SCANS["described"], columns=columns(channels=(channel("source"),)))
    instrument = at(entry(scan), "instrument")
    assert attributes(at(instrument, "source")) == {"NX_class": "NXsource"}
    assert attributes(at(instrument, "source_2")) == {"NX_class": "NXdetector"}


def test_where_the_positioners_stood() -> None:
    scan = SCANS["with a snapshot"]
    facts = {"positions_start": {"mot01": 0.0, "energy": 9.0}, "positions_end": {"mot01": 1.0}}
    instrument = at(entry(scan, closed(scan, **facts)), "instrument")
    assert value(instrument, "positioners_start/mot01") == 0.0
    assert value(instrument, "positioners_start/energy") == 8.0, "the snapshot was before"
    assert value(instrument, "positioners_end/mot01") == 1.0
    assert at(instrument, "positioners/mot01").target_path == f"/{ENTRY}/measurement/mot01"
    assert value(instrument, "positioners/energy") == 8.0


def test_the_snapshot_keeps_value_and_dtype() -> None:
    snapshot = at(entry(SCANS["with a snapshot"]), "snapshot")
    assert value(snapshot, "energy") == 8.0
    assert value(snapshot, "slit") == np.float32(0.1)
    assert value(snapshot, "slit").dtype == "float32"
    assert value(snapshot, "mca").tolist() == [0, 1, 2]
    assert value(snapshot, "mca").dtype == "int16"
    assert value(snapshot, "mode") == "fast"
    assert np.isnan(value(snapshot, "broken"))


def test_what_was_left_out_of_the_info_is_not_in_the_file() -> None:
    scan = SCANS["with a snapshot"]
    info = born(scan, left_out=["snapshot.energy", "h5maps.instrument"])
    info["snapshot"]["energy"]["value"] = None
    made = entry(scan, info)
    assert "energy" not in at(made, "snapshot").children
    assert set(at(made, "instrument").children) == {"positioners", "positioners_start"}
    assert "ct01" in at(made, "measurement").children


def test_users_sample_source_and_experiment() -> None:
    made = entry(SCANS["described"])
    assert value(made, "user_1/name") == "Guybrush"
    assert value(made, "user_1/ORCID") == "0"
    assert value(made, "user_2/name") == "Elaine"
    assert value(made, "sample/name") == "Fe"
    assert value(made, "sample/temperature") == 4.2
    assert value(made, "sample/unit_cell").tolist() == [1, 1, 1, 90, 90, 90]
    assert value(made, "instrument/source/type") == "Synchrotron X-ray Source"
    assert value(made, "instrument/name") == "bl99"
    assert value(made, "experiment_identifier") == "test2024"
    assert value(made, "experiment_description") == "A test"
    assert value(made, "experiment/proposal_id") == 11
    assert value(made, "experiment/safety_info") == "red"


def test_what_nobody_described_is_not_there() -> None:
    made = entry(SCANS["line scan"])
    assert not {"sample", "experiment", "user_1"} & set(made.children)
    assert "source" not in at(made, "instrument").children


@pytest.mark.parametrize("wrong", [3, "text", [1], {"exp_team": 5}, {"exp_team": [3, None]}])
def test_descriptions_of_another_form_do_no_harm(wrong: Any) -> None:
    scan = SCANS["line scan"]
    info = born(scan, experiment=wrong, sample=wrong, source=wrong)
    assert "measurement" in entry(scan, info).children


def test_custom_data_go_where_their_nxpath_says() -> None:
    items = [
        {"name": "fit", "value": [1.5, 2.5], "nxpath": "a:NXprocess/b"},
        {"name": "fit", "value": "again", "nxpath": "/a/b"},
        {"name": "x", "value": 3, "nxpath": None},
        {"name": "ct01", "value": 4, "nxpath": "measurement"},
        {"name": "deep", "value": {"k": [1, "x"]}, "nxpath": "title"},
        {"name": "nothing", "value": None, "nxpath": None},
    ]
    scan = SCANS["line scan"]
    made = entry(scan, closed(scan, custom=items))
    assert value(made, "a/b/fit").tolist() == [1.5, 2.5]
    assert value(made, "a/b/fit_2") == "again"
    assert attributes(at(made, "a"))["NX_class"] == "NXprocess"
    assert attributes(at(made, "a/b"))["NX_class"] == "NXcollection"
    assert value(made, "custom_data/x") == 3
    assert "nothing" not in at(made, "custom_data").children
    assert isinstance(at(made, "measurement/ct01").value, Stream)
    assert value(made, "measurement/ct01_2") == 4
    assert value(made, "title_2/deep") == '{"k": [1, "x"]}'


def test_another_part_of_a_scan_has_a_name_and_links_of_its_own() -> None:
    made = tree(SCANS["line scan"], part=3)
    assert list(made.children) == ["7.3"]
    assert attributes(made)["default"] == "7.3"
    assert at(made, "7.3/instrument/ct01/data").target_path == "/7.3/measurement/ct01"


def test_the_map_is_for_the_file_that_redis_followers_write() -> None:
    scan = SCANS["line scan"]
    maps = h5maps(scan.identity, born(scan), specs(scan))
    assert list(maps) == ["/data/a.h5"]
    assert list(maps["/data/a.h5"]["children"]) == ["7.1"]


def test_a_continued_scan_is_the_next_part() -> None:
    scan = SCANS["line scan"]
    info = born(scan, continues={"key": "k", "from": 5, "part": 2})
    assert part_of(info) == 2
    assert list(h5maps(scan.identity, info, specs(scan))["/data/a.h5"]["children"]) == ["7.2"]


@pytest.mark.parametrize(
    "facts", [{"filename": None}, {"save": False}, {"data_writer": "null"}, {"data_writer": None}]
)
def test_there_is_no_map_where_no_nexus_file_is_wanted(facts: dict[str, Any]) -> None:
    scan = SCANS["line scan"]
    assert h5maps(scan.identity, born(scan) | facts, specs(scan)) == {}


def test_an_info_that_says_nothing_has_no_map() -> None:
    assert h5maps(IDENTITY, {}, ()) == {}
    assert h5maps(IDENTITY, {"save": True, "filename": "/a.h5", "data_writer": "nexus"}, ()) != {}


def test_master_files_link_to_the_entry() -> None:
    scan = SCANS["line scan"]
    info = born(scan)
    info["nexuswriter"] = {"masterfiles": {"proposal": "/p.h5", "dataset": "/data/a.h5"}}
    maps = h5maps(scan.identity, info, specs(scan))
    assert list(maps) == ["/data/a.h5", "/p.h5"]
    (name, link), *_ = Group.model_validate(maps["/p.h5"]).children.items()
    assert name == "a_7.1"
    assert (link.target_file, link.target_path) == ("data/a.h5", "/7.1")


def test_a_thousand_columns_are_mapped_with_all_their_names() -> None:
    channels = tuple(channel(f"column{i}", unit="counts") for i in range(1000))
    scan = start(columns(moveables=(("mot01", Axis()),), channels=channels))
    made = entry(scan)
    assert len(at(made, "measurement").children) == 1003
    assert len(at(made, "curves_mot01").children) == 22, "twenty curves, their axis and the title"


def test_a_stream_that_no_info_mentions_is_mapped_all_the_same() -> None:
    made = scan_tree(IDENTITY, {}, [StreamSpec("alone", "float32", (2,))])
    assert at(Group.model_validate(made), f"{ENTRY}/measurement/alone").value.stream == "alone"
    assert len(CHANNELS) == 5
