"""The publisher: one thread, one connection, however many scans and columns."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from uuid import uuid4

from prometheus_client import CollectorRegistry

from sardana_redis.log import guest_logger
from sardana_redis.metrics import RecorderMetrics
from sardana_redis.model import EndReason, Identity, Info, ScanEnd, StreamSpec
from sardana_redis.nexus import h5maps, saved_streams
from sardana_redis.publisher._feed import ScanFeed, Verdict
from sardana_redis.publisher._intake import Doorbell, Intake
from sardana_redis.publisher._lines import (
    away_line,
    full_redis_line,
    held_back_line,
    outage_line,
    still_waiting_line,
)
from sardana_redis.publisher._lookout import Question
from sardana_redis.publisher._publication import Publication
from sardana_redis.publisher._worker import Worker
from sardana_redis.settings import PublisherSettings
from sardana_redis.store import PublishStore, Survey, fit_info, new_birth, new_scan_key

__all__ = ["BOOT", "Publisher"]

BOOT = uuid4().hex
"""Names this process among all that ever published."""

_log = guest_logger(__name__)


class Publisher:
    """Publishes scans to a store from a thread of its own.

    `begin` and the feeds that it returns may be used from any thread and wait for nothing.
    `metrics` are counted by its thread; those of several publishers are one set.
    """

    def __init__(
        self,
        store: PublishStore,
        settings: PublisherSettings,
        *,
        url: str,
        macroserver: str = "",
        boot: str = BOOT,
        metrics: RecorderMetrics | None = None,
    ) -> None:
        self._settings = settings
        self._url = url
        self._macroserver = macroserver
        self._boot = boot
        self._bell = Doorbell()
        self._worker = Worker(
            store,
            settings,
            url=url,
            macroserver=macroserver,
            boot=boot,
            metrics=metrics or RecorderMetrics(CollectorRegistry()),
        )
        self._is_retired = False
        self._thread: threading.Thread | None = None
        self._thread_lock = threading.Lock()

    @property
    def is_away(self) -> bool:
        """Whether points have to wait for Redis: it cannot be used, or is nearly full."""
        return self._worker.uplink.error is not None or self._worker.delivery.brake.is_full

    def waiting_line(self, points: int) -> str:
        """Why so many points of an ended scan wait."""
        if self._worker.delivery.brake.is_full:
            return held_back_line(self._url, points)
        return still_waiting_line(points)

    def revisit(self, feed: ScanFeed) -> None:
        """Makes the publisher look at the scan at once, also after it was delivered."""
        self._worker.begun.append(feed)
        self._ensure_thread()
        self._bell.ring_at_once()

    def begin(
        self,
        identity: Identity,
        info: Info,
        streams: tuple[StreamSpec, ...],
        *,
        door: str = "",
        owner: int | None = None,
        verdict: Verdict = lambda: None,
    ) -> ScanFeed:
        """Begins to publish a scan; raises ScanInfoTooLargeError, and nothing for Redis' sake.

        A scan of the same `owner` (its macro, by its id) that nobody ended is over with it.
        """
        self._end_forgotten(owner)
        process = {"macroserver": self._macroserver, "boot": self._boot}
        info = {**info, "sardana": {**info.get("sardana", {}), **process}}
        key = new_scan_key()
        info = fit_info(info, lambda fitting: h5maps(identity, fitting, streams, key))
        streams = saved_streams(identity, info, streams, key)
        intake = Intake(
            streams,
            self._bell,
            limit_bytes=self._settings.buffer_bytes,
            batch_bytes=self._settings.batch_bytes,
            held_bytes=self._held_bytes,
        )
        publication = Publication(new_birth(identity, info, streams, process, key), intake)
        feed = ScanFeed(self, publication, number=identity.number, door=door, verdict=verdict)
        feed.owner = owner
        if (error := self._worker.uplink.error) is not None:
            feed.tell("outage", outage_line(self._url, error))
        self.revisit(feed)
        return feed

    def attend(self) -> None:
        """Connects now, without a scan, and stays so; waits for nothing.

        So what an earlier process of this MacroServer left open is closed as soon as Redis answers.
        """
        self._worker.attends = True
        self._ensure_thread()
        self._bell.ring_at_once()

    @property
    def survey(self) -> Survey | None:
        """The writers as they were seen a few seconds ago; None where nobody knows."""
        return self._worker.lookout.survey

    def away_line(self) -> str:
        """Why Redis cannot be used now."""
        if self._worker.delivery.brake.is_full:
            return full_redis_line(self._url)
        return away_line(self._url, self._worker.uplink.error)

    def ask(self, writers: tuple[str, ...], scan_key: str, seconds: float) -> Question:
        """Has these writers' reports of a scan looked at for so long; waits for nothing."""
        question = Question(writers, scan_key, time.monotonic() + seconds)
        self._worker.lookout.asked.append(question)
        self._ensure_thread()
        self._bell.ring_at_once()
        return question

    def has_open_scan(self, door: str, other_than: ScanFeed) -> bool:
        """Whether another scan of that door has not ended: the feed is a scan in a scan."""
        feeds = (feed for feed in self._worker.all_feeds if feed is not other_than)
        return any(feed.door == door and feed.scan_end is None for feed in feeds)

    @property
    def is_up(self) -> bool:
        """Whether Redis takes what is published."""
        return self._worker.uplink.is_connected and self._worker.uplink.error is None

    @property
    def held_bytes(self) -> int:
        """Bytes of the points that wait in all scans."""
        return self._held_bytes()

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits for delivery."""
        return self._worker.is_idle

    @property
    def is_running(self) -> bool:
        """Whether its thread runs."""
        return self._thread is not None

    def retire(self) -> None:
        """Ends the publisher as soon as all that it has is delivered; waits for nothing."""
        self._is_retired = True
        self._bell.ring_at_once()

    def shutdown(self, timeout: float | None = None) -> int:
        """Delivers for at most `timeout` seconds, then ends; returns the points not delivered.

        The default is the setting `shutdown_timeout`.
        """
        timeout = self._settings.shutdown_timeout if timeout is None else timeout
        self._worker.stop_at = time.monotonic() + timeout
        self._bell.ring_at_once()
        if (thread := self._thread) is not None:
            thread.join(timeout + self._settings.socket_timeout)
        lost = sum(feed.publication.points_waiting for feed in self._worker.all_feeds)
        if lost:
            _log.error("gave up undelivered points", points=lost, url=self._url)
        return lost

    def _end_forgotten(self, owner: int | None) -> None:
        """Ends scans whose macro starts another one: a recorder that raised ate their end."""
        for feed in self._worker.all_feeds:
            if owner is not None and feed.owner == owner and feed.scan_end is None:
                feed.end(ScanEnd(EndReason.FAILURE, datetime.now().astimezone()))

    def _held_bytes(self) -> int:
        """Bytes that wait in all scans; called from their threads."""
        return sum(feed.intake.held_bytes for feed in self._worker.all_feeds)

    def _ensure_thread(self) -> None:
        with self._thread_lock:
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._run, name="sardana-redis-publisher", daemon=True)
            thread.start()  # may raise: then the next scan tries again
            self._thread = thread

    def _run(self) -> None:
        """The thread: waits for something to do, does it, until nothing can come any more."""
        if not self._is_the_thread():
            return
        worker = self._worker
        while True:
            linger = 0.0 if worker.stop_at else self._settings.linger_seconds
            quiet_until = self._bell.wait(worker.pause(), linger)
            worker.cycle(time.monotonic(), quiet_until)
            if self._ends():
                worker.uplink.close()
                return

    def _is_the_thread(self) -> bool:
        """Whether this thread is the publisher's one.

        A thread that an abort kept from being noted notes itself, if no other one was meanwhile.
        """
        with self._thread_lock:
            self._thread = self._thread or threading.current_thread()
            return self._thread is threading.current_thread()

    def _ends(self) -> bool:
        """Whether the thread ends now; a scan that comes later then starts another one."""
        worker = self._worker
        with self._thread_lock:
            is_late = worker.stop_at is not None and time.monotonic() >= worker.stop_at
            is_done = worker.is_idle and (self._is_retired or worker.stop_at is not None)
            if is_late or is_done:
                self._thread = None
            return self._thread is None
