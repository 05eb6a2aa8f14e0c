"""Where the NeXus writer's fault happens; what was published is the measure of its files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from sardana_redis import log
from sardana_redis.nexus_writer import NexusWriter
from sardana_redis.runtime import stop_on_signals
from sardana_redis.settings import NexusWriterSettings, Settings
from tests.faults.arena import eventually
from tests.faults.check import Checker
from tests.faults.writer_arena import WriterArena


def run_nexus_writer(url: str, name: str, log_file: str) -> None:
    """In the writer's own process."""
    with Path(log_file).open("a", encoding="utf-8") as text:
        os.dup2(text.fileno(), 2)
        log.configure("info", json=True)
        with stop_on_signals() as stop:
            own = NexusWriterSettings(
                writer_name=name, park_seconds=3600, sync_seconds=0.05, chunk_seconds=0.1
            )
            NexusWriter(Settings(url=url, nexus_writer=own)).run(stop)


class NexusArena(WriterArena):
    """One run of a fault of the NeXus writer, which syncs often here: it has more to lose."""

    run_writer = staticmethod(run_nexus_writer)
    file_names = ("a.h5", "b.h5")

    def check_readable(self) -> None:
        """Every file can be opened as the writer's death left it, but for a begun commit."""
        for path in self.data.glob("*.h5"):
            journal = path.with_name(f".{path.name}.journal")
            is_begun = journal.exists() and journal.stat().st_size
            if is_begun or not any(path.read_bytes()[:8]):
                continue
            with h5py.File(path) as file:
                for entry in file.values():
                    for dataset in entry["measurement"].values():
                        assert len(dataset[()]) == len(dataset)

    def verify(self, check: Checker) -> dict[str, bytes]:
        """All points are there once, in one complete entry each, and nothing else."""
        eventually(self._is_at_rest, 20, "all files are closed")
        self.kill()
        found: dict[str, list[int]] = {}
        for path in sorted(self.data.iterdir()):
            assert path.suffix == ".h5", f"{path.name} is left over"
            with h5py.File(path) as file:
                for name, entry in file.items():
                    key = entry.attrs["scan_key"]
                    assert key not in found, f"{key} is there twice"
                    assert entry["writer/status"].asstr()[()] == "SUCCEEDED", name
                    assert entry["end_reason"].asstr()[()] in ("SUCCESS", "USER_ABORT")
                    found[key] = self._compare(key, entry["measurement"])
        assert found.keys() == set(self.keys), "scans are missing in the files"
        for key in self.keys:
            check.count(found[key], self._published[key])
        return {}

    def _is_at_rest(self) -> bool:
        return all(path.suffix == ".h5" for path in self.data.iterdir())

    def _compare(self, key: str, measurement: Any) -> list[int]:
        """The point numbers of an entry, all of whose values are what was published."""
        columns = self.columns[key]
        rows = [self.row(columns, index) for index in self._published[key]]
        for at, column in enumerate(columns if rows else ()):
            expected = [row[at] for row in rows]
            self.check_column(measurement, column, expected)
        assert len(measurement) == (self.datasets_of(columns) if rows else 0)
        return [int(number) for number in measurement["#Pt No"]] if rows else []

    def datasets_of(self, columns: list[Any]) -> int:
        """How many datasets these columns are in a file."""
        return len(columns)

    def check_column(self, measurement: Any, column: Any, expected: list[Any]) -> None:
        """The column's values and dtype are what was published."""
        dataset = measurement[column.label]
        if column.dtype == "json":
            assert list(dataset.asstr()[()]) == expected, column.label
        else:
            got = dataset[()]
            assert got.dtype == np.dtype(column.dtype)
            assert np.array_equal(got, np.array(expected), equal_nan=True), column.label
