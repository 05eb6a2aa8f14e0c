"""The file that a scan goes into."""

from __future__ import annotations

from pathlib import Path

import pytest

from sardana_redis.targets import NoTarget, Target, forced_target, spec_target
from tests.unit.spec_writer._scans import make_scan

R, S = "redis", "sardana"


def scan_of(*files, path=None, **info):
    return make_scan(
        [],
        path=path,
        sardana={"files": [dict(zip(("path", "writer"), f, strict=True)) for f in files]},
        **info,
    )


@pytest.mark.parametrize(
    ("files", "path"),
    [
        ([("/d/a.h5", R), ("/d/a.dat", R), ("/d/b.spec", R)], "/d/a.dat"),
        ([("/d/a.dat", S), ("/d/b.spec", R)], "/d/b.spec"),
        ([("/d/a.dat", S), ("/d/b.TXT", S)], "/d/a_redis.dat"),
        ([("/d/a.dat", S), ("/d/a_redis.dat", S)], "/d/a_redis_redis.dat"),
        ([("/d/a.h5", R)], "/d/a.dat"),
        ([("/d/a.h5", S), ("/d/b.fio", R)], "/d/a.dat"),
    ],
)
def test_takes_the_first_file_that_is_for_us(files, path):
    target = spec_target(scan_of(*files), None)
    assert target.path == Path(path)
    assert (target.note is None) is ((path, R) in files)


def test_scans_of_other_publishers_are_written_beside_their_file():
    assert spec_target(scan_of(path="/d/x.h5"), None).path == Path("/d/x.dat")
    assert spec_target(scan_of(filename="/d/y.h5"), None).path == Path("/d/y.dat")
    assert spec_target(scan_of(path="/d/z.spec"), None) == Target(Path("/d/z.spec"))


@pytest.mark.parametrize("path", [None, "", "x.h5"])
def test_a_scan_without_a_place_has_no_target(path):
    assert isinstance(spec_target(scan_of(path=path), None), NoTarget)


def test_a_path_out_of_the_root_is_refused(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    for name in ("../x.dat", "link/x.dat", "a/../../x.dat"):
        target = spec_target(scan_of((f"{root}/{name}", R)), root)
        assert isinstance(target, NoTarget)
        assert str(root) in target.reason
    inside = f"{root}/a/../x.dat"
    assert spec_target(scan_of((inside, R)), root) == Target(Path(inside))


def test_an_order_names_any_absolute_path_inside_of_the_root(tmp_path):
    assert forced_target("/d/x.dat", None) == Target(Path("/d/x.dat"))
    assert isinstance(forced_target("x.dat", None), NoTarget)
    assert isinstance(forced_target("/d/x.dat", tmp_path), NoTarget)
