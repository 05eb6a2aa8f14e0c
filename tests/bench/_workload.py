"""The scans that are measured: their columns, and records as Sardana makes them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sardana.macroserver.scan.scandata import ColumnDesc, Record

__all__ = ["ARRAYS", "SCALARS", "WORKLOADS", "Workload"]

_TEMPLATES = 64
"""So many records take turns; what they hold does not depend on the point."""

_PREFIX = "tango://bench-host.example.org:10000/expchan/bench_ctctrl01"


@dataclass(frozen=True, slots=True)
class Workload:
    """A scan of `scalars` scalar columns and, for each of `arrays`, one of that dtype and shape.

    `pace` is a realistic rate in points/s, `top` the rate at which CPU time and memory are
    measured, `rates` those of the latencies; `burst` is the most points back to back, and
    `backlog` the points that may wait when the highest rate is looked for.
    """

    title: str
    scalars: int
    arrays: tuple[tuple[str, tuple[int, ...]], ...] = ()
    pace: float = 200.0
    top: float = 1000.0
    rates: tuple[float, ...] = (10.0, 100.0, 1000.0)
    burst: int = 2000
    backlog: int = 1000

    @property
    def columns(self) -> int:
        """How many columns a point has."""
        return self.scalars + len(self.arrays)

    @property
    def suffix(self) -> str:
        """What a figure's name says beyond the number of columns."""
        return f", {self.title}" if self.arrays else ""

    def descriptions(self) -> list[ColumnDesc]:
        """The columns in Sardana's order: point number, motor, channels, time."""
        channels = [
            ColumnDesc(name=f"{_PREFIX}/{i}", label=f"ct{i:04}", dtype=dtype, shape=shape)
            for i, (dtype, shape) in enumerate(self._channels(), start=1)
        ]
        return [
            ColumnDesc(name="point_nb", label="#Pt No", dtype="int64"),
            ColumnDesc(name=f"{_PREFIX}/motor", label="mot01", moveable="mot01"),
            *channels,
            ColumnDesc(name="timestamp", label="dt", dtype="float64"),
        ]

    def records(self, numbers: Iterable[int]) -> Iterator[Record]:
        """A record for each number; its `timestamp` is the nanosecond it was made at."""
        templates = self._templates()
        for number in numbers:
            data = dict(templates[number % _TEMPLATES])
            data["point_nb"] = number
            data["timestamp"] = float(time.time_ns())
            record = Record(data)
            record.setRecordNo(number)
            yield record

    def _channels(self) -> list[tuple[str, tuple[int, ...]]]:
        return [("float64", ())] * (self.scalars - 3) + list(self.arrays)

    def _templates(self) -> list[dict[str, Any]]:
        random = np.random.default_rng(4)
        columns = [(desc.name, desc.dtype, tuple(desc.shape)) for desc in self.descriptions()]
        arrays = {
            name: (random.random(shape) * 1e5).astype(dtype)
            for name, dtype, shape in columns
            if shape
        }
        return [
            {name: arrays.get(name, float(random.random())) for name, _, _ in columns}
            for _ in range(_TEMPLATES)
        ]


SCALARS = tuple(Workload(f"{n} columns", n) for n in (10, 100, 300, 1000))
ARRAYS = Workload(
    "10 scalars, a 1D of 4096 and a 2D of 512x512",
    10,
    (("float64", (4096,)), ("int32", (512, 512))),
    pace=20.0,
    top=50.0,
    rates=(10.0, 50.0),
    burst=30,
    backlog=16,
)
WORKLOADS = (*SCALARS, ARRAYS)
