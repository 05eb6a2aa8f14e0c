"""Where the NeXus file of a scan goes."""

from __future__ import annotations

from typing import Any

import pytest

from sardana_redis.errors import BadInputError
from sardana_redis.model import FileWriter, NexusTarget, ScanFile
from sardana_redis.recorder._nexus_options import NexusOptions, nexus_options, nexus_target

FILES = (
    ScanFile("/data/a.dat", FileWriter.SARDANA),
    ScanFile("/data/a.h5", FileWriter.REDIS),
)


def target(value: Any, files: tuple[ScanFile, ...] = FILES, **facts: Any) -> NexusTarget:
    given = {"scan_dir": "/data", "number": 7, **facts}
    return nexus_target(nexus_options(value), files, **given)


def test_without_the_variable_it_is_the_nexus_file_of_scan_file() -> None:
    assert target(None) == NexusTarget("/data/a.h5", "nexus")
    assert target({}) == target(None)
    assert target(None, files=()) == NexusTarget()


def test_the_proof_of_concepts_form() -> None:
    value = {
        "data_writer": "external",
        "save": True,
        "scanFile": "test.nxs",
        "singleNXFile": True,
    }
    assert nexus_options(value) == NexusOptions("external", save=True, scan_file="test.nxs")
    assert target(value) == NexusTarget("/data/test.nxs", "external")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("b", "/data/b.h5"),
        ("b.nxs", "/data/b.nxs"),
        ("sub/b", "/data/sub/b.h5"),
        ("/elsewhere/b.hdf5", "/elsewhere/b.hdf5"),
        ("", "/data/a.h5"),
        (None, "/data/a.h5"),
    ],
)
def test_scan_file_lies_in_scan_dir_and_gets_a_suffix(name: str | None, path: str) -> None:
    assert target({"scanFile": name}).path == path


def test_nothing_is_saved_where_the_operator_says_so() -> None:
    made = target({"save": False, "scanFile": "b"})
    assert made == NexusTarget(is_saved=False)


def test_a_file_that_sardana_writes_is_not_ours() -> None:
    files = (ScanFile("/data/b.h5", FileWriter.SARDANA),)
    assert target({"scanFile": "b"}, files).path == "/data/b_redis.h5"


def test_a_file_for_each_scan_and_two_that_link_to_them() -> None:
    made = target({"scanFile": "test.h5", "singleNXFile": False}, proposal="12/3", beamline="bl99")
    assert made.path == "/data/test/test_7/test_7.h5"
    assert made.masters == {
        "dataset": "/data/test/test_7/test_7.h5",
        "dataset_collection": "/data/test/12_3_test.h5",
        "proposal": "/data/12_3_bl99.h5",
    }


def test_without_proposal_and_beamline_there_is_no_file_of_the_proposal() -> None:
    made = target({"singleNXFile": False})
    assert made.masters == {
        "dataset": "/data/a/a_7/a_7.h5",
        "dataset_collection": "/data/a/a.h5",
    }


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("a.h5", "must be a mapping"),
        ({"scanfile": "a.h5"}, "'scanfile'.*data_writer, save, scanFile, singleNXFile"),
        ({"save": "yes"}, "'save' must be a bool"),
        ({"scanFile": ["a.h5"]}, "'scanFile' must be a str"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_is_wrong(value: Any, reason: str) -> None:
    with pytest.raises(BadInputError, match=reason):
        nexus_options(value)


def test_a_relative_scan_file_needs_scan_dir() -> None:
    with pytest.raises(BadInputError, match="ScanDir"):
        target({"scanFile": "b"}, (), scan_dir=None)
    assert target({"scanFile": "/b"}, (), scan_dir=None).path == "/b.h5"
