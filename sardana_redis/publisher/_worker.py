"""What the publisher's thread does each time it wakes: connect, deliver, watch."""

from __future__ import annotations

import time
from datetime import datetime

from sardana_redis.errors import (
    SardanaRedisError,
    ScanRefusedError,
    StoreError,
    StoreUnusable,
)
from sardana_redis.keys import HEARTBEAT_RENEWAL_SECONDS
from sardana_redis.log import guest_logger
from sardana_redis.metrics import RecorderMetrics
from sardana_redis.model import EndReason, ScanEnd
from sardana_redis.publisher._delivery import Delivery
from sardana_redis.publisher._feed import ScanFeed
from sardana_redis.publisher._lines import bug_line, full_line, outage_line
from sardana_redis.publisher._lookout import Lookout
from sardana_redis.publisher._uplink import Uplink
from sardana_redis.settings import PublisherSettings
from sardana_redis.store import PublishStore

__all__ = ["Worker"]

_WATCH_SECONDS = 1.0
_IDLE_PULSE_SECONDS = 5.0

_log = guest_logger(__name__)


class Worker:
    """The scans on their way and the connection that they go over.

    One thread calls `cycle`. Others append to `begun`, set `stop_at` and `attends`, and read the
    rest. `attends`: it stays connected although there is no scan.
    """

    def __init__(
        self,
        store: PublishStore,
        settings: PublisherSettings,
        *,
        url: str,
        macroserver: str,
        boot: str,
        metrics: RecorderMetrics,
    ) -> None:
        self._store = store
        self._url = url
        self._macroserver = macroserver
        self._boot = boot
        self._metrics = metrics
        self.uplink = Uplink(store, url, retry_max_seconds=settings.retry_max_seconds)
        self._buffer_bytes = settings.buffer_bytes
        self.delivery = Delivery(store, settings, metrics)
        self.lookout = Lookout(store)
        self.feeds: tuple[ScanFeed, ...] = ()
        self.begun: list[ScanFeed] = []
        self.stop_at: float | None = None
        self.attends = False
        self._adopted = False
        self._watch_at = self._heartbeat_at = self._idle_pulse_at = 0.0

    @property
    def all_feeds(self) -> tuple[ScanFeed, ...]:
        """All scans that are not delivered, each once."""
        return tuple(dict.fromkeys((*self.feeds, *self.begun)))

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits for delivery."""
        return not self.feeds and not self.begun

    @property
    def _needs_redis(self) -> bool:
        return bool(self.feeds) or self.delivery.retains or self.attends

    def pause(self) -> float:
        """Seconds until something is due although nobody rings."""
        now = time.monotonic()
        if self.stop_at is not None:
            return 0.02
        if not self.uplink.is_connected and self._needs_redis:
            return self.uplink.retry_at - now
        if self.delivery.brake.is_on:
            return self.delivery.brake.pulse_seconds
        longest = _WATCH_SECONDS if self.feeds else _IDLE_PULSE_SECONDS
        return min(longest, self.lookout.pause_seconds) if self._needs_redis else longest

    def _take_over(self) -> None:
        """Takes over the scans that began, or want another look, since the last time."""
        while self.begun:
            if self.begun[0] not in self.feeds:
                self.feeds = (*self.feeds, self.begun[0])
            del self.begun[0]

    def cycle(self, now: float, quiet_until: float | None = None) -> None:
        """Does what is due; raises nothing. `quiet_until`: when the first point can have come."""
        try:
            self._take_over()
            self._look(now, quiet_until)
            self._watch(now)
            if not self._needs_redis:
                return
            if not self.uplink.is_connected and now < self.uplink.retry_at:
                return
            if not self.uplink.is_connected:
                self._connect()
            self._keep_up(now)
            self._deliver()
        except StoreError as error:
            self._metrics.count_error(error)
            self._lose(error)
        except SardanaRedisError as error:  # a password file that is gone, for instance
            self._metrics.count_error(error)
            self._lose(StoreUnusable(str(error)))
        except Exception as error:  # noqa: BLE001 - this thread must outlive any bug of ours
            _log.exception("publisher failed")
            self._metrics.count_error(error)
            self._lose(StoreUnusable(f"the recorder failed with {error!r}."))

    def _connect(self) -> None:
        if self.uplink.connect():
            self.feeds = (*self.delivery.take_back(), *self.feeds)
        for feed in self.feeds:
            feed.publication.unsure = feed.publication.unsure or feed.publication.born
        if not self._adopted:
            end = {
                "end_reason": str(EndReason.FAILURE),
                "end_time": datetime.now().astimezone().isoformat(),
            }
            for key in self._store.close_orphans(self._macroserver, self._boot, end):
                _log.warning("closed a scan that an earlier process left open", scan=key)
            self._adopted = True

    def _keep_up(self, now: float) -> None:
        if now >= self._heartbeat_at:
            born = [f.publication.birth for f in self.feeds if f.publication.born]
            if born:
                self._store.keep_alive(born)
            self._heartbeat_at = now + HEARTBEAT_RENEWAL_SECONDS
        if not self.feeds and now >= self._idle_pulse_at:
            self._store.pulse()
            self._idle_pulse_at = now + _IDLE_PULSE_SECONDS
        self.lookout.turn(now, self.feeds)

    def _deliver(self) -> None:
        """Gives every scan its turn, a batch each, until nothing waits or Redis is too full."""
        more = True
        while more:
            more = False
            for feed in self.feeds:
                more |= self._deliver_one(feed)
            self.uplink.succeed()
            if not any(feed.publication.points_waiting for feed in self.feeds):
                self.delivery.brake.release()  # nobody looks at the memory any more
            now = time.monotonic()
            if self.stop_at is not None and now >= self.stop_at:
                return
            # A backlog may take long: others begin, end and are abandoned meanwhile.
            self._take_over()
            self._look(now)
            self._watch(now)
            self._keep_up(now)
            more |= any(not feed.publication.attempted for feed in self.feeds)

    @property
    def _is_half_full(self) -> bool:
        """Whether half of what may wait here waits."""
        held = sum(feed.intake.held_bytes for feed in self.feeds)
        return held > self._buffer_bytes / 2

    def _has_to_wait(self, feed: ScanFeed) -> bool:
        """Whether a scan of the same door that is over is delivered first, as memory is short.

        Followers write scans of one file one after the other: points of a later one would take
        the room in Redis that the rest of the earlier one needs, and neither could go on.
        """
        return self.delivery.brake.has_been_full and any(
            elder.door == feed.door
            and elder.scan_end is not None
            and elder.began < feed.began
            and not elder.is_delivered
            for elder in self.feeds
        )

    def _deliver_one(self, feed: ScanFeed) -> bool:
        self.delivery.brake.is_pressed = self.stop_at is not None or self._is_half_full
        try:
            more = self.delivery.step(feed, holds_points=self._has_to_wait(feed))
        except ScanRefusedError as error:
            self._metrics.count_error(error)
            _log.error("Redis refuses a scan", scan=feed.publication.birth.key, error=str(error))
            feed.tell("bug", bug_line("Redis refuses its description"))
            self._give_up(feed)
            return False
        except StoreError:
            feed.publication.unsure = feed.publication.attempted
            # What it met may be its own affair: next time the others have their turn first.
            self.feeds = (*(f for f in self.feeds if f is not feed), feed)
            raise
        except Exception as error:  # noqa: BLE001 - this thread serves all other scans as well
            self._metrics.count_error(error)
            _log.exception("cannot publish a scan", scan=feed.publication.birth.key)
            feed.tell("bug", bug_line("in the publisher"))
            self._give_up(feed)
            return False
        if feed.is_delivered or feed.is_given_up:
            self._count_drops(feed)
            self.feeds = tuple(f for f in self.feeds if f is not feed)
            more = True  # others may have waited for this one
        return more

    def _give_up(self, feed: ScanFeed) -> None:
        """Closes a scan that cannot be published on as FAILURE, at the second try not at all."""
        if feed.is_broken:
            self._count_drops(feed)
            feed.is_given_up = True
            self.feeds = tuple(f for f in self.feeds if f is not feed)
            return
        feed.discard(ScanEnd(EndReason.FAILURE, datetime.now().astimezone()))

    def _look(self, now: float, quiet_until: float | None = None) -> None:
        """Sees how many points have come, so that it is known since when they wait."""
        for feed in self.feeds:
            arrivals = feed.publication.arrivals
            if quiet_until is not None:
                arrivals.stay(quiet_until)
            arrivals.look(feed.intake.points, now)

    def _count_drops(self, feed: ScanFeed) -> None:
        drops = feed.intake.dropped_points + feed.intake.dropped_arrays
        self._metrics.dropped_points.inc(drops - feed.counted_drops)
        feed.counted_drops = drops

    def _watch(self, now: float) -> None:
        if now < self._watch_at:
            return
        self._watch_at = now + _WATCH_SECONDS
        for feed in self.feeds:
            self._count_drops(feed)
            if feed.counted_drops:
                feed.tell("full", full_line())
            if feed.scan_end is not None:
                continue
            reason = EndReason.FAILURE if self.stop_at is not None else feed.verdict()
            if reason is not None:
                _log.warning("closing a scan that its macro did not end", number=feed.number)
                feed.abandon(ScanEnd(reason, datetime.now().astimezone()))

    def _lose(self, error: StoreError) -> None:
        """Notes that Redis is away, and tells those who scan."""
        self.lookout.lose_sight()
        if self.uplink.lose(error):
            line = outage_line(self._url, error)
            for feed in self.feeds:
                feed.tell("outage", line)
