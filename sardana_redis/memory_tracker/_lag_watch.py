"""Keeps the writers' lag up to date, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from sardana_redis.lag import LagCollector, ScanPosition, writer_lag
from sardana_redis.memory_tracker._book import WriterBook
from sardana_redis.memory_tracker._ledger import Ledger, ScanRecord, StreamRecord
from sardana_redis.model import WriterProgress
from sardana_redis.store import TrackStore

__all__ = ["LagWatch"]

_Place = tuple[str, int]
"""A stream of point numbers, and the first of its points that a writer has not written."""


class LagWatch:
    """Looks when the oldest unwritten points were sent; each is asked for once."""

    def __init__(
        self, store: TrackStore, ledger: Ledger, book: WriterBook, collector: LagCollector
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._book = book
        self._collector = collector
        self._times: dict[_Place, int | None] = {}

    def look(self) -> None:
        """Computes the lag of every registered writer anew."""
        scans = [(record, lead) for record in self._ledger.scans.values() if (lead := record.lead)]
        missing = {
            name: list(self._unwritten(positions, scans))
            for name, positions in self._book.positions.items()
        }
        self._look_up({place for found in missing.values() for place, _ in found})
        now_ms = self._store.now_ms()
        self._collector.lags = {
            name: writer_lag(
                now_ms,
                self._book.writers[name],
                self._book.last_progress_ms.get(name, 0),
                (
                    ScanPosition(lead.standing.end, progress, self._time(place, lead))
                    for place, (lead, progress) in missing[name]
                ),
            )
            for name in missing
        }

    def _unwritten(
        self,
        positions: dict[str, WriterProgress],
        scans: list[tuple[ScanRecord, StreamRecord]],
    ) -> Iterator[tuple[_Place, tuple[StreamRecord, WriterProgress | None]]]:
        for record, lead in scans:
            progress = positions.get(record.scan.key)
            position = ScanPosition(lead.standing.end, progress, None)
            if position.missing or position.waits:
                points = 0 if progress is None else progress.points
                yield (lead.key, points), (lead, progress)

    def _look_up(self, places: set[_Place]) -> None:
        self._times = {place: self._times[place] for place in places if place in self._times}
        new = [place for place in places if place not in self._times]
        self._times.update(zip(new, self._store.times(new), strict=True))

    def _time(self, place: _Place, lead: StreamRecord) -> int | None:
        """When the point was sent; without a stamp, when the tracker first saw it there."""
        time_ms = self._times[place]
        if time_ms is None:
            seen = (sample.time_ms for sample in lead.samples if sample.end > place[1])
            time_ms = min(seen, default=None)
        return time_ms
