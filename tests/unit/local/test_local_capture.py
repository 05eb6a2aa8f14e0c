"""Captures are read as they were written, whatever ended the MacroServer."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sardana_redis.local.capture import SUFFIX, captures, load_capture

_COLUMN = {"name": "full/ct01", "label": "ct01", "dtype": "float64", "shape": None}
_FRAMES: list[tuple[str, Any]] = [
    ("start", {"serialno": 7}),
    ("columns", [_COLUMN]),
    ("record", {"full/ct01": 0.1}),
    ("record", {}),
    ("end", {"endts": 1.0}),
    ("custom", {"name": "late", "value": 1}),
]


def _write(path: Path, frames: list[tuple[str, Any]], cut_bytes: int = 0) -> Path:
    content = b"".join(pickle.dumps(frame) for frame in frames)
    path.write_bytes(content[: len(content) - cut_bytes])
    return path


def test_reads_a_whole_scan(tmp_path: Path) -> None:
    capture = load_capture(_write(tmp_path / f"1-7{SUFFIX}", _FRAMES))
    assert capture.number == 7
    assert capture.values(capture.columns[0]) == [0.1, None]
    assert capture.end == {"endts": 1.0}
    assert capture.custom == ({"name": "late", "value": 1},)


def test_leaves_out_what_a_killed_macroserver_left_half_written(tmp_path: Path) -> None:
    capture = load_capture(_write(tmp_path / f"1-7{SUFFIX}", _FRAMES[:4], cut_bytes=3))
    assert len(capture.records) == 1
    assert capture.end == {}


def test_a_scan_that_never_came_to_its_columns_is_read(tmp_path: Path) -> None:
    capture = load_capture(_write(tmp_path / f"1-7{SUFFIX}", []))
    assert (capture.start, capture.columns, capture.records) == ({}, (), ())


@pytest.mark.parametrize(
    ("declared", "shape"),
    [
        (None, ()),
        ([], ()),
        ((1024,), (1024,)),
        (np.int64(5), (5,)),
        (np.array([2, 3]), (2, 3)),
        ([None, 3], (0, 3)),
    ],
)
def test_understands_every_way_to_declare_a_shape(
    tmp_path: Path, declared: object, shape: tuple[int, ...]
) -> None:
    frames = [_FRAMES[0], ("columns", [{**_COLUMN, "shape": declared}])]
    capture = load_capture(_write(tmp_path / f"1-7{SUFFIX}", frames))
    assert capture.columns[0].shape == shape


def test_a_column_tells_whether_it_holds_references(tmp_path: Path) -> None:
    column = {**_COLUMN, "value_ref_enabled": True}
    capture = load_capture(_write(tmp_path / f"1{SUFFIX}", [_FRAMES[0], ("columns", [column])]))
    assert capture.columns[0].is_reference


def test_captures_come_in_the_order_of_their_starts(tmp_path: Path) -> None:
    for stamp, number in ((20, 1), (10, 2)):
        _write(tmp_path / f"{stamp}-{number}{SUFFIX}", [("start", {"serialno": number})])
    assert [capture.number for capture in captures(tmp_path)] == [2, 1]
