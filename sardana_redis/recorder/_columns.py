"""From Sardana's column descriptions to ours.

Sardana 3.7.1, `macroserver/scan/scandata.py`: shapes come as list, tuple, array or None,
dtypes as names, types or numpy dtypes; only channels have `data_units`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sardana_redis.keys import REFERENCE_FORMAT
from sardana_redis.model import JSON, Axis, Column, Role, StreamSpec
from sardana_redis.publisher import missing_value

__all__ = ["make_columns", "stream_dtype", "stream_shape", "stream_specs"]

_TIME_NAMES = ("timestamp", "epoch")
_PLOT_TYPE_SPECTRUM = 1  # sardana.taurus.core.tango.sardana.PlotType.Spectrum


def make_columns(
    datadesc: Sequence[Any], counters: Iterable[str], axes: Mapping[str, Axis]
) -> tuple[Column, ...]:
    """The columns of a scan in Sardana's order; `axes` are those of its moveables by name."""
    channels = frozenset(counters)
    labels = [str(desc.label) for desc in datadesc]
    streams = _stream_names(labels, [str(desc.name) for desc in datadesc])
    return tuple(
        _make_column(desc, stream, channels, axes)
        for desc, stream in zip(datadesc, streams, strict=True)
    )


def stream_specs(columns: Iterable[Column]) -> tuple[StreamSpec, ...]:
    """The streams that the columns are published in."""
    return tuple(_stream_spec(column) for column in columns)


def stream_dtype(declared: Any) -> str:
    """The dtype of the stream for a declared one: a numpy name, or `json` for all else."""
    if declared is None or (isinstance(declared, str) and declared in ("str", "string")):
        return JSON
    try:
        dtype = np.dtype(declared)
    except (TypeError, ValueError, SyntaxError):  # numpy parses texts such as "(2," as Python
        return JSON
    if dtype.kind not in "biufc":
        return JSON
    if dtype.name in ("longdouble", "float128"):
        return "float64"
    if dtype.name in ("clongdouble", "complex256"):
        return "complex128"
    return str(dtype.name)


def stream_shape(declared: Any) -> tuple[int, ...]:
    """The shape of one point: () for a scalar, -1 for a dimension that is not declared."""
    if declared is None:
        return ()
    return tuple(
        int(size) if size is not None and int(size) > 0 else -1
        for size in np.atleast_1d(np.asarray(declared, dtype=object)).tolist()
    )


def _make_column(
    desc: Any, stream: str, channels: frozenset[str], axes: Mapping[str, Axis]
) -> Column:
    name = str(desc.name)
    is_reference = bool(getattr(desc, "value_ref_enabled", False))
    dtype = JSON if is_reference else stream_dtype(desc.dtype)
    role = _role(desc, name, channels)
    return Column(
        name=name,
        label=str(desc.label),
        stream=stream,
        role=role,
        dtype=dtype,
        shape=() if dtype == JSON else stream_shape(desc.shape),
        unit="s" if role is Role.TIME else _unit(desc),
        is_reference=is_reference,
        is_plotted=getattr(desc, "plot_type", 0) == _PLOT_TYPE_SPECTRUM,
        axis=axes.get(name, Axis()),
    )


def _role(desc: Any, name: str, channels: frozenset[str]) -> Role:
    if name == "point_nb":
        return Role.POINT_NUMBER
    if name in _TIME_NAMES:
        return Role.TIME
    if hasattr(desc, "moveable"):
        return Role.MOVEABLE
    return Role.CHANNEL if name in channels else Role.EXTRA


def _unit(desc: Any) -> str | None:
    unit = getattr(desc, "data_units", None)
    return str(unit) if unit and str(unit) != "No unit" else None


def _stream_names(labels: Sequence[str], names: Sequence[str]) -> list[str]:
    """The labels; full names where a label occurs twice; a number behind what still does."""
    often = Counter(labels)
    wanted = [
        name if often[label] > 1 else label for label, name in zip(labels, names, strict=True)
    ]
    taken: set[str] = set()
    result = []
    for name in wanted:
        unique = name
        number = 2
        while unique in taken:
            unique = f"{name} ({number})"
            number += 1
        taken.add(unique)
        result.append(unique)
    return result


def _stream_spec(column: Column) -> StreamSpec:
    info: dict[str, Any] = {}
    if column.unit is not None:
        info["unit"] = column.unit
    fill_value = None
    if column.is_reference:
        info["format"] = REFERENCE_FORMAT
    elif column.dtype != JSON and np.dtype(column.dtype).kind in "biu":
        fill_value = missing_value(np.dtype(column.dtype))
        info["fill_value"] = fill_value
    return StreamSpec(column.stream, column.dtype, column.shape, info, fill_value)
