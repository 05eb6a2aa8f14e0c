"""A writer's book-keeping in Redis: what there is to write, and what is done.

The durable position of a writer is not a moment but its report of each scan: whatever Redis
holds and has no final report is still to be written, however old it is. So a writer that was
down, or that Redis forgot, goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sardana_redis.errors import Outage, StoreUnavailable
from sardana_redis.follower._pace import Pace
from sardana_redis.follower._presence import Presence
from sardana_redis.keys import parked_key, progress_key
from sardana_redis.model import WriterProgress, WriterScanState
from sardana_redis.settings import WriterSettings
from sardana_redis.store import (
    FollowStore,
    Order,
    ParkedScan,
    progress_command,
    read_orders,
    read_progress,
    read_writers,
    remove_order,
    remove_parked,
    write_parked,
)
from sardana_redis.vitals import Vitals

__all__ = ["Desk"]

_REPORT_SECONDS = 0.2
_ORDERS_SECONDS = 1.0
_REMEMBERED = 20_000
_OLDER = "it is older than the writer's first start"


class Desk:
    """The desk of one writer; for one thread.

    Methods that talk to Redis may raise StoreUnavailable or StoreUnusable. What could not
    be reported stays here and is reported when Redis can be reached, or has room, again.
    """

    def __init__(
        self,
        store: FollowStore,
        kind: str,
        settings: WriterSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._name = settings.writer_name
        self._passes_over = settings.first_start == "new"
        self._is_known: bool | None = None
        self._clock = clock
        self._presence = Presence(store, kind, settings, clock)
        self._history = "0-0"
        self._in_hand: set[str] = set()
        self._final: dict[str, WriterProgress] = {}
        self._reports: dict[str, WriterProgress] = {}
        self._reported_at: dict[str, float] = {}
        self._parked: dict[str, ParkedScan] = {}
        self._parked_there: dict[str, ParkedScan] | None = None
        self._settled: dict[str, Order] = {}
        self._orders = Pace(_ORDERS_SECONDS)
        self.is_initialised = False

    def open(self) -> list[str]:
        """Connects anew; returns the keys of the scans that came to hand, oldest first.

        These are all that Redis holds without a final report of this writer, beyond
        blissdata's history too, but for those that are in hand already.
        """
        store = self._store
        self.is_initialised = store.connect()
        if self._is_known is None:  # also of a Redis that came back empty it is a writer
            self._is_known = self._name in read_writers(store.link)
        self._presence.begin()
        self.beat()
        self._history = store.history_end()
        keys = store.scan_keys()
        reports = read_progress(store.link, self._name)
        self._remove_reports_of_others(reports.keys() - set(keys))
        self._parked_there = None
        final = {key for key, report in reports.items() if report.state is not WriterScanState.OPEN}
        for key in keys:
            if key not in final:
                self._say_again(key)
        fresh = [key for key in keys if not (key in final or self._has(key))]
        if self._passes_over and not self._is_known:
            for key in fresh:
                self.report(key, WriterProgress(0, WriterScanState.SKIPPED, reason=_OLDER))
            fresh = []
        self._is_known = True
        self._in_hand.update(fresh)
        return fresh

    def news(self, streams: Mapping[str, bytes], seconds: float) -> list[str]:
        """Waits for news, of the given streams behind their ids too; the keys of new scans."""
        self._history, keys = self._store.wait(self._history, streams, seconds)
        self.is_initialised = self.is_initialised or bool(keys)
        for key in keys:
            self._say_again(key)
        fresh = [key for key in keys if not self._has(key)]
        self._in_hand.update(fresh)
        return fresh

    def report(self, key: str, progress: WriterProgress) -> None:
        """Takes how far the writer is with a scan; `flush` sends it."""
        self._reports[key] = progress
        if progress.state is WriterScanState.OPEN:
            return
        self._in_hand.discard(key)
        self._parked.pop(key, None)
        self._reported_at.pop(key, None)
        self._final[key] = progress
        if len(self._final) > _REMEMBERED:
            del self._final[next(iter(self._final))]

    def drop(self, key: str) -> None:
        """Forgets a scan that is no longer in Redis."""
        self._in_hand.discard(key)
        self._parked.pop(key, None)

    def park(self, key: str, parked: ParkedScan) -> None:
        """Says, at the next `flush`, that the scan cannot be written now."""
        self._parked[key] = parked

    def unpark(self, key: str) -> None:
        """Says, at the next `flush`, that the scan is parked no more."""
        self._parked.pop(key, None)

    def flush(self) -> None:
        """Sends what is due: final reports at once, others at most every 0.2 s a scan.

        A Redis that is full refuses reports: they wait for room. While an older process of that
        name may still run, only what is written is reported: all else would stand for that one
        too, which may have other settings and scans of its own that are parked.
        """
        try:
            if self._presence.may_be_second:
                self._send_reports()
                return
            self._remove_orders()
            self._send_reports()
            self._send_parked()
        except StoreUnavailable as error:
            if error.reason is not Outage.FULL:
                raise

    def beat(self) -> None:
        """Renews the sign of life every 2 s; see `Presence.show` for what it raises."""
        if not self._presence.is_due():
            return
        self._store.set_clock()
        self.is_initialised = self.is_initialised or self._store.is_initialised()
        self._presence.show()

    def feel(self, vitals: Vitals) -> None:
        """Takes how the writer is, for the next sign of life: at once if other files fail."""
        self._presence.feel(vitals)

    def orders(self) -> dict[str, Order]:
        """What people want done with which scan; looked up once a second, else empty."""
        if not self._orders.is_due(self._clock()):
            return {}
        orders = read_orders(self._store.link, self._name)
        return {key: order for key, order in orders.items() if self._settled.get(key) != order}

    def remove_order(self, key: str, order: Order) -> None:
        """Removes, at the next `flush`, an order that was carried out, or never can be.

        Another order that was given for the scan meanwhile stays.
        """
        self._settled[key] = order

    def is_in_hand(self, key: str) -> bool:
        """Whether the scan is still to be written."""
        return key in self._in_hand

    def _say_again(self, key: str) -> None:
        """Reports again what Redis has forgotten, as one that came back empty.

        A scan that had failed, because it was gone or worse, gets another try.
        """
        report = self._final.get(key)
        if report is None:
            return
        if report.state is WriterScanState.FAILED:
            del self._final[key]
        else:
            self._reports[key] = report

    def _has(self, key: str) -> bool:
        return key in self._in_hand or key in self._final

    def _send_reports(self) -> None:
        now = self._clock()
        due = {
            key: replace(report, time_ms=self._store.now_ms())
            for key, report in self._reports.items()
            if self._is_due(key, report, now)
        }
        if not due:
            return
        self._store.link.call(*progress_command(self._name, due))
        for key, report in due.items():
            del self._reports[key]
            if report.state is WriterScanState.OPEN:
                self._reported_at[key] = now

    def _is_due(self, key: str, report: WriterProgress, now: float) -> bool:
        if report.state is WriterScanState.OPEN:
            return now - self._reported_at.get(key, float("-inf")) >= _REPORT_SECONDS
        return report.state is WriterScanState.DONE or not self._presence.may_be_second

    def _remove_orders(self) -> None:
        for key, order in tuple(self._settled.items()):
            if remove_order(self._store.link, self._name, key, order):
                del self._settled[key]

    def _send_parked(self) -> None:
        link = self._store.link
        if self._parked_there is None:  # what a process before this one has parked
            link.call("DEL", parked_key(self._name))
            self._parked_there = {}
        there = self._parked_there
        for key in there.keys() - self._parked.keys():
            remove_parked(link, self._name, key)
            del there[key]
        for key, parked in self._parked.items():
            if there.get(key) != parked:
                write_parked(link, self._name, key, parked)
                there[key] = parked

    def _remove_reports_of_others(self, keys: Sequence[str] | set[str]) -> None:
        """Removes our reports of scans that are no longer in Redis."""
        if keys:
            self._store.link.call("HDEL", progress_key(self._name), *keys)
