"""What one kind of writer is, to those parts that all kinds share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sardana_redis.model import Info, WriterProgress
from sardana_redis.settings import WriterSettings
from sardana_redis.store import FollowedScan, ScanReader
from sardana_redis.targets import ScanTarget

__all__ = ["Kind", "ScanJob", "WriterFile"]


class WriterFile(Protocol):
    """A file that is open for writing, ours alone."""

    def sync(self) -> None:
        """Returns when all that was written is on the disk. May raise OSError."""

    def close(self) -> None:
        """Closes the file; raises nothing. What was not synced may be gone."""


class ScanJob(Protocol):
    """One scan on its way from Redis into its file.

    `safe` points are on the disk, `lost` ones were no longer in Redis. A job that met an
    error is thrown away: the next one goes on from what the file holds. `active_at` is the
    monotonic time at which points came last.
    """

    scan: FollowedScan
    reader: ScanReader
    safe: int
    lost: int
    written: int
    is_complete: bool
    is_closed: bool
    gone_since: float | None
    active_at: float

    @property
    def is_unfinished(self) -> bool:
        """Whether something has to be done soon, whatever Redis brings."""

    @property
    def has_caught_up(self) -> bool:
        """Whether the file took all that there was when the job began."""

    def pump(self) -> int:
        """Writes what has come; returns how many points that were. May raise OSError."""

    def finish(self, info: Info) -> None:
        """Writes the end of the scan; `info` is the final one. May raise OSError."""

    def finish_without_end(self) -> None:
        """Writes the end of a scan of which Redis knows nothing more. May raise OSError."""

    def mark_safe(self) -> tuple[int, int]:
        """Takes note that the file was synced; rows and lost points that are safe since then."""

    def progress(self) -> WriterProgress:
        """What is safe, for the report."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of writer.

    `name` is its word in Redis, `title` what people call it. `open_file` and `begin` may raise
    OSError; `begin` takes what `open_file` returned. `sync_seconds` lie between two syncs of
    one file.
    """

    name: str
    title: str
    settings: WriterSettings
    target: ScanTarget
    open_file: Callable[[Path], WriterFile]
    begin: Callable[[FollowedScan, Any], ScanJob]
    sync_seconds: float = 0.2
