"""Which plots a file offers, and that the first is the one that opens."""

from __future__ import annotations

from typing import Any

import pytest

from sardana_redis.model import JSON, ScanStart
from tests.unit.recorder._sardana_fakes import channel, columns, start

from ._scans import CHANNELS, ENTRY, LINE, SCANS, at, attributes, closed, entry, tree

TITLE = f"/{ENTRY}/title"


def plots(scan: ScanStart, info: Any = None) -> dict[str, dict[str, Any]]:
    made = entry(scan, info)
    groups = {name: item for name, item in made.children.items() if item.type == "group"}
    return {
        name: attributes(item)
        for name, item in groups.items()
        if attributes(item)["NX_class"] == "NXdata"
    }


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("line scan", "curves_mot01"),
        ("mesh", "scatter_ct01"),
        ("timescan", "curves_dt"),
        ("1D only", "spectrum_mca"),
        ("with extra columns", "curves_mot01"),
    ],
)
def test_the_default_plot_is_set_from_the_root_down(name: str, default: str) -> None:
    made = tree(SCANS[name])
    assert attributes(made) == {"NX_class": "NXroot", "default": ENTRY}
    assert attributes(made.children[ENTRY])["default"] == default
    assert next(iter(plots(SCANS[name]))) == default


def test_a_line_scan_shows_its_channels_over_the_moveable() -> None:
    assert plots(SCANS["line scan"])["curves_mot01"] == {
        "NX_class": "NXdata",
        "signal": "ct01",
        "auxiliary_signals": ["ct02"],
        "axes": ["mot01"],
        "mot01_indices": 0,
    }
    group = at(entry(SCANS["line scan"]), "curves_mot01")
    targets = {name: item.target_path for name, item in group.children.items()}
    assert targets == {
        "title": TITLE,
        **{name: f"/{ENTRY}/measurement/{name}" for name in ("ct01", "ct02", "mot01")},
    }


def test_a_mesh_shows_each_channel_over_both_moveables() -> None:
    found = plots(SCANS["mesh"])
    assert list(found)[:2] == ["scatter_ct01", "scatter_ct02"]
    assert found["scatter_ct02"]["axes"] == ["mot01", "mot02"]
    assert found["scatter_ct02"]["signal"] == "ct02"
    assert "curves_mot01" in found


def test_spectra_and_images_are_stacks_beside_the_same_axis() -> None:
    found = plots(SCANS["line scan"])
    assert found["spectrum_mca"] == {
        "NX_class": "NXdata",
        "signal": "mca",
        "interpretation": "spectrum",
        "mot01_indices": 0,
    }
    assert found["image_image"]["interpretation"] == "image"
    assert "mot01" in at(entry(SCANS["line scan"]), "image_image").children


def test_names_in_a_plot_are_those_that_nexus_allows() -> None:
    scan = start(columns(moveables=LINE, channels=(channel("#a b"), channel("1/x"))))
    found = plots(scan)["curves_mot01"]
    assert (found["signal"], found["auxiliary_signals"]) == ("a_b", ["_1x"])
    group = at(entry(scan), "curves_mot01")
    assert group.children["_1x"].target_path == f"/{ENTRY}/measurement/1_x"


def test_a_closed_scan_without_points_offers_no_plot() -> None:
    scan = SCANS["line scan"]
    info = closed(scan, points=0)
    assert plots(scan, info) == {}
    assert "default" not in attributes(entry(scan, info))


def test_text_and_references_are_not_plotted() -> None:
    scan = start(columns(channels=(channel("note", dtype=JSON),)))
    assert plots(scan) == {}
    info = closed(scan)
    info["plots"] = [{"kind": "curve-plot", "items": [{"kind": "curve", "x": "dt", "y": "note"}]}]
    assert plots(scan, info) == {}


def test_only_the_first_twenty_channels_are_plotted() -> None:
    scan = start(columns(channels=tuple(channel(f"c{i}") for i in range(30))))
    assert len(plots(scan)["curves_dt"]["auxiliary_signals"]) == 19
    assert len(CHANNELS) < 20
