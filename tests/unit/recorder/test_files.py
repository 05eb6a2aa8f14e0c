"""Who writes which file of a scan (DESIGN.md, section 3)."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from sardana_redis.model import FileWriter, ScanFile
from sardana_redis.recorder._files import nexus_file, scan_files, with_file


class Ours:
    filename = "/data/never.h5"


def writes(path: str) -> SimpleNamespace:
    """One of Sardana's file recorders."""
    return SimpleNamespace(filename=path)


def found(
    scan_file: list[str], *recorders: object, scan_dir: str | None = "/data"
) -> list[tuple[str, str]]:
    files = scan_files(scan_dir, scan_file, [Ours(), *recorders], Ours)
    return [(file.path, str(file.writer)) for file in files]


def test_alone_all_files_are_for_our_followers() -> None:
    assert found(["a.h5", "a.dat"]) == [("/data/a.h5", "redis"), ("/data/a.dat", "redis")]


def test_with_data_recorder_sardana_writes_scan_file_itself() -> None:
    assert found(["x.dat"], writes("/data/x.dat")) == [("/data/x.dat", "sardana")]


def test_with_one_scan_recorder_sardana_writes_the_second_file_itself() -> None:
    files = found(["a.h5", "a.dat"], writes("/data/a.dat"))
    assert files == [("/data/a.h5", "redis"), ("/data/a.dat", "sardana")]


def test_a_file_that_only_a_recorder_knows_of_is_taken_too() -> None:
    files = found(["a.h5"], writes("/other/b.spec"))
    assert files == [("/data/a.h5", "redis"), ("/other/b.spec", "sardana")]


def test_a_fio_recorders_numbered_and_plain_name_are_both_taken() -> None:
    fio = SimpleNamespace(filename="/data/a_00012.fio", base_filename="/data/a.fio")
    files = found(["a.fio"], fio)
    assert files == [("/data/a.fio", "sardana"), ("/data/a_00012.fio", "sardana")]


@pytest.mark.parametrize(
    "recorder", [SimpleNamespace(), SimpleNamespace(filename=None), SimpleNamespace(filename="")]
)
def test_recorders_without_a_file_take_none(recorder: SimpleNamespace) -> None:
    assert found(["a.h5"], recorder) == [("/data/a.h5", "redis")]


def test_without_scan_dir_there_is_no_file() -> None:
    assert found(["a.h5"], scan_dir=None) == []


def test_paths_are_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    files = found(["a.dat"], writes("data/a.dat"), scan_dir="data")
    assert files == [(f"{tmp_path}/data/a.dat", "sardana")]


def test_an_absolute_scan_file_needs_no_directory() -> None:
    assert found(["/elsewhere/a.h5"]) == [("/elsewhere/a.h5", "redis")]


@pytest.mark.parametrize(
    ("paths", "path"),
    [
        ((), None),
        (("/a.dat",), None),
        (("/a.dat", "/a.h5"), "/a.h5"),
        (("/a.dat", "/b.NXS", "/a.h5"), "/b.NXS"),
    ],
)
def test_the_nexus_file_is_the_first_of_its_kind(paths: tuple[str, ...], path: str | None) -> None:
    assert nexus_file([ScanFile(p, FileWriter.REDIS) for p in paths]) == path


def test_the_nexus_file_is_never_one_that_sardana_writes() -> None:
    ours, theirs = FileWriter.REDIS, FileWriter.SARDANA
    assert nexus_file([ScanFile("/a.h5", theirs), ScanFile("/b.nxs", ours)]) == "/b.nxs"
    assert nexus_file([ScanFile("/a.h5", theirs), ScanFile("/b.dat", ours)]) == "/a_redis.h5"
    assert nexus_file([ScanFile("/b.dat", ours)]) is None


def test_a_file_that_is_left_to_us_is_among_the_files_once() -> None:
    ours = ScanFile("/a.h5", FileWriter.REDIS)
    assert with_file((ours,), "/a.h5") == (ours,)
    assert with_file((), "/a.h5") == (ours,)
