"""Where a stream says that its points are once Redis let go of them."""

from __future__ import annotations

from typing import Any

from sardana_redis.model import Identity, StreamSpec
from sardana_redis.nexus import entry_name, saved_streams, scan_tree

KEY = "esrf:scan:01KABC"
IDENTITY = Identity("ascan", 7, "s", "p")
INFO: dict[str, Any] = {"filename": "/data/a.h5", "save": True, "data_writer": "nexus"}
STREAMS = (
    StreamSpec("a/b", "float64", info={"unit": "mm"}),
    StreamSpec("image", "uint8", (3, 2)),
    StreamSpec("growing", "float64", (-1,)),
    StreamSpec("text", "json"),
)


def places(info: dict[str, Any]) -> dict[str, Any]:
    streams = saved_streams(IDENTITY, info, STREAMS, KEY)
    return {stream.name: stream.info.get("data_path") for stream in streams}


def test_numbers_of_fixed_shape_name_their_place() -> None:
    assert places(INFO) == {
        "a/b": "/7.1/writer/01KABC/a_b",
        "image": "/7.1/writer/01KABC/image",
        "growing": None,
        "text": None,
    }
    info = saved_streams(IDENTITY, INFO, STREAMS, KEY)[0].info
    assert info["plugin"] == "hdf5_fallback"
    assert info["file_path"] == "/data/a.h5"
    assert info["unit"] == "mm"


def test_the_place_is_in_the_tree_that_is_published() -> None:
    entry = entry_name(7)
    tree = scan_tree(IDENTITY, INFO, STREAMS, key=KEY)["children"][entry]
    link = tree["children"]["writer"]["children"]["01KABC"]
    assert link == {"type": "soft_link", "target_path": "/7.1/measurement"}
    assert "a_b" in tree["children"]["measurement"]["children"]


def test_a_scan_that_continues_another_one_is_in_a_part_of_its_own() -> None:
    info = INFO | {"sardana": {"continues": {"key": "k", "from": 3, "part": 2}}}
    assert places(info)["a/b"] == "/7.2/writer/01KABC/a_b"


def test_streams_of_a_scan_without_a_nexus_file_stay_as_they_are() -> None:
    for info in ({}, INFO | {"save": False}, INFO | {"data_writer": "null"}):
        assert saved_streams(IDENTITY, info, STREAMS, KEY) == STREAMS
