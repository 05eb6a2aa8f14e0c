"""What writers reported, kept from one look to the next: only what can change is read again."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sardana_redis.errors import StoreUnusable
from sardana_redis.model import WriterProgress, WriterRecord, WriterScanState
from sardana_redis.store import TrackStore

__all__ = ["WriterBook"]


class WriterBook:
    """The registered writers and their positions; `skip` is told what cannot be read.

    A writer of which nothing can be read has reported nothing: its data stay.
    """

    def __init__(self, store: TrackStore, skip: Callable[[str, Exception], None]) -> None:
        self._store = store
        self._skip = skip
        self.writers: dict[str, WriterRecord] = {}
        self.positions: dict[str, dict[str, WriterProgress]] = {}
        self.last_progress_ms: dict[str, int] = {}

    def reread(self) -> None:
        """Reads all that the writers reported."""
        self.positions = {}
        self.look(())

    def look(self, scan_keys: Collection[str]) -> None:
        """Reads who writes, and of these scans what was not finished before."""
        before, self.writers = self.writers, self._read_writers()
        for name in set(self.positions) - set(self.writers):
            del self.positions[name]
        for name, record in self.writers.items():
            known = self.positions.get(name)
            if known is None or name not in before or before[name].boot != record.boot:
                self.positions[name] = self._read(name, None)
            else:
                unfinished = [key for key in scan_keys if not _is_final(known.get(key))]
                for key in unfinished:
                    known.pop(key, None)
                known.update(self._read(name, unfinished))

    def _read_writers(self) -> dict[str, WriterRecord]:
        try:
            return self._store.writers()
        except StoreUnusable as error:  # a key of another type
            self._skip("the registry of writers", error)
            return {}

    def _read(self, name: str, scan_keys: list[str] | None) -> dict[str, WriterProgress]:
        try:
            found = self._store.progress(name, scan_keys)
        except StoreUnusable as error:
            self._skip(f"the positions of {name}", error)
            return {}
        latest = max((progress.time_ms for progress in found.values()), default=0)
        self.last_progress_ms[name] = max(latest, self.last_progress_ms.get(name, 0))
        return found


def _is_final(progress: WriterProgress | None) -> bool:
    return progress is not None and progress.state is not WriterScanState.OPEN
