"""What Sardana gave to every recorder of a scan, read back bit by bit.

The recorder is `capture_recorder.py`, a plugin for Sardana's RecorderPath; reading a
capture needs no Sardana.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

__all__ = ["SUFFIX", "Capture", "CapturedColumn", "captures", "load_capture"]

SUFFIX: Final = ".capture"


@dataclass(frozen=True, slots=True)
class CapturedColumn:
    """A column as Sardana declared it; `attributes` holds all that it had."""

    name: str
    label: str
    dtype: str
    shape: tuple[int, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_reference(self) -> bool:
        """Whether its values are references to data elsewhere."""
        return bool(self.attributes.get("value_ref_enabled"))


@dataclass(frozen=True, slots=True)
class Capture:
    """One scan.

    `start` and `end` are the environ as plain values (`end` is empty while the scan runs
    or where it never ended), `records` the `data` of each record, `custom` the custom data
    as {name, value, nxpath...}, also what came after the end.
    """

    path: Path
    start: Mapping[str, Any]
    columns: tuple[CapturedColumn, ...]
    records: tuple[Mapping[str, Any], ...]
    custom: tuple[Mapping[str, Any], ...]
    end: Mapping[str, Any]

    @property
    def number(self) -> int:
        """Sardana's ScanID."""
        return int(self.start["serialno"])

    def values(self, column: CapturedColumn) -> list[Any]:
        """The recorded values of a column, in order; None where a record has none."""
        return [record.get(column.name) for record in self.records]


def captures(folder: Path) -> list[Capture]:
    """All captures of a folder, in the order in which the scans started."""
    return [load_capture(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]


def load_capture(path: Path) -> Capture:
    """The capture in a file; what a killed MacroServer left half-written is left out.

    The file is a pickle: load only what your own MacroServer wrote.
    """
    frames: dict[str, list[Any]] = {"start": [], "columns": [], "record": [], "custom": []}
    end: Mapping[str, Any] = {}
    with path.open("rb") as file:
        while True:
            try:
                kind, content = pickle.load(file)  # noqa: S301  # our own MacroServer wrote it
            except (EOFError, pickle.UnpicklingError):
                break
            if kind == "end":
                end = content
            else:
                frames[kind].append(content)
    start = frames["start"][0] if frames["start"] else {}
    columns = frames["columns"][0] if frames["columns"] else ()
    return Capture(
        path=path,
        start=start,
        columns=tuple(_column(attributes) for attributes in columns),
        records=tuple(frames["record"]),
        custom=tuple(frames["custom"]),
        end=end,
    )


def _column(attributes: Mapping[str, Any]) -> CapturedColumn:
    return CapturedColumn(
        name=attributes["name"],
        label=attributes["label"],
        dtype=str(attributes["dtype"]),
        shape=_shape(attributes["shape"]),
        attributes=attributes,
    )


def _shape(declared: Any) -> tuple[int, ...]:
    """The declared shape, 0 where a size is unknown; () where nothing is declared."""
    if declared is None:
        return ()
    sizes = np.atleast_1d(np.asarray(declared, dtype=object)).tolist()
    return tuple(0 if size is None else int(size) for size in sizes)
