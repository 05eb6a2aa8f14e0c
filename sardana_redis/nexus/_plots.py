"""The plots of a scan as NXdata groups, the default one first.

silx 3.1 (`silx.io.nxdata`): a signal of one dimension with two axes of its length is a
scatter; a stack of spectra needs `interpretation` or one axis for each dimension.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sardana_redis.nexus._fields import Field
from sardana_redis.nexus._items import Tree, group, link
from sardana_redis.nexus._names import unique_names

__all__ = ["make_plots"]

_MOST_SIGNALS: Final = 20
"""Curves in one plot, and plots of one kind: nobody looks at more, and each costs bytes."""

_Fields = Mapping[str, Field]
_Plots = list[tuple[str, Tree]]


def make_plots(entry: str, info: Mapping[str, Any], fields: _Fields) -> dict[str, Tree]:
    """NXdata groups by name, in the order of `info["plots"]`, then one for each 2D channel."""
    made: _Plots = []
    abscissa: Field | None = None
    for plot in info.get("plots", ()):
        items = plot.get("items", ())
        if plot.get("kind") == "scatter-plot":
            made += _scatters(entry, items, fields)
        elif plot.get("kind") == "curve-plot":
            curves = _curves(entry, items, fields)
            made += curves
            abscissa = abscissa or next((fields.get(item.get("x")) for item in items), None)
        elif plot.get("kind") == "1d-plot":
            spectra = [fields[item["y"]] for item in items if item.get("y") in fields]
            made += _stacks(entry, "spectrum", spectra, abscissa)
    images = [field for field in fields.values() if len(field.spec.shape) == 2]
    made += _stacks(entry, "image", images, abscissa)
    names = unique_names(name for name, _ in made)
    return {name: plot for name, (_, plot) in zip(names, made, strict=True)}


def _scatters(entry: str, items: Iterable[Mapping[str, Any]], fields: _Fields) -> _Plots:
    """One plot for each value over the two axes of a mesh."""
    made: _Plots = []
    for item in items:
        found = [fields.get(item.get(part, "")) for part in ("x", "y", "value")]
        x, y, value = found
        if x is not None and y is not None and value is not None and len(made) < _MOST_SIGNALS:
            made.append((f"scatter_{value.nx_name}", _nxdata(entry, [value], [x, y])))
    return made


def _curves(entry: str, items: Iterable[Mapping[str, Any]], fields: _Fields) -> _Plots:
    """One plot for each abscissa, with all the curves over it."""
    by_x: dict[str, list[Field]] = {}
    for item in items:
        x, y = fields.get(item.get("x", "")), fields.get(item.get("y", ""))
        if x is not None and y is not None and x is not y:
            by_x.setdefault(x.spec.name, []).append(y)
    return [
        (f"curves_{fields[x].nx_name}", _nxdata(entry, signals[:_MOST_SIGNALS], [fields[x]]))
        for x, signals in by_x.items()
    ]


def _stacks(entry: str, kind: str, signals: list[Field], abscissa: Field | None) -> _Plots:
    """One plot for each signal that has more than one value a point.

    Without `axes`: a placeholder for the pixels is right by the manual, but an error for punx.
    """
    beside = [] if abscissa is None else [abscissa]
    return [
        (f"{kind}_{signal.nx_name}", _nxdata(entry, [signal], beside, interpretation=kind))
        for signal in signals[:_MOST_SIGNALS]
    ]


def _nxdata(
    entry: str, signals: list[Field], axes: list[Field], interpretation: str | None = None
) -> Tree:
    """The group; all axes run along the points."""
    return group(
        "NXdata",
        {
            "title": link(f"/{entry}/title"),
            **{field.nx_name: field.link for field in (*signals, *axes)},
        },
        signal=signals[0].nx_name,
        auxiliary_signals=[field.nx_name for field in signals[1:]] or None,
        axes=[axis.nx_name for axis in axes] if interpretation is None else None,
        interpretation=interpretation,
        **{f"{axis.nx_name}_indices": 0 for axis in axes},
    )
