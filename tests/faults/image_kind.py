"""The fault of images behind references: killed while their column is made."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from sardana_redis.nexus_writer import _job
from tests import scans
from tests.faults.arena import eventually
from tests.faults.check import Checker
from tests.faults.nexus_arena import NexusArena, run_nexus_writer

FRAMES = 11
_LATEST_STEP = 60
"""The end of a scan takes so many steps on the disk, about."""

_DOOM = "doom"


def _run_doomed_writer(url: str, name: str, log_file: str) -> None:
    """In the writer's own process, which kills itself where the file `doom` says."""
    doom = Path(log_file).with_name(_DOOM)
    if doom.exists():
        _die_at(int(doom.read_text(encoding="utf-8")))
    run_nexus_writer(url, name, log_file)


def _die_at(step: int) -> None:
    """Kills this process at a step on the disk, counted from when images are shown."""
    left: list[int] = []
    show = _job.show_images

    def shown(*arguments: Any) -> Any:
        left[:] = left or [step]
        tick()
        made = show(*arguments)
        tick()
        return made

    def tick() -> bool:
        """Counts a step; dies at the last one."""
        if left:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return bool(left) and left[0] == 0

    def stepwise(call: Callable[..., Any]) -> Callable[..., Any]:
        def step_of(*arguments: Any) -> Any:
            tick()
            return call(*arguments)

        return step_of

    pwrite = os.pwrite

    def torn(fd: int, data: Any, place: int) -> int:
        if tick():
            pwrite(fd, memoryview(data)[: len(data) // 2], place)
            tick()
        return pwrite(fd, data, place)

    _job.show_images = shown
    os.pwrite = torn
    for name in ("fsync", "ftruncate", "truncate", "unlink"):
        setattr(os, name, stepwise(getattr(os, name)))


class ImageArena(NexusArena):
    """One run of the fault: all scans have a column of references to eleven files."""

    run_writer = staticmethod(_run_doomed_writer)

    def __init__(self, rng: random.Random, folder: Path, *, quick: bool) -> None:
        super().__init__(rng, folder, quick=quick)
        self.images = folder / "images"
        self.images.mkdir()
        self.frames = [np.arange(35, dtype="uint16").reshape(5, 7) + i for i in range(FRAMES)]
        for index, frame in enumerate(self.frames):
            with h5py.File(self.images / f"{index}.h5", "w") as file:
                file["dataset"] = frame

    def draw_columns(self) -> list[Any]:
        """Some columns of any kind, and the images."""
        return [*super().draw_columns(), scans.column("cam", "json", is_reference=True)]

    def row(self, columns: Sequence[Any], index: int) -> list[Any]:
        """A point, its image behind a reference."""
        *others, _ = columns
        return [*super().row(others, index), f"h5file://{self.images}/{index}.h5"]

    def datasets_of(self, columns: list[Any]) -> int:
        """One for each column, and the references beside the images."""
        return len(columns) + 1

    def check_column(self, measurement: Any, column: Any, expected: list[Any]) -> None:
        """The images are those in their files; the references are beside them."""
        if column.label != "cam":
            super().check_column(measurement, column, expected)
            return
        assert list(measurement["_cam"].asstr()[()]) == expected
        assert measurement["cam"].is_virtual
        assert np.array_equal(measurement["cam"][:], self.frames)

    def kill_while_images_are_shown(self) -> bool:
        """Has one more scan written by a writer that kills itself; whether it came to that."""
        step = self.rng.randrange(_LATEST_STEP)
        (self.folder / _DOOM).write_text(str(step), encoding="utf-8")
        self.scan(points=FRAMES)
        self.start()
        process = self._process
        try:
            eventually(lambda: not process.is_alive() or self._is_written(), 60, "killed")
            is_killed = not process.is_alive()
            if is_killed:
                assert process.exitcode == -signal.SIGKILL, process.exitcode
        finally:
            self.kill()
        self.check_readable()
        return is_killed

    def _is_written(self) -> bool:
        reports = self.reports("disturbed")
        return all(key in reports and reports[key].state == "done" for key in self.keys)


def killed_while_images_are_shown(arena: ImageArena, check: Checker) -> None:
    """The NeXus writer killed with SIGKILL, 20 times while it makes a column of images."""
    wanted = 4 if arena.quick else 20
    kills = sum(arena.kill_while_images_are_shown() for _ in range(wanted))
    while kills < wanted:
        kills += arena.kill_while_images_are_shown()
        assert arena.scans < 4 * wanted, f"killed only {kills} times"
    (arena.folder / _DOOM).unlink()
    arena.start()
    arena.wait_written()
    arena.verify(check)
