"""All that there is to see in Redis at one moment, for people who watch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sardana_redis.errors import ScanUnreadableError, StoreError
from sardana_redis.model import WriterProgress, WriterRecord, WriterScanState
from sardana_redis.store._catalog import ScanSummary, newest_scans
from sardana_redis.store._protocol import Memory
from sardana_redis.store._track_store import TrackStore
from sardana_redis.store._tracked import TrackedScan
from sardana_redis.store._writer_keys import read_parked

__all__ = ["Onlooker", "Outlook", "UnfinishedScan", "WriterOutlook"]

_Progress = Mapping[str, WriterProgress]


@dataclass(frozen=True, slots=True)
class UnfinishedScan:
    """A scan of `end` points that a writer has not finished, and what it reported, if anything.

    `oldest_ms` is Redis' time at which its first unwritten point was sent, as far as known.
    """

    key: str
    end: int
    progress: WriterProgress | None
    oldest_ms: int | None


@dataclass(frozen=True, slots=True)
class WriterOutlook:
    """A registered writer; `last_progress_ms` is Redis' time of its last report, 0 for never."""

    name: str
    record: WriterRecord
    last_progress_ms: int
    parked: int
    unfinished: tuple[UnfinishedScan, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """Redis at the time `now_ms` of its clock: the newest scans first, all writers by name."""

    now_ms: int
    memory: Memory
    scans: tuple[ScanSummary, ...]
    writers: tuple[WriterOutlook, ...]


class Onlooker:
    """Looks at Redis on one connection, and changes nothing there."""

    def __init__(self, url: str, *, password_file: Path | None = None) -> None:
        self._store = TrackStore(url, password_file=password_file)
        self._scans: dict[str, TrackedScan] = {}
        self._history = "0-0"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._store.disconnect()

    def look(self, limit: int) -> Outlook:
        """What there is now, with the newest `limit` scans.

        Raises StoreUnavailable or StoreUnusable; the next look connects anew.
        """
        try:
            if not self._store.is_connected:
                self._store.connect()
                self._scans = {}
                self._history = self._store.history_end()
                self._take(self._store.scan_keys())
            return self._look(limit)
        except StoreError:
            self._store.disconnect()
            raise

    def _look(self, limit: int) -> Outlook:
        store = self._store
        memory = store.memory()
        scans = newest_scans(store.link, limit)
        self._history, born = store.wait(self._history, {}, 0)
        self._take(born)
        records = store.writers()
        positions = {name: store.progress(name) for name in records}
        ends = self._ends(positions.values())
        return Outlook(
            now_ms=store.now_ms(),
            memory=memory,
            scans=tuple(scans),
            writers=tuple(
                WriterOutlook(
                    name=name,
                    record=record,
                    last_progress_ms=max((p.time_ms for p in positions[name].values()), default=0),
                    parked=len(read_parked(store.link, name)),
                    unfinished=self._unfinished(positions[name], ends),
                )
                for name, record in sorted(records.items())
            ),
        )

    def _take(self, keys: Iterable[str]) -> None:
        """Notes scans; those that cannot be read are left out."""
        found = self._store.tracked(list(keys))
        self._scans.update(
            (key, scan) for key, scan in found.items() if not isinstance(scan, ScanUnreadableError)
        )

    def _ends(self, positions: Iterable[_Progress]) -> dict[str, int]:
        """How many points each scan has that some writer has not finished."""
        known = list(positions)
        leads = {
            key: scan.lead
            for key, scan in self._scans.items()
            if scan.lead and not all(_is_finished(progress.get(key)) for progress in known)
        }
        standings = dict(zip(leads, self._store.standings(list(leads.values())), strict=True))
        ends = {
            key: standing.end
            for key, standing in standings.items()
            if not isinstance(standing, StoreError)
        }
        empty = [key for key, end in ends.items() if not end]
        for key in set(empty) - set(self._store.tracked(empty)):  # it has left Redis
            del self._scans[key], ends[key]
        return ends

    def _unfinished(
        self, progress: _Progress, ends: Mapping[str, int]
    ) -> tuple[UnfinishedScan, ...]:
        places = []
        for key, end in ends.items():
            report, lead = progress.get(key), self._scans[key].lead
            if lead and not _is_finished(report):
                written = 0 if report is None else report.points
                places.append((key, end, report, (lead, written)))
        times = self._store.times([place for *_, place in places])
        return tuple(
            UnfinishedScan(key, end, report, time)
            for (key, end, report, _), time in zip(places, times, strict=True)
        )


def _is_finished(progress: WriterProgress | None) -> bool:
    return progress is not None and progress.state is not WriterScanState.OPEN
