"""The plots that a display shows for a scan without being asked.

Source of the forms: blissdata 2.4.5, `schemas/scan_info_display.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sardana_redis.model import JSON, Column, Role

__all__ = ["make_plots"]

Plot = dict[str, Any]


def make_plots(columns: Sequence[Column], reference_moveables: Sequence[str]) -> list[Plot]:
    """A scatter for a mesh, curves over the first reference moveable or time, and 1D channels.

    Curves are the channels that the operator chose in expconf, else all scalar ones.
    """
    plots = []
    mesh = sorted((c for c in columns if c.axis.index is not None), key=lambda c: c.axis.index or 0)
    values = _plotted(columns)
    if len(mesh) > 1 and values:
        plots.append(_scatter(mesh[0], mesh[1], values))
    x = _abscissa(columns, reference_moveables)
    if x is not None and values:
        plots.append(_curves(x, values))
    spectra = [c for c in columns if len(c.shape) == 1 and c.dtype != JSON]
    if spectra:
        items = [{"kind": "curve", "y": column.stream} for column in spectra]
        plots.append({"kind": "1d-plot", "name": "1d", "items": items})
    return plots


def _plotted(columns: Sequence[Column]) -> list[Column]:
    scalars = [
        c
        for c in columns
        if c.role in (Role.CHANNEL, Role.EXTRA) and not c.shape and c.dtype != JSON
    ]
    return [column for column in scalars if column.is_plotted] or scalars


def _abscissa(columns: Sequence[Column], reference_moveables: Sequence[str]) -> Column | None:
    for name in reference_moveables:
        for column in columns:
            if column.name == name and column.role is Role.MOVEABLE:
                return column
    for role in (Role.MOVEABLE, Role.TIME, Role.POINT_NUMBER):
        for column in columns:
            if column.role is role:
                return column
    return None


def _scatter(fast: Column, slow: Column, values: Sequence[Column]) -> Plot:
    items = [
        {"kind": "scatter", "x": fast.stream, "y": slow.stream, "value": column.stream}
        for column in values
    ]
    return {"kind": "scatter-plot", "name": "scatter", "items": items}


def _curves(x: Column, values: Sequence[Column]) -> Plot:
    items = [
        {"kind": "curve", "x": x.stream, "y": column.stream, "y_axis": "left"} for column in values
    ]
    return {"kind": "curve-plot", "name": "curve", "items": items}
