"""What a writer says of itself, for Tango, for health checks and for people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sardana_redis.follower._counts import Counts
from sardana_redis.follower._queue import FileQueue
from sardana_redis.follower._shelf import Shelf

__all__ = ["ScanStatus", "WriterState", "WriterStatus", "make_status"]


class WriterState(StrEnum):
    """What the writer does: waits for Redis, waits for scans, writes, or has failed for good."""

    STARTING = "starting"
    UNAVAILABLE = "waiting for Redis"
    WAITING = "waiting for scans"
    WRITING = "writing"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ScanStatus:
    """A scan that is being written: `points` are safe in `path`, of `published` in Redis."""

    key: str
    number: int
    title: str
    path: str
    points: int
    published: int


@dataclass(frozen=True, slots=True)
class WriterStatus:
    """A snapshot of the writer.

    `lag_seconds` is the age of the oldest point that is in Redis and not yet safe in a file;
    scans that wait for others of their file (`pending`), and parked ones, do not count.
    """

    title: str = "The writer"
    state: WriterState = WriterState.STARTING
    reason: str = ""
    scans: tuple[ScanStatus, ...] = ()
    rows_written: int = 0
    scans_written: int = 0
    last_file: str = ""
    last_error: str = ""
    retries: int = 0
    lag_points: int = 0
    lag_seconds: float = 0.0
    pending: int = 0
    parked: int = 0
    is_ready: bool = False

    def text(self) -> str:
        """The status in words, some lines."""
        lines = [f"{self.title} is {self.state}{f': {self.reason}' if self.reason else ''}."]
        lines += [
            f"Scan {scan.number} ({scan.title}): {scan.points} of {scan.published} points safe in "
            f"{scan.path}."
            for scan in self.scans
        ]
        if self.pending:
            lines.append(f"{self.pending} scans wait for others of their file.")
        if self.parked:
            lines.append(f"{self.parked} scans are parked: `sardana-redis parked list` tells why.")
        lines.append(f"{self.rows_written} rows of {self.scans_written} scans written since start.")
        if self.last_file:
            lines.append(f"Last file: {self.last_file}.")
        if self.last_error:
            lines.append(f"Last error: {self.last_error}")
        return "\n".join(lines)


def make_status(
    title: str,
    state: WriterState,
    reason: str,
    shelf: Shelf,
    counts: Counts,
    *,
    now_ms: int,
    is_ready: bool,
) -> WriterStatus:
    """The snapshot of a writer that has this on its shelf; `now_ms` is Redis' time."""
    scans = tuple(_scan_status(q) for q in shelf if q.job is not None or q.is_stalled)
    oldest = [job.reader.oldest_time(job.safe) for job in shelf.jobs()]
    oldest += [queue.stalled[1] for queue in shelf if queue.is_stalled]
    ages = [now_ms - moment for moment in oldest if moment is not None]
    return WriterStatus(
        title=title,
        state=state,
        reason=reason,
        scans=scans,
        rows_written=counts.rows,
        scans_written=counts.scans,
        last_file=counts.last_file,
        last_error=counts.last_error,
        retries=counts.retries,
        lag_points=sum(scan.published - scan.points for scan in scans),
        lag_seconds=max(0, *ages, 0) / 1000,
        pending=shelf.pending,
        parked=shelf.parked,
        is_ready=is_ready,
    )


def _scan_status(queue: FileQueue) -> ScanStatus:
    ticket, job = queue.tickets[0], queue.job
    points = ticket.points if job is None else job.safe
    published = max(points, queue.stalled[0]) if job is None else job.reader.length
    return ScanStatus(ticket.key, ticket.number, ticket.title, str(queue.path), points, published)
