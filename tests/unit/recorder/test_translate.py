"""From Sardana's environment to the start and the end of a scan."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from sardana_redis.model import (
    Axis,
    AxisKind,
    EndReason,
    FileWriter,
    NexusTarget,
    ScanFile,
    Snapshot,
)
from sardana_redis.recorder._translate import MacroFacts, experiment_of, scan_end, scan_start
from sardana_redis.settings import Settings

from ._sardana_fakes import counter, desc, motor, point_number, timestamp

NAIVE = datetime(2026, 11, 23, 7, 40)
MESH = MacroFacts(
    name="mesh",
    motors=("mot01", "mot02"),
    starts=np.array([0.0, 10.0]),
    finals=[1.0, 20.0],
    nr_intervs=[4, 2],
)
REASONS = {0: EndReason.SUCCESS, 1: EndReason.USER_ABORT, 2: EndReason.FAILURE}


def environ(**facts: Any) -> dict[str, Any]:
    return {
        "serialno": 7,
        "starttime": NAIVE,
        "datadesc": [point_number(), motor("mot01"), motor("mot02"), counter("ct01"), timestamp()],
        "counters": ["tango://host:10000/expchan/ct01"],
        **facts,
    }


def start(macro: MacroFacts = MacroFacts("ascan"), **facts: Any) -> Any:  # noqa: B008 - frozen
    return scan_start(environ(**facts), macro, (), Settings())


def test_the_identity_comes_from_macro_serial_number_settings_and_files() -> None:
    settings = Settings(session="bl01", data_policy="ESRF", proposal="p", dataset="d")
    files = (
        ScanFile("/data/a.dat", FileWriter.SARDANA),
        ScanFile("/data/a.h5", FileWriter.REDIS),
    )
    nexus = NexusTarget("/data/a.h5", "nexus")
    made = scan_start(environ(), MacroFacts("ascan"), files, settings, nexus=nexus)
    identity = made.identity
    assert (identity.name, identity.number, identity.path) == ("ascan", 7, "/data/a.h5")
    assert (identity.session, identity.data_policy) == ("bl01", "ESRF")
    assert (identity.proposal, identity.collection, identity.dataset) == ("p", None, "d")
    assert made.files == files


def test_the_path_is_that_of_the_nexus_file_or_of_the_first() -> None:
    files = (ScanFile("/data/a.dat", FileWriter.SARDANA),)
    without = scan_start(environ(), MacroFacts("ascan"), files, Settings())
    assert without.identity.path == "/data/a.dat"
    nexus = NexusTarget("/data/b.h5", "nexus")
    made = scan_start(environ(), MacroFacts("ascan"), files, Settings(), nexus=nexus)
    assert made.identity.path == "/data/b.h5"
    assert made.files == (*files, ScanFile("/data/b.h5", FileWriter.REDIS))
    assert start().identity.path is None


def test_the_experiment_wins_over_the_settings() -> None:
    settings = Settings(session="bl01", proposal="p")
    about = experiment_of({"session": "s", "proposal_id": 12, "beamline": "bl99"}, settings)
    made = scan_start(environ(), MacroFacts("ascan"), (), settings, about=about)
    assert (made.identity.session, made.identity.proposal) == ("s", "12")
    assert made.experiment["beamline"] == about.beamline == "bl99"


@pytest.mark.parametrize("value", [None, {}, {"session": "", "proposal_id": None}, "text", 3])
def test_an_experiment_that_says_nothing_leaves_the_settings(value: Any) -> None:
    about = experiment_of(value, Settings(session="bl01", proposal="p"))
    assert (about.session, about.proposal, about.beamline) == ("bl01", "p", None)


def test_sample_and_source_are_those_of_the_environment() -> None:
    made = start(SampleInfo={"name": "Fe"}, SourceInfo="no mapping")
    assert (made.sample, made.source) == ({"name": "Fe"}, {})


def test_the_session_is_test_session_unless_it_is_set() -> None:
    assert start().identity.session == "test_session"


def test_times_carry_their_offset() -> None:
    made = start().start_time
    assert made.utcoffset() is not None
    assert made.replace(tzinfo=None) == NAIVE


@pytest.mark.parametrize(
    ("scan_file", "wanted"),
    [("a.h5", ("a.h5",)), (["a.h5", "a.dat"], ("a.h5", "a.dat")), (None, ()), ([], ())],
)
def test_scan_file_is_a_name_or_a_list(scan_file: Any, wanted: tuple[str, ...]) -> None:
    assert start(ScanFile=scan_file).scan_file == wanted


def test_what_an_odd_macro_lacks_is_unknown() -> None:
    made = start()
    assert (made.npoints, made.count_time_seconds, made.estimated_time_seconds) == (None,) * 3
    assert (made.title, made.user, made.macro_id, made.scan_dir) == ("", "", "", None)
    assert made.snapshot == ()


def test_the_rest_of_the_environment_is_taken_over() -> None:
    made = start(
        MacroFacts(
            "ascan", door="Door/1", macroserver="ms", nb_points=np.int64(11), integ_time=0.1
        ),
        title="ascan mot01 0 1 10 0.1",
        user="user",
        ScanDir="/data",
        macro_id="id",
        ref_moveables=["mot01"],
        estimatedtime=np.float64(12.5),
    )
    assert (made.title, made.user, made.scan_dir) == ("ascan mot01 0 1 10 0.1", "user", "/data")
    assert (made.macro_id, made.door, made.macroserver) == ("id", "Door/1", "ms")
    assert (made.npoints, made.count_time_seconds, made.estimated_time_seconds) == (11, 0.1, 12.5)
    assert made.reference_moveables == ("mot01",)


@pytest.mark.parametrize(
    ("nb_points", "intervals", "npoints"),
    [(11, 99, 11), (None, 10, 11), (None, -10, None), (None, 0, None), (None, None, None)],
)
def test_points_are_expected_by_the_macro_or_else_by_its_intervals(
    nb_points: Any, intervals: Any, npoints: int | None
) -> None:
    made = start(MacroFacts("ascan", nb_points=nb_points), total_scan_intervals=intervals)
    assert made.npoints == npoints


@pytest.mark.parametrize("odd", [math.nan, -1.0, 0, "text", [1, 2], 10**400, object()])
def test_a_count_time_that_is_none_is_unknown(odd: Any) -> None:
    assert start(MacroFacts("ascan", integ_time=odd)).count_time_seconds is None


def axes(made: Any) -> list[Axis]:
    return [c.axis for c in made.columns if c.name.startswith("mot")]


def test_the_range_of_a_step_scan_has_neither_index_nor_kind() -> None:
    macro = MacroFacts("a2scan", motors=("mot01", "mot02"), starts=[0, 1], finals=[2, 3])
    assert axes(start(macro)) == [Axis(0.0, 2.0), Axis(1.0, 3.0)]


def test_a_mesh_travels_forth_on_its_first_axis_and_steps_on_the_second() -> None:
    made = start(MESH)
    assert axes(made) == [
        Axis(0.0, 1.0, 5, AxisKind.FORTH, 0),
        Axis(10.0, 20.0, 3, AxisKind.STEP, 1),
    ]
    assert made.npoints == 15


def test_a_bidirectional_mesh_travels_back_and_forth() -> None:
    macro = MacroFacts("mesh", **facts_of_mesh(), is_bidirectional=True)
    assert axes(start(macro))[0].kind is AxisKind.BACK_AND_FORTH


def test_a_continuous_mesh_has_a_point_less_on_its_first_axis() -> None:
    made = start(MacroFacts("meshct", **facts_of_mesh(), has_last_point=False))
    assert [axis.points for axis in axes(made)] == [4, 3]
    assert made.npoints == 12


def facts_of_mesh() -> dict[str, Any]:
    names = ("motors", "starts", "finals", "nr_intervs")
    return {name: getattr(MESH, name) for name in names}


@pytest.mark.parametrize("nr_intervs", [[4], [1, 2, 3], [None, 2], "many", [[1, 2], [3, 4]]])
def test_intervals_that_are_not_one_for_each_motor_make_no_mesh(nr_intervs: Any) -> None:
    macro = MacroFacts("odd", **{**facts_of_mesh(), "nr_intervs": nr_intervs})
    made = start(macro, total_scan_intervals=10)
    assert [axis.index for axis in axes(made)] == [None, None]
    assert made.npoints == 11


@pytest.mark.parametrize("starts", [None, [], [None, None], ["a", "b"]])
def test_a_range_that_is_unknown_is_left_open(starts: Any) -> None:
    macro = MacroFacts("odd", motors=("mot01", "mot02"), starts=starts, finals=starts)
    assert axes(start(macro)) == [Axis(), Axis()]


def test_snapshots_keep_value_and_shape() -> None:
    image = np.ones((2, 3))
    descs = [desc("full/a", "a", pre_scan_value=1.5), desc("b", pre_scan_value=image)]
    assert start(preScanSnapShot=descs).snapshot == (
        Snapshot("full/a", "a", 1.5, "float64", ()),
        Snapshot("b", "b", image, "float64", (2, 3)),
    )


@pytest.mark.parametrize(
    ("status", "reason"),
    [(0, "SUCCESS"), (1, "USER_ABORT"), (2, "FAILURE"), (99, "FAILURE"), (None, "FAILURE")],
)
def test_the_end_reason_is_sardanas_end_status(status: int | None, reason: str) -> None:
    macro = MacroFacts("ascan", end_reasons=REASONS)
    facts = {} if status is None else {"endstatus": status}
    assert scan_end(facts, macro, {}, {}).reason == reason


def test_the_end_carries_times_first_and_last_positions() -> None:
    facts = {"endtime": NAIVE, "acqtime": np.float64(1.5), "deadtime": math.nan, "motiontime": "?"}
    end = scan_end(facts, MacroFacts("ascan"), {"mot01": 1.0}, {"mot01": 2.0})
    assert end.time.replace(tzinfo=None) == NAIVE
    assert end.time.utcoffset() is not None
    assert end.info == {
        "sardana": {
            "times": {"acqtime": 1.5},
            "positions_start": {"mot01": 1.0},
            "positions_end": {"mot01": 2.0},
        },
        "positioners": {"positioners_end": {"mot01": 2.0}},
    }


def test_an_end_without_a_time_is_now() -> None:
    before = datetime.now().astimezone()
    end = scan_end({}, MacroFacts("ascan"), {}, {})
    assert before <= end.time <= datetime.now().astimezone()
