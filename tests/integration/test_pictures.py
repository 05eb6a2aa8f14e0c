"""The pictures in the documents can be drawn from a file of today."""

from __future__ import annotations

from pathlib import Path

import silx.io
from PIL import Image
from silx.io.nxdata import get_default

from tests.pictures.__main__ import IMAGES, make_file
from tests.pictures.draw import draw_default_plots


def test_silx_view_finds_the_axes_of_a_mesh_by_what_it_calls_them(tmp_path: Path) -> None:
    """Its view of scatters (3.1.3) ends in an error for an axis with units and no `long_name`."""
    with silx.io.open(str(make_file(tmp_path))) as file:
        for name in ("scatter_ct01", "image_ct01"):
            plot = get_default(file[f"42.1/{name}"])
            assert plot is not None
            assert set(plot.axes_names) == {"mot01 (mm)", "mot02 (mm)"}
            assert [plot.get_axis_errors(axis) for axis in plot.axes_names] == [None, None]


def test_the_pictures_are_drawn_from_the_file_alone(tmp_path: Path) -> None:
    drawn = list(draw_default_plots(make_file(tmp_path), tmp_path))
    assert [path.name for path in drawn] == ["nexus-line-scan.png", "nexus-mesh.png"]
    for path in drawn:
        with Image.open(path) as now, Image.open(IMAGES / path.name) as shown:
            assert now.size == shown.size
