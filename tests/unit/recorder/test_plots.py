"""The plots that a display shows without being asked."""

from __future__ import annotations

from typing import Any

from sardana_redis.model import JSON, Axis, Column, Role
from sardana_redis.recorder._plots import make_plots

from ._sardana_fakes import channel, columns

MESH = (("slow", Axis(0, 1, 3, index=1)), ("fast", Axis(0, 1, 5, index=0)))
STEP = (("mot01", Axis(0, 1)), ("mot02", Axis(0, 1)))


def plots(of: tuple[Column, ...], *reference: str) -> dict[str, list[dict[str, Any]]]:
    made = make_plots(of, reference)
    assert len({plot["name"] for plot in made}) == len(made)
    return {plot["kind"]: plot["items"] for plot in made}


def test_channels_are_curves_over_the_first_moveable() -> None:
    of = columns(moveables=STEP, channels=(channel("ct01"), channel("ct02")))
    assert plots(of) == {
        "curve-plot": [
            {"kind": "curve", "x": "mot01", "y": "ct01", "y_axis": "left"},
            {"kind": "curve", "x": "mot01", "y": "ct02", "y_axis": "left"},
        ]
    }


def test_the_reference_moveable_is_preferred() -> None:
    of = columns(moveables=STEP, channels=(channel("ct01"),))
    assert plots(of, "gone", "mot02")["curve-plot"][0]["x"] == "mot02"


def test_without_moveables_curves_run_over_time() -> None:
    of = columns(channels=(channel("ct01"),))
    assert plots(of)["curve-plot"][0]["x"] == "dt"


def test_without_time_curves_run_over_the_point_number() -> None:
    of = columns(channels=(channel("ct01"),))[:-1]
    assert plots(of)["curve-plot"][0]["x"] == "#Pt No"


def test_only_chosen_channels_are_curves_where_the_operator_chose() -> None:
    of = columns(moveables=STEP, channels=(channel("a"), channel("b", is_plotted=True)))
    assert [item["y"] for item in plots(of)["curve-plot"]] == ["b"]


def test_a_mesh_is_a_scatter_with_the_fast_axis_along_x() -> None:
    of = columns(moveables=MESH, channels=(channel("ct01"),))
    made = plots(of)
    assert made["scatter-plot"] == [{"kind": "scatter", "x": "fast", "y": "slow", "value": "ct01"}]
    assert "curve-plot" in made


def test_spectra_are_1d_plots_and_no_curves() -> None:
    of = columns(
        moveables=STEP, channels=(channel("mca", shape=(1024,)), channel("x", shape=(-1,)))
    )
    assert plots(of) == {"1d-plot": [{"kind": "curve", "y": "mca"}, {"kind": "curve", "y": "x"}]}


def test_texts_references_and_images_are_not_plotted() -> None:
    of = columns(
        moveables=MESH, channels=(channel("name", dtype=JSON), channel("image", shape=(4, 4)))
    )
    assert plots(of) == {}


def test_extra_columns_are_curves_too() -> None:
    extra = Column("extra", "extra", "extra", Role.EXTRA, "float64")
    of = (*columns(moveables=STEP), extra)
    assert [item["y"] for item in plots(of)["curve-plot"]] == ["extra"]


def test_plots_name_streams_not_labels() -> None:
    of = columns(moveables=STEP, channels=(channel("ct", stream="full/ct"),))
    assert plots(of)["curve-plot"][0]["y"] == "full/ct"
