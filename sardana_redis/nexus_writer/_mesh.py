"""A mesh as images beside its scatters, where its points lie on a grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import h5py
import numpy as np
import numpy.typing as npt

from sardana_redis.model import AxisKind, Info
from sardana_redis.nexus import MEASUREMENT
from sardana_redis.publisher import missing_value

__all__ = ["Grid", "add_mesh_images"]

_SCATTER: Final = "scatter_"
_IMAGE: Final = "image_"

_AXES: Final = 2

_Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of so many points each; `is_snake`: every other row is travelled backwards."""

    row_length: int
    is_snake: bool

    def arranged(self, values: _Array) -> _Array:
        """The values in the order of a picture; what the last row lacks is a missing value."""
        rows = -(-len(values) // self.row_length)
        flat = np.full(rows * self.row_length, missing_value(values.dtype), values.dtype)
        flat[: len(values)] = values
        picture = flat.reshape(rows, self.row_length)
        if self.is_snake:
            picture[1::2] = picture[1::2, ::-1]
        return picture

    def axes(self, fast: _Array, slow: _Array) -> tuple[_Array, _Array] | None:
        """Where columns and rows of the picture are, from all points' positions.

        None where points are further than half a step from there (continuous scans that turn
        round do that), or where there is no picture to see.
        """
        xs, ys = (self.arranged(values.astype(float)) for values in (fast, slow))
        if min(xs.shape) < 2:
            return None
        x, y = xs[0], np.where(np.isnan(ys[:, 0]), ys[:, -1], ys[:, 0])
        is_regular = _is_near(xs, x) and _is_near(ys.T, y)
        return (x, y) if is_regular else None


def add_mesh_images(entry: Any, info: Info, names: Mapping[str, str]) -> None:
    """Adds an NXdata `image_<channel>` for each scatter of the open entry of a mesh.

    `names` are those of the streams' datasets in `measurement`.
    """
    streams = _moveables(info)
    grid = _grid(info.get("channels", {}).get(streams[0], {}))
    fast, slow = (entry[MEASUREMENT].get(names.get(stream, "")) for stream in streams)
    if grid is None or fast is None or slow is None:
        return
    axes = grid.axes(fast[()], slow[()])
    if axes is not None:
        _add(entry, grid, axes)


def _moveables(info: Info) -> tuple[str, str]:
    """The streams of the fast and the slow axis of the first scatter; empty for no mesh."""
    for plot in info.get("plots", ()):
        for item in plot.get("items", ()) if plot.get("kind") == "scatter-plot" else ():
            return item.get("x", ""), item.get("y", "")
    return "", ""


def _grid(fast: Mapping[str, Any]) -> Grid | None:
    points = fast.get("axis_points")
    is_snake = fast.get("axis_kind") == AxisKind.BACK_AND_FORTH
    return Grid(points, is_snake) if isinstance(points, int) and points > 0 else None


def _add(entry: Any, grid: Grid, axes: tuple[_Array, _Array]) -> None:
    for name in [name for name in entry if _is_scatter(entry, name)]:
        scatter: Any = entry[name]
        image = _IMAGE + name.removeprefix(_SCATTER)
        if image in entry:
            continue
        made = entry.create_group(image)
        signal: str = scatter.attrs["signal"]
        fast, slow = scatter.attrs["axes"]
        made.attrs["NX_class"] = "NXdata"
        made.attrs["signal"] = signal
        made.attrs["axes"] = [slow, fast]
        made["title"] = h5py.SoftLink(f"{entry.name}/title")
        content = {signal: grid.arranged(scatter[signal][()]), fast: axes[0], slow: axes[1]}
        for part, values in content.items():
            made.create_dataset(part, data=values)
            made[part].attrs.update(scatter[part].attrs)
        made[signal].attrs["interpretation"] = "image"


def _is_scatter(entry: Any, name: str) -> bool:
    """Whether it is one of ours; a macro's own data may have such a name."""
    item = entry.get(name) if name.startswith(_SCATTER) else None
    if item is None or item.attrs.get("NX_class") != "NXdata":
        return False
    return item.attrs.get("signal") in list(item) and len(item.attrs.get("axes", ())) == _AXES


def _is_near(positions: _Array, axis: _Array) -> bool:
    steps = np.abs(np.diff(axis))
    if not steps.min() > 0:  # NaN too
        return False
    distances = np.abs(positions - axis)
    return bool(np.nanmax(distances) < steps.min() / 2)
