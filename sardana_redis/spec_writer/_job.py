"""One scan on its way from Redis into its file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from sardana_redis.model import JSON, WriterProgress, WriterScanState
from sardana_redis.settings import SpecDialect
from sardana_redis.spec_writer._end import scan_end
from sardana_redis.spec_writer._file import SpecFile
from sardana_redis.spec_writer._header import file_header, scan_header
from sardana_redis.spec_writer._layout import make_layout
from sardana_redis.spec_writer._rows import format_rows, gap_line
from sardana_redis.store import FollowedScan, Gap, ScanReader

__all__ = ["Job"]

_ROWS_AT_ONCE = 5000
_TEXT_BYTES = 2**20
_POINT_BYTES = 2**22
_FREE_LENGTH = 1024
_TRIMMED = "no longer in Redis when they were to be written"


class Job:
    """Writes one scan; `written` points are in the file, `safe` ones on the disk.

    A job that met an error is thrown away: the next one goes on where the file ends.
    """

    def __init__(self, scan: FollowedScan, dialect: SpecDialect, file: SpecFile) -> None:
        self.scan = scan
        self.file = file
        self._dialect = dialect
        self._layout = make_layout(scan)
        place = file.place(
            scan.key,
            file_header(self._layout, str(file.path), dialect),
            scan_header(self._layout, dialect),
        )
        self.written: int = place.points
        self.safe: int = place.points
        self.lost: int = place.lost
        self._counted_lost: int = place.lost
        self.is_complete = place.is_complete
        self.reader = ScanReader(scan, self._layout.streams_to_read, place.points)
        self._rows_at_once = _rows_at_once(scan, self._layout.streams_to_read)
        self.is_closed = False
        self.gone_since: float | None = None
        self.active_at = time.monotonic()

    @property
    def has_caught_up(self) -> bool:
        """Whether all that has come from Redis is in the file."""
        return not self.reader.has_more and self.written >= self.reader.length

    @property
    def is_unfinished(self) -> bool:
        """Whether something has to be done soon, whatever Redis brings."""
        return self.reader.has_ended or self.written > self.safe

    def pump(self) -> int:
        """Writes what has come; returns how many points that were. May raise OSError."""
        before = self.written
        parts: list[bytes] = []
        size = 0
        while (part := self.reader.take(self._rows_at_once)) is not None:
            if isinstance(part, Gap):
                self.lost += part.length
                text = gap_line(self._layout, part, _TRIMMED)
            else:
                text = format_rows(self._layout, part, self._dialect)
            parts.append(text)
            size += len(text)
            if size >= _TEXT_BYTES:
                self._append(parts)
                size = 0
        self._append(parts)
        return self.written - before

    def finish(self, info: Mapping[str, Any]) -> None:
        """Writes the end of the scan; `info` is the final one. May raise OSError."""
        text = scan_end(self._layout, dict(info), self.written, self.lost, self._dialect)
        self.file.append(text)
        self.is_complete = True

    def finish_without_end(self) -> None:
        """Writes the end of a scan of which Redis knows nothing more. May raise OSError."""
        info = self.scan.info
        own = info.get("sardana") or {}
        remark = {"left_redis": True}
        self.finish(info | {"end_reason": "FAILURE", "sardana": own | remark})

    def mark_safe(self) -> tuple[int, int]:
        """Takes note that all that was written is on the disk; rows and lost points since then."""
        lost = self.lost - self._counted_lost
        rows = self.written - self.safe - lost
        self.safe = self.written
        self._counted_lost = self.lost
        return rows, lost

    def progress(self) -> WriterProgress:
        """What is safe, for the report."""
        done = self.is_complete and self.safe == self.written
        state = WriterScanState.DONE if done else WriterScanState.OPEN
        return WriterProgress(self.safe, state, self.lost)

    def _append(self, parts: list[bytes]) -> None:
        if parts:
            self.file.append(b"".join(parts))
            parts.clear()
        self.written = self.reader.first


def _rows_at_once(scan: FollowedScan, names: tuple[str, ...]) -> int:
    """So many points as make a few megabytes."""
    wanted = frozenset(names)
    size = 1
    for stream in scan.streams:
        if stream.name in wanted and stream.dtype != JSON:
            shape = [_FREE_LENGTH if n < 0 else n for n in stream.shape]
            size += np.dtype(stream.dtype).itemsize * int(np.prod(shape, dtype=int))
    return max(1, min(_ROWS_AT_ONCE, _POINT_BYTES // size))
