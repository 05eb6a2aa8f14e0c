"""Columns on their way into the file: nothing waits for long, nothing is lost between shapes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from sardana_redis.model import JSON, Identity
from sardana_redis.nexus import scan_tree
from sardana_redis.nexus_writer._blisswriter import BlissWriter
from sardana_redis.nexus_writer._columns import TextColumn, missing_values
from sardana_redis.nexus_writer._earlier import Earlier
from sardana_redis.nexus_writer._scan import specs_of
from sardana_redis.store import FollowedScan, FollowedStream, Gap

STREAMS = (
    FollowedStream("a", "k1", "float64", ()),
    FollowedStream("count", "k2", "int32", (), {"fill_value": -1}),
    FollowedStream("oned", "k3", "float64", (3,)),
    FollowedStream("free", "k4", "float32", (-1,)),
)
TREE = scan_tree(
    Identity("ascan", 1, "s", "p"), {}, specs_of(FollowedScan("k", "s", {}, {}, STREAMS)), key="k"
)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Any]:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        yield file


def columns(file: Any, seconds: float) -> tuple[BlissWriter, dict[str, Any]]:
    writer = BlissWriter(Path(file.filename), seconds)
    writer.begin(file, TREE)
    return writer, writer.columns(STREAMS)


def test_points_wait_for_their_chunk_but_not_for_long(file: Any) -> None:
    _, made = columns(file, 1000.0)
    made["a"].append(np.arange(5.0))
    made["a"].flush(file)
    assert made["a"].length == 0
    made["a"]._due = 0
    made["a"].flush(file)
    assert made["a"].length == 5
    made["a"].append(np.arange(5.0, 7.0))
    made["a"].flush(file)
    assert made["a"].length == 5
    made["a"]._due = 0
    made["a"].flush(file)
    made["a"].append(np.arange(7.0, 9.0))
    made["a"].close(file)
    dataset = file["1.1/measurement/a"]
    assert list(dataset) == list(range(9))
    assert dataset.chunks == (512,)


def test_a_chunk_is_of_some_kilobytes_at_least_and_a_megabyte_at_most(file: Any) -> None:
    _, made = columns(file, 0.0)
    for name, values in (
        ("count", np.zeros(1, "int32")),
        ("oned", np.zeros((400_000, 3))),
        ("a", np.zeros(2)),
    ):
        made[name].append(values)
        made[name].flush(file)
        chunks = file[f"1.1/measurement/{name}"].chunks
        assert 4096 <= np.prod(chunks) * values.itemsize <= 2**20 + 24
        made[name].close(file)
        assert len(file[f"1.1/measurement/{name}"]) == len(values)


def test_arrays_that_grow_are_padded(file: Any) -> None:
    _, made = columns(file, 0.0)
    for values in (np.ones((2, 2), "f4"), [np.ones(1, "f4"), np.ones(4, "f4")]):
        made["free"].append(values)
        made["free"].flush(file)
    made["free"].close(file)
    found = file["1.1/measurement/free"][()]
    assert found.shape == (4, 4)
    assert list(np.isfinite(found).sum(axis=1)) == [2, 2, 1, 4]


def test_arrays_without_values_hold_up_nobody(file: Any) -> None:
    _, made = columns(file, 0.0)
    made["free"].append(np.zeros((3, 0), "f4"))
    made["free"].flush(file)
    assert made["free"].length is None


def test_the_end_reaches_what_was_written(file: Any) -> None:
    writer, made = columns(file, 0.0)
    made["count"].append(np.arange(3, dtype="int32"))
    for column in made.values():
        column.close(file)
    info = {"end_time": "2026-01-01T00:00:00+00:00", "end_reason": "SUCCESS"}
    streams = specs_of(FollowedScan("k", "s", {}, {}, STREAMS))
    writer.finish(scan_tree(Identity("ascan", 1, "s", "p"), info, streams, key="k"), {})
    assert file["1.1/end_reason"].asstr()[()] == "SUCCESS"
    assert file["1.1/measurement/count"].attrs["fill_value"] == -1
    assert list(file["1.1/measurement"]) == ["count"]


def test_text_is_utf8_and_references_are_what_they_refer_to(file: Any) -> None:
    column = TextColumn("/text")
    column.append(["µ", None, {"filename": "h5file://a"}, {"x": 1}, "a\x00b"])
    column.flush(file)
    column.append(["end"])
    column.close(file)
    expected = ["µ", "", "h5file://a", '{"x": 1}', "a\\x00b", "end"]
    assert list(file["text"].asstr()[()]) == expected
    assert column.length == 6


def test_a_column_without_points_is_not_there(file: Any) -> None:
    TextColumn("/text").close(file)
    assert "text" not in file


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (STREAMS[0], [np.nan] * 2),
        (STREAMS[1], [-1, -1]),
        (STREAMS[2], [[np.nan] * 3] * 2),
        (FollowedStream("b", "k", "bool"), [False, False]),
    ],
)
def test_missing_numbers_are_told(stream: FollowedStream, expected: list[Any]) -> None:
    found = missing_values(stream, 2)
    assert np.array_equal(found, expected, equal_nan=stream.dtype != "bool")
    assert np.asarray(found).dtype == stream.dtype


def test_missing_text_is_nothing() -> None:
    assert missing_values(FollowedStream("t", "k", JSON), 2) == [None, None]


def test_an_earlier_entry_gives_what_all_of_its_columns_have(file: Any) -> None:
    file[".1.1.earlier/measurement/a"] = np.arange(10.0)
    file[".1.1.earlier/measurement/t"] = ["x"] * 8
    earlier = Earlier(file, ".1.1.earlier", {"a": "a", "text": "t"})
    assert earlier.points == 8
    assert list(earlier.values(file, "a", 2, 3)) == [2.0, 3.0, 4.0]
    assert list(earlier.values(file, "text", 0, 2)) == ["x", "x"]
    assert [earlier.points_of(Gap(first, 4)) for first in (0, 6, 9)] == [4, 2, 0]
    assert Earlier(file, ".1.1.earlier", {"a": "a", "gone": "gone"}).points == 0
