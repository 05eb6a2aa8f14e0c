"""From a writer's positions to its lag. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sardana_redis.keys import WRITER_UP_SECONDS
from sardana_redis.model import WriterProgress, WriterRecord, WriterScanState

__all__ = ["ScanPosition", "WriterLag", "writer_lag"]


@dataclass(frozen=True, slots=True)
class ScanPosition:
    """A scan of `end` points, and what a writer reported of it, if anything.

    `oldest_ms` is Redis' time at which the first point was sent that is not written, as far as
    that is known.
    """

    end: int
    progress: WriterProgress | None
    oldest_ms: int | None

    @property
    def missing(self) -> int:
        """The points in Redis that are not safe in the file."""
        if self.progress is None:
            return self.end
        if self.progress.state is not WriterScanState.OPEN:
            return 0
        return max(0, self.end - self.progress.points)

    @property
    def waits(self) -> bool:
        """Whether the scan waits for another one of its file, or is parked."""
        progress = self.progress
        return progress is not None and progress.waits and progress.state is WriterScanState.OPEN


@dataclass(frozen=True, slots=True)
class WriterLag:
    """How far a writer is behind; `last_progress_seconds` is Unix time, 0.0 for never."""

    points: int
    seconds: float
    pending_scans: int
    last_progress_seconds: float
    is_up: bool


def writer_lag(
    now_ms: int, record: WriterRecord, last_progress_ms: int, scans: Iterable[ScanPosition]
) -> WriterLag:
    """The lag of a writer over all scans in Redis.

    Its seconds are the age of the oldest point that is not safe in a file, without scans that
    wait for another one: 0.0 when all is written.
    """
    points = pending = 0
    oldest_ms = now_ms
    for scan in scans:
        points += scan.missing
        if scan.waits:
            pending += 1
        elif scan.missing and scan.oldest_ms is not None:
            oldest_ms = min(oldest_ms, scan.oldest_ms)
    return WriterLag(
        points=points,
        seconds=(now_ms - oldest_ms) / 1000,
        pending_scans=pending,
        last_progress_seconds=last_progress_ms / 1000,
        is_up=now_ms - record.seen_ms <= WRITER_UP_SECONDS * 1000,
    )
