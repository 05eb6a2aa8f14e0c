"""The columns of a scan as datasets of its file: one place each, links to it elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sardana_redis.model import JSON, StreamSpec
from sardana_redis.nexus._items import Item, attributes, inline, link, stream_dataset
from sardana_redis.nexus._names import h5_name, nx_name, unique_names

__all__ = ["MEASUREMENT", "Field", "column_names", "make_fields"]

MEASUREMENT = "measurement"


@dataclass(frozen=True, slots=True)
class Field:
    """A numeric stream in the file.

    `name` is its name in `measurement`, the stream's own; `nx_name` is the one that NeXus
    allows, used where NeXus defines what a group holds; `label` what Sardana shows.
    """

    spec: StreamSpec
    name: str
    nx_name: str
    path: str
    label: str

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
            long_name=self.label if self.label != self.name else None,
        )
        fill_value = _fill_value(self.spec)
        if fill_value is not None:
            made["fill_value"] = fill_value
        return stream_dataset(self.spec.name, made)


def make_fields(
    entry: str, streams: Iterable[StreamSpec], channels: Mapping[str, Any]
) -> dict[str, Field]:
    """The numeric streams by name, in their order; blisswriter can write no others."""
    all_specs = list(streams)
    columns = column_names(all_specs)
    specs = [spec for spec in all_specs if spec.dtype != JSON]
    names = [columns[spec.name] for spec in specs]
    nx_names = unique_names(nx_name(spec.name) for spec in specs)
    return {
        spec.name: Field(
            spec=spec,
            name=name,
            nx_name=valid,
            path=f"/{entry}/{MEASUREMENT}/{name}",
            label=channels.get(spec.name, {}).get("display_name", spec.name),
        )
        for spec, name, valid in zip(specs, names, nx_names, strict=True)
    }


def column_names(streams: Iterable[StreamSpec]) -> dict[str, str]:
    """The name of each stream's dataset in `measurement`, also of text; numbers come first."""
    specs = sorted(streams, key=lambda spec: spec.dtype == JSON)
    names = unique_names(h5_name(spec.name) for spec in specs)
    return {spec.name: name for spec, name in zip(specs, names, strict=True)}


def _fill_value(spec: StreamSpec) -> Item | None:
    """What stands for a missing value, in the dtype of the data; NaN needs no telling."""
    if np.dtype(spec.dtype).kind not in "iu":
        return None
    return inline(spec.fill_value, spec.dtype)
