"""A writer: it follows Redis and knows neither Tango nor the command line."""

from __future__ import annotations

import threading
import time
from collections import deque

from sardana_redis.errors import (
    SardanaRedisError,
    ScanUnreadableError,
    SettingsError,
    StoreError,
    StoreUnavailable,
    StoreUnusable,
    WriterConflictError,
)
from sardana_redis.follower._counts import Counts
from sardana_redis.follower._desk import Desk
from sardana_redis.follower._kind import Kind
from sardana_redis.follower._press import Press
from sardana_redis.follower._shelf import Shelf
from sardana_redis.follower._status import WriterState, WriterStatus, make_status
from sardana_redis.log import get_logger
from sardana_redis.metrics import WriterMetrics
from sardana_redis.model import WriterProgress, WriterScanState
from sardana_redis.runtime import Backoff, Pulse
from sardana_redis.settings import Settings, masked_url
from sardana_redis.store import MALFORMED, FollowedScan, FollowStore
from sardana_redis.vitals import Vitals

__all__ = ["Writer"]

_log = get_logger("sardana_redis.follower")

_TURN_SECONDS = 0.05
_PATIENCE_SECONDS = 0.5
_ADMITTED_AT_ONCE = 200


class Writer:
    """Writes the scans that Redis holds and gets into files, until it is told to stop.

    `run` may be called in any thread, once; `status` and `pulse` may be read from all.
    """

    def __init__(
        self, kind: Kind, settings: Settings, metrics: WriterMetrics | None = None
    ) -> None:
        own = kind.settings
        self._title = kind.title
        self._url = masked_url(settings.url)
        self._next_scan_timeout = own.next_scan_timeout or _PATIENCE_SECONDS
        self._store = FollowStore(settings.url, password_file=settings.password_file)
        self._desk = Desk(self._store, kind.name, own)
        self._shelf = Shelf(kind, self._desk)
        self._counts = Counts(metrics)
        self._press = Press(self._store, self._desk, self._shelf, kind, self._counts)
        self._unseen: deque[str] = deque()
        self._backoff = Backoff(0.1, 5.0)
        self._was_connected = False
        self.status = WriterStatus(title=kind.title)
        self.pulse = Pulse()

    def run(self, stop: threading.Event) -> None:
        """Writes until `stop` is set; then makes safe and reports what was written, and returns.

        Raises WriterConflictError where another process is the writer of that name.
        """
        _log.info("connecting", redis=self._url)
        try:
            while not stop.is_set():
                self.pulse.beat()
                try:
                    self._turn(stop)
                except (StoreUnavailable, StoreUnusable) as error:
                    self._wait_out(error, stop)
                except WriterConflictError:
                    self._store.disconnect()  # what it has to say would stand for the other one
                    raise
                except SettingsError as error:
                    if not self._was_connected:
                        raise
                    self._wait_out(error, stop)  # the password file is being replaced, say
        finally:
            self._end()

    def _turn(self, stop: threading.Event) -> None:
        began = time.monotonic()
        if not self._store.is_connected:
            self._connect()
        self._desk.beat()
        self._unseen.extend(self._desk.news(self._leads(), self._patience(began)))
        self._admit()
        self._shelf.obey(self._desk.orders(), time.monotonic())
        self._press.turn()
        self._shelf.park(time.monotonic(), self._store.now_ms())
        self._desk.flush()
        self._show(WriterState.WRITING if self._shelf.jobs() else WriterState.WAITING)
        now = time.monotonic()
        if not self._is_busy(now):
            stop.wait(max(0.0, _TURN_SECONDS - (now - began)))

    def _connect(self) -> None:
        fresh = self._desk.open()
        for job in self._shelf.jobs():
            job.reader.look_again()
        self._unseen.extend(fresh)
        self._backoff.reset()
        self._was_connected = True
        _log.info("waiting for scans", backlog=len(fresh))

    def _wait_out(self, error: SardanaRedisError, stop: threading.Event) -> None:
        """Keeps all that is in hand, and waits for Redis."""
        self._store.disconnect()
        reason = str(error)
        if (self.status.state, self.status.reason) != (WriterState.UNAVAILABLE, reason):
            _log.warning("waiting for Redis", reason=reason)
        self._sync_all()
        self._show(WriterState.UNAVAILABLE, reason)
        stop.wait(self._backoff.next())

    def _end(self) -> None:
        """Makes safe and reports what was written, as far as disk and Redis allow."""
        self._sync_all()
        if self._store.is_connected:
            try:
                self._desk.flush()
            except StoreError as error:
                _log.warning("last report not sent", reason=str(error))
        for queue in self._shelf:
            queue.give_up()
        self._shelf.disks.stop()
        self._store.disconnect()
        self._show(WriterState.STOPPED)
        _log.info("stopped")

    def _sync_all(self) -> None:
        for queue in self._shelf:
            self._press.sync(queue)

    def _leads(self) -> dict[str, bytes]:
        """The streams whose news are to wake us."""
        leads = [job.reader.lead for job in self._shelf.jobs() if not job.reader.has_ended]
        return {lead.stream.key: lead.last_id for lead in leads if lead is not None}

    def _patience(self, now: float) -> float:
        """How long nothing may happen: until the next thing that has to be done by itself."""
        if self._is_busy(now):
            return 0.0
        if any(job.is_unfinished for job in self._shelf.jobs()):
            return _TURN_SECONDS
        tries = [queue.next_try - now for queue in self._shelf if queue.failing_since is not None]
        longest = min(self._next_scan_timeout, _PATIENCE_SECONDS)
        return max(_TURN_SECONDS, min([longest, *tries]))

    def _is_busy(self, now: float) -> bool:
        """Whether there is more to do than to wait."""
        return bool(self._unseen) or self._press.is_busy(now)

    def _admit(self) -> None:
        """Takes scans in hand that are new to us."""
        if not self._unseen:
            return
        keys = list(self._unseen)[:_ADMITTED_AT_ONCE]
        found = self._store.load(keys)
        for key in keys:
            self._unseen.popleft()
            scan = found.get(key)
            if scan is None:
                self._desk.drop(key)
            elif isinstance(scan, ScanUnreadableError):
                self._skip(key, str(scan))
            else:
                self._admit_one(scan)

    def _admit_one(self, scan: FollowedScan) -> None:
        try:
            self._shelf.admit(scan, time.monotonic())
        except MALFORMED as error:
            self._skip(scan.key, f"it cannot be understood: {type(error).__name__} {error}")

    def _skip(self, key: str, reason: str) -> None:
        _log.warning("scan is skipped", key=key, reason=reason)
        self._desk.report(key, WriterProgress(0, WriterScanState.SKIPPED, reason=reason))

    def _show(self, state: WriterState, reason: str = "") -> None:
        self.status = make_status(
            self._title,
            state,
            reason,
            self._shelf,
            self._counts,
            now_ms=self._store.now_ms(),
            is_ready=state in (WriterState.WAITING, WriterState.WRITING)
            and self._desk.is_initialised,
        )
        self._desk.feel(self._vitals())

    def _vitals(self) -> Vitals:
        return Vitals(
            lag_seconds=self.status.lag_seconds,
            pending=self.status.pending,
            parked=self.status.parked,
            troubles=self._shelf.troubles(),
            disks=self._shelf.disks.known(),
        )
