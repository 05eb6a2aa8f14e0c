"""The NeXus file that a scan goes into."""

from __future__ import annotations

from pathlib import Path

import pytest

from sardana_redis.store import FollowedScan
from sardana_redis.targets import NoTarget, Target, nexus_target

R, S = "redis", "sardana"


def scan_of(*files: tuple[str, str], path: str | None = None, **info: object) -> FollowedScan:
    named = [{"path": path, "writer": writer} for path, writer in files]
    info = {"sardana": {"files": named}, **info}
    return FollowedScan("key", "state", {"path": path}, info, ())


@pytest.mark.parametrize(
    ("files", "path", "expected"),
    [
        ([("/d/a.dat", R), ("/d/a.h5", R), ("/d/b.nxs", R)], "/d/a.h5", "/d/a.h5"),
        ([("/d/a.h5", R), ("/d/chosen.h5", R)], "/d/chosen.h5", "/d/chosen.h5"),
        ([("/d/a.dat", R), ("/d/b.NXS", R)], "/d/a.dat", "/d/b.NXS"),
        ([("/d/a.h5", S), ("/d/b.nxs", R)], "/d/b.nxs", "/d/b.nxs"),
        ([("/d/a.h5", S), ("/d/b.nxs", R)], "/d/a.h5", "/d/b.nxs"),
        ([("/d/a.h5", S)], "/d/a.h5", "/d/a_redis.h5"),
        ([], "/d/of_others.hdf5", "/d/of_others.hdf5"),
    ],
)
def test_takes_the_file_that_is_for_us(files: list, path: str, expected: str) -> None:
    target = nexus_target(scan_of(*files, path=path), None)
    assert isinstance(target, Target)
    assert target.path == Path(expected)
    assert (target.note is None) is not expected.endswith("_redis.h5")


@pytest.mark.parametrize(
    ("files", "path", "info", "reason"),
    [
        ([("/d/a.h5", R)], "/d/a.h5", {"save": False}, "does not want it"),
        ([("/d/a.dat", R)], "/d/a.dat", {}, "no NeXus file"),
        ([], None, {}, "names no file"),
    ],
)
def test_a_scan_that_has_no_nexus_file(files: list, path: str, info: dict, reason: str) -> None:
    target = nexus_target(scan_of(*files, path=path, **info), None)
    assert isinstance(target, NoTarget)
    assert reason in target.reason


def test_a_path_out_of_the_root_is_refused(tmp_path: Path) -> None:
    scan = scan_of(("/elsewhere/a.h5", R), path="/elsewhere/a.h5")
    assert isinstance(nexus_target(scan, tmp_path), NoTarget)
