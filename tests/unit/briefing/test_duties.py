"""Which writer is to write a scan into which file, and what stands in its way."""

from __future__ import annotations

from typing import Any

import pytest

from sardana_redis.briefing import Duty, ObstacleKind, duties
from sardana_redis.vitals import Disk, Trouble

from ._worlds import record, scan, survey

FILES = ("/d/a.h5", "/d/a.dat")


def only(**facts: Any) -> Duty:
    (duty,) = duties(survey(spec=record(**facts)), scan(*FILES))
    return duty


def kinds(duty: Duty) -> list[ObstacleKind]:
    return [obstacle.kind for obstacle in duty.obstacles]


def test_each_kind_of_writer_has_the_file_of_its_own_rule() -> None:
    found = duties(survey(spec=record(), nexus=record("nexus")), scan(*FILES))
    assert [(duty.writer, duty.path) for duty in found] == [
        ("nexus", "/d/a.h5"),
        ("spec", "/d/a.dat"),
    ]
    assert all(duty.obstacles == () for duty in found)


def test_a_file_that_sardana_writes_is_left_to_it() -> None:
    (duty,) = duties(survey(spec=record()), scan("/d/a.dat", writer="sardana"))
    assert duty.path == "/d/a_redis.dat"


def test_a_scan_that_nobody_wants_in_files() -> None:
    (duty,) = duties(survey(nexus=record("nexus")), scan(*FILES, save=False))
    assert duty.path is None
    assert "does not want" in duty.reason
    assert not duty.is_kept_off


def test_a_writer_of_a_kind_that_is_unknown_has_no_file() -> None:
    (duty,) = duties(survey(new=record("parquet")), scan(*FILES))
    assert duty.path is None
    assert "parquet" in duty.reason


def test_writers_of_other_sessions_are_no_concern_of_a_scan() -> None:
    world = survey(mine=record(sessions=("s",)), theirs=record(sessions=("t",)), all=record())
    assert [duty.writer for duty in duties(world, scan(*FILES))] == ["all", "mine"]


@pytest.mark.parametrize(("silent", "is_down"), [(0, False), (10, False), (10.5, True)])
def test_a_writer_is_down_after_ten_seconds_of_silence(silent: float, is_down: bool) -> None:
    assert (ObstacleKind.DOWN in kinds(only(silent=silent))) is is_down


@pytest.mark.parametrize(
    ("silent", "words"),
    [(30, "30 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (86_400 * 3, "3 d")],
)
def test_how_long_it_is_down_is_told_in_fitting_units(silent: int, words: str) -> None:
    (obstacle,) = only(silent=silent).obstacles
    assert f"is down for {words}:" in obstacle.sentence


@pytest.mark.parametrize("facts", [{"uptime": 5}, {"is_full": True}])
def test_a_redis_that_cannot_know_calls_nobody_down(facts: dict[str, Any]) -> None:
    (duty,) = duties(survey(spec=record(silent=60), **facts), scan(*FILES))
    assert kinds(duty) == [ObstacleKind.UNHEARD]
    assert duty.is_kept_off


def test_a_file_that_cannot_be_written() -> None:
    duty = only(troubles=(Trouble("/d/a.dat", "Permission denied"), Trouble("/e/b.dat", "x")))
    assert kinds(duty) == [ObstacleKind.FILE]
    assert duty.obstacles[0].sentence == "spec cannot write /d/a.dat: Permission denied."
    assert only(troubles=(Trouble("/e/b.dat", "x"),)).obstacles == ()


@pytest.mark.parametrize(
    ("disks", "is_short"),
    [
        ([("/d", 100)], True),
        ([("/d", 300)], False),
        ([("/", 100), ("/d", 300)], False),
        ([("/", 300), ("/d", 100)], True),
        ([("/e", 100)], False),
        ([("/d/a", 100)], False),
    ],
)
def test_the_nearest_file_system_that_is_known_decides(
    disks: list[tuple[str, int]], is_short: bool
) -> None:
    duty = only(disks=tuple(Disk(*disk) for disk in disks), least_free_bytes=200)
    assert (ObstacleKind.DISK in kinds(duty)) is is_short
    assert duty.is_kept_off is is_short


def test_what_concerns_earlier_scans_keeps_no_writer_off() -> None:
    duty = only(parked=2, lag_seconds=30.0)
    assert kinds(duty) == [ObstacleKind.PARKED, ObstacleKind.BEHIND]
    assert not duty.is_kept_off
    assert "parked 2 scans" in duty.obstacles[0].sentence
    assert "30 s behind" in duty.obstacles[1].sentence


def test_the_time_that_a_chunk_takes_is_no_lag() -> None:
    assert only(lag_seconds=5.0).obstacles == ()


def test_of_a_writer_that_is_down_nothing_else_is_told() -> None:
    assert kinds(only(silent=60, parked=2, lag_seconds=30.0)) == [ObstacleKind.DOWN]
