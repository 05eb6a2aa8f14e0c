"""The publisher: one thread, one connection, however many scans and columns."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from uuid import uuid4

from sardana_redis.errors import (
    SardanaRedisError,
    ScanRefusedError,
    StoreError,
    StoreUnusable,
)
from sardana_redis.keys import HEARTBEAT_RENEWAL_SECONDS
from sardana_redis.log import guest_logger
from sardana_redis.model import EndReason, Identity, Info, ScanEnd, StreamSpec
from sardana_redis.publisher._delivery import Delivery
from sardana_redis.publisher._feed import ScanFeed, Verdict
from sardana_redis.publisher._intake import Doorbell, Intake
from sardana_redis.publisher._lines import (
    bug_line,
    full_line,
    held_back_line,
    outage_line,
    still_waiting_line,
)
from sardana_redis.publisher._publication import Publication
from sardana_redis.publisher._uplink import Uplink
from sardana_redis.settings import PublisherSettings
from sardana_redis.store import PublishStore, fit_info, new_birth

__all__ = ["BOOT", "Publisher"]

BOOT = uuid4().hex
"""Names this process among all that ever published."""

_WATCH_SECONDS = 1.0
_IDLE_PULSE_SECONDS = 5.0

_log = guest_logger(__name__)


class Publisher:
    """Publishes scans to a store from a thread of its own.

    `begin` and the feeds that it returns may be used from any thread and wait for nothing.
    """

    def __init__(
        self,
        store: PublishStore,
        settings: PublisherSettings,
        *,
        url: str,
        macroserver: str = "",
        boot: str = BOOT,
    ) -> None:
        self._store = store
        self._settings = settings
        self._url = url
        self._macroserver = macroserver
        self._boot = boot
        self._bell = Doorbell()
        self._delivery = Delivery(store, settings)
        self._feeds: tuple[ScanFeed, ...] = ()
        self._begun: list[ScanFeed] = []
        self._uplink = Uplink(store, url, retry_max_seconds=settings.retry_max_seconds)
        self._adopted = False
        self._watch_at = self._heartbeat_at = self._idle_pulse_at = 0.0
        self._stop_at: float | None = None
        self._is_retired = False
        self._thread: threading.Thread | None = None
        self._has_thread = False
        self._thread_lock = threading.Lock()

    @property
    def is_away(self) -> bool:
        """Whether Redis cannot be used now."""
        return self._uplink.error is not None

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits for delivery."""
        return not self._feeds and not self._begun

    def waiting_line(self, points: int) -> str:
        """Why so many points of an ended scan wait."""
        if self._delivery.is_braking:
            return held_back_line(self._url, points)
        return still_waiting_line(points)

    def revisit(self, feed: ScanFeed) -> None:
        """Makes the publisher look at the scan at once, also after it was delivered."""
        self._begun.append(feed)
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
        info = fit_info({**info, "sardana": {**info.get("sardana", {}), **process}})
        intake = Intake(
            streams,
            self._bell,
            limit_bytes=self._settings.buffer_bytes,
            batch_bytes=self._settings.batch_bytes,
            held_bytes=self._held_bytes,
        )
        publication = Publication(new_birth(identity, info, streams, process), intake)
        feed = ScanFeed(self, publication, number=identity.number, door=door, verdict=verdict)
        feed.owner = owner
        if (error := self._uplink.error) is not None:
            feed.tell("outage", outage_line(self._url, error))
        self.revisit(feed)
        return feed

    def has_open_scan(self, door: str, other_than: ScanFeed) -> bool:
        """Whether another scan of that door has not ended: the feed is a scan in a scan."""
        feeds = (*self._feeds, *self._begun)
        return any(f is not other_than and f.door == door and f.scan_end is None for f in feeds)

    @property
    def is_running(self) -> bool:
        """Whether its thread runs."""
        return self._has_thread

    def retire(self) -> None:
        """Ends the publisher as soon as all that it has is delivered; waits for nothing."""
        self._is_retired = True
        self._bell.ring_at_once()

    def shutdown(self, timeout: float | None = None) -> int:
        """Delivers for at most `timeout` seconds, then ends; returns the points not delivered.

        The default is the setting `shutdown_timeout`.
        """
        timeout = self._settings.shutdown_timeout if timeout is None else timeout
        self._stop_at = time.monotonic() + timeout
        self._bell.ring_at_once()
        if self._thread is not None:
            self._thread.join(timeout + self._settings.socket_timeout)
        lost = sum(feed.publication.points_waiting for feed in (*self._feeds, *self._begun))
        if lost:
            _log.error("gave up undelivered points", points=lost, url=self._url)
        return lost

    def _end_forgotten(self, owner: int | None) -> None:
        """Ends scans whose macro starts another one: a recorder that raised ate their end."""
        for feed in (*self._feeds, *self._begun):
            if owner is not None and feed.owner == owner and feed.scan_end is None:
                feed.end(ScanEnd(EndReason.FAILURE, _now()))

    def _held_bytes(self) -> int:
        """Bytes that wait in all scans; called from their threads."""
        return sum(feed.intake.held_bytes for feed in {*self._feeds, *self._begun})

    def _ensure_thread(self) -> None:
        with self._thread_lock:
            if not self._has_thread:
                self._has_thread = True
                self._thread = threading.Thread(
                    target=self._run, name="sardana-redis-publisher", daemon=True
                )
                self._thread.start()

    # Below: the publisher's thread only.

    def _run(self) -> None:
        while True:
            self._bell.wait(self._pause(), 0.0 if self._stop_at else self._settings.linger_seconds)
            self._cycle(time.monotonic())
            if self._ends():
                self._uplink.close()
                return

    def _pause(self) -> float:
        """Seconds until something is due although nobody rings."""
        now = time.monotonic()
        if self._stop_at is not None:
            return 0.02
        if not self._uplink.is_connected and (self._feeds or self._delivery.retains):
            return self._uplink.retry_at - now
        if self._delivery.is_braking:
            return self._delivery.pulse_seconds
        return min(_WATCH_SECONDS, _IDLE_PULSE_SECONDS) if self._feeds else _IDLE_PULSE_SECONDS

    def _ends(self) -> bool:
        """Whether the thread ends now; a scan that comes later then starts another one."""
        with self._thread_lock:
            is_late = self._stop_at is not None and time.monotonic() >= self._stop_at
            is_done = self.is_idle and (self._is_retired or self._stop_at is not None)
            self._has_thread = not (is_late or is_done)
            return not self._has_thread

    def _take_over(self) -> None:
        """Takes over the scans that began, or want another look, since the last time."""
        while self._begun:
            if self._begun[0] not in self._feeds:
                self._feeds = (*self._feeds, self._begun[0])
            del self._begun[0]

    def _cycle(self, now: float) -> None:
        try:
            self._take_over()
            self._watch(now)
            if not self._feeds and not self._delivery.retains:
                return
            if not self._uplink.is_connected and now < self._uplink.retry_at:
                return
            if not self._uplink.is_connected:
                self._connect()
            self._keep_up(now)
            self._deliver()
        except StoreError as error:
            self._lose(error)
        except SardanaRedisError as error:  # a password file that is gone, for instance
            self._lose(StoreUnusable(str(error)))
        except Exception as error:  # noqa: BLE001 - this thread must outlive any bug of ours
            _log.exception("publisher failed")
            self._lose(StoreUnusable(f"the recorder failed with {error!r}."))

    def _connect(self) -> None:
        if self._uplink.connect():
            self._feeds = (*self._delivery.take_back(), *self._feeds)
        for feed in self._feeds:
            feed.publication.unsure = feed.publication.unsure or feed.publication.born
        if not self._adopted:
            end = {"end_reason": str(EndReason.FAILURE), "end_time": _now().isoformat()}
            for key in self._store.close_orphans(self._macroserver, self._boot, end):
                _log.warning("closed a scan that an earlier process left open", scan=key)
            self._adopted = True

    def _keep_up(self, now: float) -> None:
        if now >= self._heartbeat_at:
            born = [f.publication.birth for f in self._feeds if f.publication.born]
            if born:
                self._store.keep_alive(born)
            self._heartbeat_at = now + HEARTBEAT_RENEWAL_SECONDS
        if not self._feeds and now >= self._idle_pulse_at:
            self._store.pulse()
            self._idle_pulse_at = now + _IDLE_PULSE_SECONDS

    def _deliver(self) -> None:
        """Gives every scan its turn, a batch each, until nothing waits or Redis is too full."""
        more = True
        while more:
            more = False
            for feed in self._feeds:
                more |= self._deliver_one(feed)
            self._uplink.succeed()
            now = time.monotonic()
            if self._stop_at is not None and now >= self._stop_at:
                return
            # A backlog may take long: others begin, end and are abandoned meanwhile.
            self._take_over()
            self._watch(now)
            self._keep_up(now)
            more |= any(not feed.publication.attempted for feed in self._feeds)

    def _deliver_one(self, feed: ScanFeed) -> bool:
        try:
            more = self._delivery.step(feed)
        except ScanRefusedError as error:
            _log.error("Redis refuses a scan", scan=feed.publication.birth.key, error=str(error))
            feed.tell("bug", bug_line("Redis refuses its description"))
            self._give_up(feed)
            return False
        except StoreError:
            feed.publication.unsure = feed.publication.attempted
            # What it met may be its own affair: next time the others have their turn first.
            self._feeds = (*(f for f in self._feeds if f is not feed), feed)
            raise
        except Exception:  # noqa: BLE001 - this thread serves all other scans as well
            _log.exception("cannot publish a scan", scan=feed.publication.birth.key)
            feed.tell("bug", bug_line("in the publisher"))
            self._give_up(feed)
            return False
        if feed.is_delivered or feed.is_given_up:
            self._feeds = tuple(f for f in self._feeds if f is not feed)
        return more

    def _give_up(self, feed: ScanFeed) -> None:
        """Closes a scan that cannot be published on as FAILURE, at the second try not at all."""
        if feed.is_broken:
            feed.is_given_up = True
            self._feeds = tuple(f for f in self._feeds if f is not feed)
            return
        feed.discard(ScanEnd(EndReason.FAILURE, _now()))

    def _watch(self, now: float) -> None:
        if now < self._watch_at:
            return
        self._watch_at = now + _WATCH_SECONDS
        for feed in self._feeds:
            if feed.intake.dropped_points or feed.intake.dropped_arrays:
                feed.tell("full", full_line())
            if feed.scan_end is not None:
                continue
            reason = EndReason.FAILURE if self._stop_at is not None else feed.verdict()
            if reason is not None:
                _log.warning("closing a scan that its macro did not end", number=feed.number)
                feed.abandon(ScanEnd(reason, _now()))

    def _lose(self, error: StoreError) -> None:
        """Notes that Redis is away, and tells those who scan."""
        if self._uplink.lose(error):
            line = outage_line(self._url, error)
            for feed in self._feeds:
                feed.tell("outage", line)


def _now() -> datetime:
    return datetime.now().astimezone()
