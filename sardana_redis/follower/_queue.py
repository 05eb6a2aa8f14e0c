"""The scans of one file, in the order of their starts; only the first one is being written."""

from __future__ import annotations

import bisect
import os
from dataclasses import dataclass, field
from pathlib import Path

from sardana_redis.follower._kind import ScanJob, WriterFile
from sardana_redis.runtime import Backoff
from sardana_redis.store import FollowedScan

__all__ = ["FileQueue", "Ticket"]

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_PARKED_PAUSE_SECONDS = 15.0


@dataclass(slots=True)
class Ticket:
    """A scan that waits for its turn; `since` is the monotonic time it came to hand.

    `scan` is its document, or None where it is to be loaded again: a backlog may be long.
    `points` are safe in its file as far as is known.
    """

    key: str
    number: int
    title: str
    since: float
    scan: FollowedScan | None = None
    points: int = 0
    is_parked: bool = False


@dataclass(slots=True)
class FileQueue:
    """Who writes into one file, and what keeps them from it.

    `path` is the file as its first scan spells it, `place` the same without links.
    `failing_since` is the monotonic time since which it cannot be written, for `reason`;
    `stalled` is then the length of its first scan and the time of its oldest unwritten point.
    """

    path: Path
    place: Path
    tickets: list[Ticket] = field(default_factory=list)
    file: WriterFile | None = None
    job: ScanJob | None = None
    failing_since: float | None = None
    reason: str = ""
    next_try: float = 0.0
    synced_at: float = 0.0
    stalled: tuple[int, int | None] = (0, None)
    finished: list[tuple[Ticket, ScanJob]] = field(default_factory=list)
    _pauses: Backoff = field(
        default_factory=lambda: Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
    )

    def add(self, ticket: Ticket) -> None:
        """Takes a scan: behind those that started before it, never before the one in work."""
        first = 1 if self.job is not None else 0
        bisect.insort(self.tickets, ticket, lo=first, key=lambda item: item.key)

    def is_due(self, now: float) -> bool:
        """Whether its first scan may be begun."""
        return bool(self.tickets) and self.job is None and now >= self.next_try

    @property
    def is_stalled(self) -> bool:
        """Whether its file keeps its first scan waiting, which is not parked yet."""
        is_failing = self.failing_since is not None and self.job is None
        return is_failing and bool(self.tickets) and not self.tickets[0].is_parked

    def fail(self, error: Exception, now: float) -> bool:
        """Gives up the job in work until a later try; returns whether the reason is new."""
        self.give_up()
        reason = describe(error, self.path)
        is_new = self.failing_since is None or reason != self.reason
        self.reason = reason
        if self.failing_since is None:
            self.failing_since = now
        is_parked = bool(self.tickets) and self.tickets[0].is_parked
        self.next_try = now + (_PARKED_PAUSE_SECONDS if is_parked else self._pauses.next())
        return is_new

    def open_again(self, when: float) -> None:
        """Gives up the job in work; the file is opened again from `when` on."""
        self.give_up()
        self.next_try = when

    def succeed(self) -> None:
        """Takes note that the file can be written."""
        self.failing_since = None
        self.reason = ""
        self._pauses.reset()

    def give_up(self) -> None:
        """Closes the file; what was written into it stays and is found again."""
        self.job = None
        self.tickets[:0] = [ticket for ticket, _ in self.finished]  # not safe yet
        self.finished.clear()
        if self.file is not None:
            self.file.close()
            self.file = None

    def newly_parked(self, now: float, park_seconds: float) -> list[Ticket]:
        """The scans that have been kept waiting by the file for too long, and were not told yet."""
        if self.failing_since is None:
            return []
        found = [
            ticket
            for ticket in self.tickets
            if not ticket.is_parked and now - max(self.failing_since, ticket.since) >= park_seconds
        ]
        for ticket in found:
            ticket.is_parked = True
        return found


def describe(error: Exception, path: Path) -> str:
    """Why the file at `path` cannot be written, in words; names any other file that matters."""
    if not isinstance(error, OSError):
        return str(error)
    reason = error.strerror or (os.strerror(error.errno) if error.errno else str(error))
    other = error.filename is not None and os.fspath(error.filename) != os.fspath(path)
    return f"{reason}: {os.fsdecode(error.filename)}" if other else reason
