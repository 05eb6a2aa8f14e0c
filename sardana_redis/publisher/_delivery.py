"""Bringing one scan a step further into the store, whatever happened before."""

from __future__ import annotations

import time

from sardana_redis.errors import ScanNotFoundError, ScanRefusedError, StreamSealedError
from sardana_redis.log import guest_logger
from sardana_redis.metrics import RecorderMetrics
from sardana_redis.model import Info, ScanEnd
from sardana_redis.nexus import h5maps, part_of, saved_streams
from sardana_redis.publisher._batch import Batch
from sardana_redis.publisher._brake import Brake
from sardana_redis.publisher._feed import ScanFeed
from sardana_redis.publisher._lines import continued_line
from sardana_redis.settings import PublisherSettings
from sardana_redis.store import Birth, PublishStore, fit_info, new_birth, new_scan_key

__all__ = ["Delivery"]

_MOST_RETAINED_SCANS = 256

_log = guest_logger(__name__)


class Delivery:
    """Delivers scans, brakes when Redis fills, and retains what Redis may still forget."""

    def __init__(
        self, store: PublishStore, settings: PublisherSettings, metrics: RecorderMetrics
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._settings = settings
        self._retained: list[ScanFeed] = []
        self.brake = Brake(store, settings)

    @property
    def retains(self) -> bool:
        """Whether delivered scans are held for the case that Redis forgets them."""
        return bool(self._retained)

    def take_back(self) -> list[ScanFeed]:
        """The retained scans, to be checked and delivered again."""
        feeds, self._retained = self._retained, []
        for feed in feeds:
            feed.is_delivered = False
        return feeds

    def step(self, feed: ScanFeed, *, holds_points: bool = False) -> bool:
        """Delivers the next thing of the scan; returns whether more may wait.

        `holds_points`: the scan is born, but its points have to wait for those of another one.
        Raises StoreError when the store fails; the next step finds out how far it came.
        """
        end = feed.scan_end  # read before the rows: behind an end there are none
        if feed.publication.unsure:
            self._settle(feed)
        publication = feed.publication
        if not publication.born:
            publication.attempted = True
            self._store.bear(publication.birth)
            publication.born = True
        if publication.points_waiting:
            if holds_points or self.brake.holds():
                return False
            batch = publication.next_batch(self._settings.batch_bytes)
            assert batch is not None  # noqa: S101 - points wait: for mypy
            self._send(feed, batch)
            # A few points that came meanwhile wait for others, so that entries stay large.
            return end is not None or publication.unsure or publication.has_backlog
        if end is not None:
            self._close(feed, end)
        return False

    def _settle(self, feed: ScanFeed) -> None:
        """Finds out what the store holds of the scan, and goes on from there."""
        publication = feed.publication
        standing = self._store.look_up(publication.birth)
        if standing is None:
            if publication.born:
                _log.warning("Redis forgot a scan, publishing it again", scan=publication.birth.key)
            publication.start_over()
            return
        for batch in publication.resume(standing):
            self._count(batch)
        if publication.is_cut_off:
            self._continue(feed)

    def _continue(self, feed: ScanFeed) -> None:
        """Publishes what a scan that somebody else closed still misses as a scan of its own."""
        first = feed.publication
        base = first.pending[0].first if first.pending else first.next_index
        sardana = {
            **first.birth.info.get("sardana", {}),
            "continues": {
                "key": first.birth.key,
                "from": base,
                "part": part_of(first.birth.info) + 1,
            },
        }
        key, old = new_scan_key(), first.birth
        info = _fitting(old, {**old.info, "sardana": sardana}, key)
        streams = saved_streams(old.identity, info, old.streams, key)
        birth = new_birth(old.identity, info, streams, old.heartbeat, key)
        feed.publication = first.continuation(birth)
        feed.tell("continued", continued_line(feed.number, base))
        _log.warning("continuing a scan that was closed", scan=birth.key, closed=first.birth.key)

    def _send(self, feed: ScanFeed, batch: Batch) -> None:
        publication = feed.publication
        if batch.was_sent:
            self._metrics.resent_points.inc(batch.points)
        batch.was_sent = True
        try:
            self._store.append(publication.entries(batch))
        except StreamSealedError as error:
            self._metrics.count_error(error)
            publication.unsure = True  # the next step looks what is missing and where it goes
            return
        publication.confirm(batch)
        self._count(batch)
        self.brake.note_sent(batch.payload_bytes)
        self._retire((*self._retained, feed))

    def _count(self, batch: Batch) -> None:
        """Counts a confirmed batch, once however often Redis forgets it."""
        if not batch.was_counted:
            batch.was_counted = True
            self._metrics.points.inc(batch.points)
            self._metrics.publish_latency_seconds.observe(time.monotonic() - batch.since)

    def _close(self, feed: ScanFeed, end: ScanEnd) -> None:
        publication = feed.publication
        custom = len(feed.custom)
        if not publication.closed:
            unsealed = [
                key
                for key, sealed in zip(
                    publication.birth.stream_keys, publication.sealed, strict=True
                )
                if not sealed
            ]
            self._store.close_scan(publication.birth, _fitting_info(feed, end), unsealed)
            publication.closed = True
        elif feed.is_broken or custom > feed.written_custom:
            self._rewrite(feed, end)
        feed.written_custom = custom
        feed.delivered_at = feed.delivered_at or time.monotonic()
        feed.is_delivered = True
        if feed not in self._retained:
            self._retained.append(feed)
        self._retire(tuple(self._retained))

    def _rewrite(self, feed: ScanFeed, end: ScanEnd) -> None:
        """Adds custom data that came behind the end of the scan."""
        birth = feed.publication.birth
        try:
            self._store.rewrite_info(birth, _fitting_info(feed, end))
        except (ScanNotFoundError, ScanRefusedError) as error:
            self._metrics.count_error(error)
            _log.warning("custom data could not be added", scan=birth.key, error=str(error))

    def _retire(self, feeds: tuple[ScanFeed, ...]) -> None:
        """Lets go of what is retained beyond `retain_bytes` or `retain_seconds`."""
        oldest = time.monotonic() - self._settings.retain_seconds
        self._retained = [f for f in self._retained if f.delivered_at > oldest]
        del self._retained[:-_MOST_RETAINED_SCANS]
        total = sum(feed.publication.kept_bytes for feed in feeds)
        for feed in feeds:
            kept = feed.publication.kept
            while kept and total > self._settings.retain_bytes:
                total -= kept[0].payload_bytes
                feed.publication.forget_oldest()
            if not kept and feed in self._retained and feed.intake.points:
                self._retained.remove(feed)


def _fitting_info(feed: ScanFeed, end: ScanEnd) -> Info:
    info = feed.final_info(end)
    birth = feed.publication.birth
    return info if feed.is_broken else _fitting(birth, info, birth.key)


def _fitting(birth: Birth, info: Info, key: str) -> Info:
    """The info with its file trees, which follow from the rest of it."""
    return fit_info(info, lambda fitting: h5maps(birth.identity, fitting, birth.streams, key))
