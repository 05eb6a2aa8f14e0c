"""A tree at its place is what was published, with what has to be added."""

from __future__ import annotations

from typing import Any

import pytest
from blissdata.h5map import Group

from sardana_redis.model import Identity, StreamSpec
from sardana_redis.nexus import h5maps, placed_tree, scan_tree

IDENTITY = Identity("ascan", 7, "s", "p")
STREAMS = (StreamSpec("mot01", "float64"), StreamSpec("ct01", "float64"))
BORN: dict[str, Any] = {
    "title": "ascan",
    "filename": "/d/a.h5",
    "save": True,
    "data_writer": "nexus",
    "snapshot": {"m": {"value": 0.9452706955539223}},
    "plots": [{"kind": "curve-plot", "items": [{"x": "mot01", "y": "ct01"}]}],
    "sardana": {"custom": [{"name": "c", "value": 1}]},
}
END = {"end_time": "2026-01-01T00:00:00+00:00", "end_reason": "FAILURE"}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two trees mean the same."""
    return Group.model_validate(one) == Group.model_validate(other)


def rounded(info: dict[str, Any]) -> dict[str, Any]:
    """The info as RedisJSON gives it back, with its tree."""
    maps = h5maps(IDENTITY, info, STREAMS, "key")
    return info | {"h5maps": maps, "snapshot": {"m": {"value": 0.9452706955539224}}}


@pytest.mark.parametrize("info", [BORN, BORN | END])
@pytest.mark.parametrize("part", [1, 3])
def test_values_are_those_that_were_published(info: dict[str, Any], part: int) -> None:
    found = placed_tree(IDENTITY, rounded(info), STREAMS, part, "key")
    assert same(found, scan_tree(IDENTITY, info, STREAMS, part, "key"))


def test_an_orphan_gets_its_end() -> None:
    info = rounded(BORN) | END
    found = placed_tree(IDENTITY, info, STREAMS, 1, "key")
    assert same(found, scan_tree(IDENTITY, BORN | END, STREAMS, 1, "key"))


def test_a_scan_that_has_ended_begins_without_its_end() -> None:
    ended = rounded(BORN | END)
    begun = {name: value for name, value in ended.items() if name not in END}
    found = placed_tree(IDENTITY, begun, STREAMS, 1, "key")
    assert same(found, scan_tree(IDENTITY, BORN, STREAMS, 1, "key"))


def test_without_a_published_tree_it_is_made() -> None:
    found = placed_tree(IDENTITY, BORN, STREAMS, 2, "key")
    assert found == scan_tree(IDENTITY, BORN, STREAMS, 2, "key")
