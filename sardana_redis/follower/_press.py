"""The writing itself: scans are begun, brought into their files, ended and made safe."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from sardana_redis.errors import FileChangedError, FileRefusedError, StoreUnavailable
from sardana_redis.follower._counts import Counts
from sardana_redis.follower._desk import Desk
from sardana_redis.follower._kind import Kind, ScanJob
from sardana_redis.follower._pace import Pace
from sardana_redis.follower._queue import FileQueue, Ticket
from sardana_redis.follower._shelf import Shelf
from sardana_redis.log import get_logger
from sardana_redis.model import Info, ScanState, WriterProgress, WriterScanState
from sardana_redis.store import MALFORMED, FollowedScan, FollowStore

__all__ = ["Press"]

_log = get_logger("sardana_redis.follower")

_MOST_JOBS = 64
_READ_AT_ONCE = 8
_STATE_SECONDS = 1.0
_GONE_SECONDS = 60.0
_IDLE_SECONDS = 10.0
_FILE_CHANGED_PAUSE_SECONDS = 0.05


class Press:
    """Writes the scans of a shelf. What a file refuses is tried again; Redis' errors are raised."""

    def __init__(
        self,
        store: FollowStore,
        desk: Desk,
        shelf: Shelf,
        kind: Kind,
        counts: Counts,
    ) -> None:
        self._store = store
        self._desk = desk
        self._shelf = shelf
        self._kind = kind
        self._counts = counts
        self._look_round = Pace(_STATE_SECONDS)
        self._look_at = Pace(_STATE_SECONDS)

    def is_busy(self, now: float) -> bool:
        """Whether there is more to write than what is still to come."""
        jobs = self._shelf.jobs()
        if any(job.reader.has_more for job in jobs):
            return True
        return len(jobs) < _MOST_JOBS and bool(self._shelf.due(now))

    def turn(self) -> None:
        """Begins what is due, writes what has come, ends what has ended, syncs."""
        self._begin_jobs()
        self._pump_jobs()
        self._finish_jobs()
        self._look_at_stalled()
        now = time.monotonic()
        for queue in self._shelf:
            is_idle = queue.job is None and not queue.tickets
            if is_idle or now - queue.synced_at >= self._kind.sync_seconds:
                self.sync(queue)

    def sync(self, queue: FileQueue) -> None:
        """Makes safe what was written and takes it into the next report."""
        self._guarded(queue, partial(self._sync, queue))

    def _begin_jobs(self) -> None:
        now = time.monotonic()
        due = self._shelf.due(now)
        room = max(0, _MOST_JOBS - len(self._shelf.jobs()))
        if len(due) > room:
            self._rest_idle_jobs(now)
        for queue in due[:room]:
            ticket = queue.tickets[0]
            scan = ticket.scan or self._load(ticket)
            if scan is None:
                queue.tickets.pop(0)
                self._shelf.drop_if_idle(queue)
            else:
                self._try_scan(queue, partial(self._begin, queue, scan))

    def _rest_idle_jobs(self, now: float) -> None:
        """Makes room: scans whose publisher is silent, perhaps for ever, are begun again later."""
        for queue in self._shelf:
            job = queue.job
            if job is None or job.is_unfinished or not job.has_caught_up:
                continue
            if now - job.active_at >= _IDLE_SECONDS and not queue.finished:
                queue.open_again(now + _IDLE_SECONDS)

    def _load(self, ticket: Ticket) -> FollowedScan | None:
        scan = self._store.load([ticket.key]).get(ticket.key)
        if isinstance(scan, FollowedScan):
            return scan
        _log.error("scan left Redis before it was written", scan=ticket.number, key=ticket.key)
        reason = "it left Redis before it was written"
        failed = WriterProgress(ticket.points, WriterScanState.FAILED, reason=reason)
        self._desk.report(ticket.key, failed)
        self._counts.scan(WriterScanState.FAILED)
        return None

    def _begin(self, queue: FileQueue, scan: FollowedScan) -> None:
        queue.file = queue.file or self._kind.open_file(queue.path)
        job = self._kind.begin(scan, queue.file)
        log = _log.bind(scan=queue.tickets[0].number, key=scan.key)
        log.info("recording", path=str(queue.path), point=job.written)
        queue.job = job
        if job.is_complete:
            self._close(queue, job)

    def _pump_jobs(self) -> None:
        """Brings what Redis has into the files, of a few scans at a time: each may have much."""
        pairs = [(queue, queue.job) for queue in self._shelf if queue.job is not None]
        for start in range(0, len(pairs), _READ_AT_ONCE):
            self._pump_some(pairs[start : start + _READ_AT_ONCE])

    def _pump_some(self, pairs: Sequence[tuple[FileQueue, ScanJob]]) -> None:
        errors = self._store.read([job.reader for _, job in pairs])
        for (queue, job), error in zip(pairs, errors, strict=True):
            if isinstance(error, StoreUnavailable):
                raise error
            if error is not None:
                self._give_up_scan(queue, str(error))
            else:
                self._try_scan(queue, partial(self._pump, job))

    def _pump(self, job: ScanJob) -> None:
        if job.pump():
            job.gone_since = None
            job.active_at = time.monotonic()

    def _finish_jobs(self) -> None:
        looks_round = self._look_round.is_due(time.monotonic())
        pairs = [
            (queue, queue.job)
            for queue in self._shelf
            if queue.job is not None
            and (queue.job.reader.has_ended or (looks_round and not queue.job.reader.has_more))
        ]
        states = self._store.states([job.scan for _, job in pairs])
        for (queue, job), state in zip(pairs, states, strict=True):
            if state is None:
                self._wait_for_rebirth(queue, job)
                continue
            job.gone_since = None
            if state is not ScanState.CLOSED:
                job.is_closed = False
            elif job.reader.has_ended:
                self._finish(queue, job)
            elif job.is_closed:
                job.reader.end_here()  # closed without seals, and read once more
            else:
                job.is_closed = True

    def _look_at_stalled(self) -> None:
        """Learns how far behind the scans are whose files cannot be written."""
        queues = [queue for queue in self._shelf if queue.is_stalled]
        if not queues or not self._look_at.is_due(time.monotonic()):
            return
        found = self._store.load([queue.tickets[0].key for queue in queues])
        scans = [(queue, found.get(queue.tickets[0].key)) for queue in queues]
        known = [(queue, scan) for queue, scan in scans if isinstance(scan, FollowedScan)]
        positions = [(scan, queue.tickets[0].points) for queue, scan in known]
        for (queue, _), behind in zip(known, self._store.behind(positions), strict=True):
            queue.stalled = behind

    def _finish(self, queue: FileQueue, job: ScanJob) -> None:
        self._desk.beat()  # many scans may end in one turn, and each may take seconds
        info = self._store.info(job.scan.key)
        if info is not None:
            self._try_scan(queue, partial(self._write_end, queue, job, info))

    def _write_end(self, queue: FileQueue, job: ScanJob, info: Info) -> None:
        job.finish(info)
        self._close(queue, job)

    def _close(self, queue: FileQueue, job: ScanJob) -> None:
        """Lets the next scan of the file begin; this one is reported after the next sync."""
        queue.job = None
        queue.finished.append((queue.tickets.pop(0), job))

    def _wait_for_rebirth(self, queue: FileQueue, job: ScanJob) -> None:
        """Waits for a scan that left Redis to be born again, but not for ever."""
        now = time.monotonic()
        if job.gone_since is None:
            job.gone_since = now
        if now - job.gone_since >= _GONE_SECONDS:
            self._try_scan(queue, job.finish_without_end)
            if queue.job is job:
                self._give_up_scan(queue, "it left Redis before it ended")

    def _give_up_scan(self, queue: FileQueue, reason: str) -> None:
        """Gives one scan up for good, so that it holds up no other."""
        ticket = queue.tickets.pop(0)
        queue.job = None
        _log.error("scan cannot be written", scan=ticket.number, key=ticket.key, reason=reason)
        failed = WriterProgress(ticket.points, WriterScanState.FAILED, reason=reason)
        self._desk.report(ticket.key, failed)
        self._shelf.finished(ticket.key)
        self._counts.scan(WriterScanState.FAILED)
        self._counts.last_error = f"scan {ticket.number}: {reason}"

    def _sync(self, queue: FileQueue) -> None:
        if queue.file is not None:
            queue.file.sync()
            queue.synced_at = time.monotonic()
            if queue.finished or (queue.job is not None and queue.job.has_caught_up):
                queue.succeed()
        finished, queue.finished = queue.finished, []
        for ticket, job in finished:
            self._report(ticket, job)
            log = _log.bind(scan=ticket.number, key=ticket.key)
            log.info("finished recording", path=str(queue.path), points=job.safe, lost=job.lost)
            self._shelf.finished(ticket.key)
            self._counts.scan(WriterScanState.DONE)
            self._counts.last_file = str(queue.path)
        if queue.job is not None:
            self._report(queue.tickets[0], queue.job)
        self._shelf.drop_if_idle(queue)

    def _report(self, ticket: Ticket, job: ScanJob) -> None:
        self._counts.points(*job.mark_safe())
        ticket.points = job.safe
        self._desk.report(ticket.key, job.progress())

    def _try_scan(self, queue: FileQueue, action: Callable[[], None]) -> None:
        """Does something with the first scan of a file; one that cannot be understood is given up.

        Whatever a publisher wrote, it ends neither the writer nor other scans.
        """
        try:
            self._guarded(queue, action)
        except MALFORMED as error:
            _log.warning("scan is malformed", key=queue.tickets[0].key, exc_info=True)
            self._give_up_scan(queue, f"it cannot be understood: {type(error).__name__} {error}")

    def _guarded(self, queue: FileQueue, action: Callable[[], None]) -> None:
        """Does something with a file; what it refuses is tried again later, and told once."""
        now = time.monotonic()
        try:
            action()
        except FileChangedError as error:
            _log.warning("file changed", path=str(queue.path), reason=str(error))
            queue.open_again(now + _FILE_CHANGED_PAUSE_SECONDS)
        except (OSError, FileRefusedError) as error:
            self._counts.retry()
            if queue.fail(error, now):
                self._counts.last_error = f"{queue.path}: {queue.reason}"
                _log.error("file cannot be written", path=str(queue.path), reason=queue.reason)
