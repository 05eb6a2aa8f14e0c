"""One scan on its way from Redis into its NeXus file."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from sardana_redis.model import JSON, Info, StreamSpec, WriterProgress, WriterScanState
from sardana_redis.nexus import MEASUREMENT, column_names, entry_name, part_of, placed_tree
from sardana_redis.nexus_writer._blisswriter import BlissWriter
from sardana_redis.nexus_writer._columns import ColumnWriter, TextColumn, missing_values
from sardana_redis.nexus_writer._earlier import Earlier
from sardana_redis.nexus_writer._file import WRITER_NAME, NexusFile
from sardana_redis.nexus_writer._images import show_images
from sardana_redis.nexus_writer._masters import link_masters
from sardana_redis.nexus_writer._mesh import add_mesh_images
from sardana_redis.nexus_writer._scan import identity_of, numeric_streams, specs_of
from sardana_redis.nexus_writer._tidy import remove_broken_links
from sardana_redis.nexus_writer._way import show_way
from sardana_redis.settings import NexusWriterSettings
from sardana_redis.store import OTHER, Chunk, FollowedScan, Gap, ScanReader

__all__ = ["NexusJob"]

_ROWS_AT_ONCE = 20_000
_END = ("end_time", "end_reason")
"""What says in the file that the entry is complete; a scan may have ended before we see it."""


class NexusJob:
    """Writes one scan; `written` points were taken from Redis, `safe` ones are on the disk.

    An entry that was left unfinished is written again from its beginning: from Redis, and
    what Redis no longer has from what was left.
    """

    def __init__(self, scan: FollowedScan, file: NexusFile, settings: NexusWriterSettings) -> None:
        self.scan = scan
        self._file = file
        self._fsync = settings.fsync
        self._streams = {s.name: s for s in scan.streams if s.dtype != OTHER}
        self._names = column_names(specs_of(scan))
        self.reader = ScanReader(scan, self._streams)
        self.written = self.safe = self.lost = self._counted_lost = 0
        self.is_closed = self._is_synced = False
        self._goal: int | None = None
        self.gone_since: float | None = None
        self.active_at = time.monotonic()
        place = file.place(scan.key, int(scan.identity.get("number") or 0), part_of(scan.info))
        self._part = place.part
        self._entry = entry_name(int(scan.identity.get("number") or 0), place.part)
        self._columns: dict[str, ColumnWriter] = {}
        self._earlier: Earlier | None = None
        self._bliss = BlissWriter(file.path, settings.chunk_seconds)
        self.is_complete = place.is_complete
        if place.is_complete:
            self._recognise()
        else:
            self._begin(place.earlier)

    @property
    def is_unfinished(self) -> bool:
        """Whether something has to be done soon, whatever Redis brings."""
        return self.reader.has_ended

    @property
    def has_caught_up(self) -> bool:
        """Whether all that Redis had when the job came to its end is safe in the file."""
        return self._is_synced and self._goal is not None and self.safe >= self._goal

    def pump(self) -> int:
        """Takes what has come, and writes what fills chunks; returns how many points came."""
        before = self.written
        with self._file.tree() as tree:
            while (part := self.reader.take(_ROWS_AT_ONCE)) is not None:
                self._take(tree, part)
            for column in self._columns.values():
                column.flush(tree)
        self.written = self.reader.first
        if self._goal is None and not self.reader.has_more:
            self._goal = self.written
        return self.written - before

    def finish(self, info: Info) -> None:
        """Writes the end of the scan and makes it safe; `info` is the final one."""
        self._end(info)
        with self._file.tree() as tree:
            tree.create_dataset(f"{self._entry}/writer/name", data=WRITER_NAME)
        self._file.sync()
        self._link(info)
        self.is_complete = True

    def finish_without_end(self) -> None:
        """Writes the end of a scan of which Redis knows nothing more."""
        own = self.scan.info.get("sardana") or {}
        remark = {"left_redis": True}
        self._end(self.scan.info | {"end_reason": "FAILURE", "sardana": own | remark})
        self._file.sync()

    def mark_safe(self) -> tuple[int, int]:
        """Takes note that the file was synced; rows and lost points that are safe since then."""
        safe = max(self.safe, self._in_file())
        lost = min(self.lost - self._counted_lost, safe - self.safe)
        rows = safe - self.safe - lost
        self.safe = safe
        self._is_synced = True
        self._counted_lost += lost
        return rows, lost

    def progress(self) -> WriterProgress:
        """What is safe, for the report."""
        state = WriterScanState.DONE if self.is_complete else WriterScanState.OPEN
        return WriterProgress(self.safe, state, self.lost)

    def _begin(self, earlier: str | None) -> None:
        with self._file.tree() as tree:
            if earlier is not None:
                self._earlier = Earlier(tree, earlier, self._names)
                self.safe = self._earlier.points
            born = {name: value for name, value in self.scan.info.items() if name not in _END}
            self._bliss.begin(tree, self._tree(born, specs_of(self.scan)))
            show_way(tree, self.scan, self._entry)
        self._columns = self._bliss.columns(numeric_streams(self.scan))
        for name, stream in self._streams.items():
            if stream.dtype == JSON:
                self._columns[name] = TextColumn(self._place(name))

    def _recognise(self) -> None:
        """Finds that the scan is written already; its links may be missing."""
        with self._file.tree() as tree:
            self.safe = self.written = Earlier(tree, self._entry, self._names).points
        self._link(self.scan.info)

    def _take(self, tree: Any, part: Chunk | Gap) -> None:
        values = part.values if isinstance(part, Chunk) else {}
        for name, column in self._columns.items():
            came = values.get(name)
            if came is None:
                self._fill(tree, name, column, part)
            else:
                column.append(came)
        if isinstance(part, Gap):
            known = 0 if self._earlier is None else self._earlier.points_of(part)
            self.lost += part.length - known

    def _fill(self, tree: Any, name: str, column: ColumnWriter, part: Chunk | Gap) -> None:
        """Gives a column what Redis has not: as it was written before, else what says so."""
        known = 0
        if self._earlier is not None and (known := self._earlier.points_of(part)):
            column.append(self._earlier.values(tree, name, part.first, known))
        if part.length > known:
            column.append(missing_values(self._streams[name], part.length - known))

    def _end(self, info: Info) -> None:
        with self._file.tree() as tree:
            for column in self._columns.values():
                column.close(tree)
            measurement = tree[f"/{self._entry}/{MEASUREMENT}"]
            specs = specs_of(self.scan)
            images = show_images(measurement, specs, self._names, self._file.path, info)
            places = {self._place(name): name for name in images}
            self._bliss.finish(
                self._tree(info, [images.get(spec.name, spec) for spec in specs]), places
            )
            remove_broken_links(tree[self._entry])
            add_mesh_images(tree[self._entry], info, self._names)
            if self._earlier is not None:
                del tree[self._earlier.name]

    def _in_file(self) -> int:
        lengths = [column.length for column in self._columns.values()]
        return min((length for length in lengths if length is not None), default=self.written)

    def _place(self, stream: str) -> str:
        return f"/{self._entry}/{MEASUREMENT}/{self._names[stream]}"

    def _tree(self, info: Info, specs: Iterable[StreamSpec]) -> dict[str, Any]:
        scan = self.scan
        return placed_tree(identity_of(scan), info, specs, self._part, scan.key)

    def _link(self, info: Info) -> None:
        link_masters(info, self._file.path, self._entry, fsync=self._fsync)
