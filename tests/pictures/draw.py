"""The default plots of a NeXus file as pictures; nothing but the file is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import silx.io
from matplotlib.figure import Figure
from silx.io.nxdata import get_default

mpl.use("Agg")


def draw_default_plots(file: Path, target: Path) -> Iterator[Path]:
    """Draws the default plot of each entry, of a mesh its picture as well."""
    with silx.io.open(str(file)) as root:
        for name, entry in root.items():
            plot = get_default(entry)
            assert plot is not None
            assert plot.is_valid, plot.issues
            if plot.is_x_y_value_scatter:
                image = get_default(entry[f"image_{plot.signal_dataset_name}"])
                figure = _mesh(name, plot, image)
                picture = target / "nexus-mesh.png"
            else:
                figure = _curves(name, plot)
                picture = target / "nexus-line-scan.png"
            # No version and no date in the file: the same scan makes the same picture.
            small = {"optimize": True}
            figure.savefig(picture, dpi=80, metadata={"Software": None}, pil_kwargs=small)
            yield picture


def _curves(entry: str, plot: Any) -> Figure:
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    signals = [plot.signal, *plot.auxiliary_signals]
    names = [plot.signal_dataset_name, *plot.auxiliary_signals_dataset_names]
    for signal, name in zip(signals, names, strict=True):
        axes.plot(plot.axes[0][()], signal[()], ".-", linewidth=1, label=name)
    _label(axes, plot.axes[0], plot.axes_dataset_names[0], "x")
    units = {signal.attrs.get("units") for signal in signals}
    axes.set_ylabel(" / ".join(sorted(unit for unit in units if unit)))
    axes.legend()
    axes.set_title(f"{entry}   {plot.title}", fontsize=11)
    return figure


def _mesh(entry: str, scatter: Any, image: Any) -> Figure:
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    x, y = (axis[()] for axis in scatter.axes)
    left.scatter(x, y, c=scatter.signal[()], s=16, marker="s", linewidth=0, cmap="viridis")
    left.set_title("default plot: scatter", fontsize=10)
    slow, fast = (axis[()] for axis in image.axes)
    drawn = right.pcolormesh(fast, slow, np.asarray(image.signal), cmap="viridis")
    right.set_title(f"image_{image.signal_dataset_name}", fontsize=10)
    for axes in (left, right):
        _label(axes, scatter.axes[0], scatter.axes_dataset_names[0], "x")
    _label(left, scatter.axes[1], scatter.axes_dataset_names[1], "y")
    unit = scatter.signal.attrs.get("units")
    figure.colorbar(drawn, ax=right, label=_with_unit(scatter.signal_dataset_name, unit))
    figure.suptitle(f"{entry}   {scatter.title}", fontsize=11)
    return figure


def _label(axes: Any, dataset: Any, name: str, which: str) -> None:
    axes.set(**{f"{which}label": _with_unit(name, dataset.attrs.get("units"))})


def _with_unit(name: str, unit: str | None) -> str:
    return f"{name} ({unit})" if unit else name
