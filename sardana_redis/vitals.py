"""What a writer says of itself every two seconds, for operators who are about to scan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

__all__ = ["Disk", "Trouble", "Vitals"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A file that the writer cannot write now, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system that the writer writes to: all below `root`, with `free_bytes` left."""

    root: str
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Vitals:
    """How a writer is.

    `lag_seconds` is the age of the oldest point that is in Redis and not safe in a file; scans
    that wait for others of their file (`pending`), and `parked` ones, do not count. With less
    than `least_free_bytes` left a file system is too full. `sessions`: only scans of these are
    written; empty: of all.
    """

    lag_seconds: float = 0.0
    pending: int = 0
    parked: int = 0
    troubles: tuple[Trouble, ...] = ()
    disks: tuple[Disk, ...] = ()
    least_free_bytes: int = 0
    sessions: tuple[str, ...] = ()

    def trouble_with(self, path: str) -> Trouble | None:
        """What keeps the writer from that file; None where nothing is known to."""
        return next((trouble for trouble in self.troubles if trouble.path == path), None)

    def full_disk_of(self, path: str) -> Disk | None:
        """The file system of that file, if it is known and too full."""
        place = PurePosixPath(path)
        around = [disk for disk in self.disks if place.is_relative_to(disk.root)]
        nearest = max(around, key=lambda disk: len(disk.root), default=None)
        if nearest is None or nearest.free_bytes >= self.least_free_bytes:
            return None
        return nearest
