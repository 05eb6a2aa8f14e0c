"""The columns of a scan as datasets of its file: one place each, links to it elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sardana_redis.keys import REFERENCE_FORMAT
from sardana_redis.model import JSON, StreamSpec
from sardana_redis.nexus._items import Item, attributes, inline, link, stream_dataset
from sardana_redis.nexus._names import h5_name, nx_name, unique_names

__all__ = ["MEASUREMENT", "Field", "column_names", "make_fields"]

MEASUREMENT = "measurement"


@dataclass(frozen=True, slots=True)
class Field:
    """A numeric stream in the file.

    `name` is its name in `measurement`, the stream's own; `nx_name` is the one that NeXus
    allows, used where NeXus defines what a group holds; `label` what Sardana shows;
    `long_name` what a plot shows, None where a reader finds it by itself.
    """

    spec: StreamSpec
    name: str
    nx_name: str
    path: str
    label: str
    long_name: str | None = None

    @property
    def link(self) -> Item:
        """A link to where its data lie."""
        return link(self.path)

    @property
    def dataset(self) -> Item:
        """The dataset that its points are written to.

        Must be the same at the birth and at the close of a scan: blisswriter deletes a
        stream's dataset whose description changed.
        """
        made = attributes(
            units=self.spec.info.get("unit"),
            long_name=self.long_name,
        )
        fill_value = _fill_value(self.spec)
        if fill_value is not None:
            made["fill_value"] = fill_value
        return stream_dataset(self.spec.name, made)


def make_fields(
    entry: str, streams: Iterable[StreamSpec], channels: Mapping[str, Any]
) -> dict[str, Field]:
    """The numeric streams by name; blisswriter can write no others.

    In their order, but images behind references come last: these are found at the end of a
    scan, and change no name that was given before.
    """
    all_specs = list(streams)
    columns = column_names(all_specs)
    specs = sorted((spec for spec in all_specs if spec.dtype != JSON), key=_is_late)
    names = [columns[spec.name] for spec in specs]
    nx_names = unique_names(nx_name(spec.name) for spec in specs)
    fields = {}
    for spec, name, valid in zip(specs, names, nx_names, strict=True):
        channel = channels.get(spec.name, {})
        label = channel.get("display_name", spec.name)
        fields[spec.name] = Field(
            spec=spec,
            name=name,
            nx_name=valid,
            path=f"/{entry}/{MEASUREMENT}/{name}",
            label=label,
            long_name=_long_name(label, name, spec.info.get("unit"), "axis_id" in channel),
        )
    return fields


def column_names(streams: Iterable[StreamSpec]) -> dict[str, str]:
    """The name of each stream's dataset in `measurement`, also of text; numbers come first."""
    specs = sorted(streams, key=_is_late)
    names = unique_names(h5_name(spec.name) for spec in specs)
    return {spec.name: name for spec, name in zip(specs, names, strict=True)}


def _long_name(label: str, name: str, unit: Any, is_of_mesh: bool) -> str | None:
    """What silx 3.1 writes at an axis: without one, the name and the unit.

    Its view of scatters looks axes up by that, and finds no other than a `long_name`.
    """
    if label == name and not (unit and is_of_mesh):
        return None
    return f"{label} ({unit})" if unit else label


def _is_late(spec: StreamSpec) -> bool:
    return spec.dtype == JSON or spec.info.get("format") == REFERENCE_FORMAT


def _fill_value(spec: StreamSpec) -> Item | None:
    """What stands for a missing value, in the dtype of the data; NaN needs no telling."""
    if np.dtype(spec.dtype).kind not in "iu":
        return None
    return inline(spec.fill_value, spec.dtype)
