"""blisswriter's ScanWriter, taken step by step: the only file that knows its private names.

Seen in blisswriter 3.0.0, pinned by `tests/unit/nexus_writer/test_blisswriter.py`. Its own
loop gives a scan up on a lost connection, and knows neither a moment at which the file is
whole nor what is safe on the disk. Its steps know how to write: the static part of the map,
chunks and their compression, what the end of a scan changes in the map.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
from blisswriter.file_session import FileHandle
from blisswriter.json_h5_utils import get_stream_map
from blisswriter.scan_writer import ScanWriter, ScanWriterError, ScanWritingStatus
from blisswriter.stream_writers import StreamWriter

from sardana_redis.errors import FileRefusedError
from sardana_redis.nexus_writer._columns import ColumnWriter
from sardana_redis.store import FollowedStream, Values

__all__ = ["BlissWriter"]

_LEAST_CHUNK_BYTES: Final = 4096

_log = logging.getLogger("sardana_redis.nexus_writer.blisswriter")


@dataclass(frozen=True, slots=True)
class _View:
    """What a StreamWriter takes: points of one stream."""

    values: Values

    def get_data(self) -> Values:
        """An array, or a list of arrays where their shapes differ."""
        return self.values


class _NumericColumn:
    """A ColumnWriter that is blisswriter's StreamWriter, but keeps no point back for long.

    It writes whole chunks only, of as many points as came in the first seconds: slow scans
    would have chunks of one number, and the end of a fast part would wait for the next one.
    """

    def __init__(self, writer: Any, chunk_seconds: float) -> None:
        self.writer = writer
        self._chunk_seconds = chunk_seconds
        self._due = inf

    @property
    def length(self) -> int | None:
        writer = self.writer
        if not writer.dataset_created and 0 in writer._cur_elt_shape:
            return None  # points without values: there is nothing to write
        return int(writer._dataset_len)

    def append(self, values: Values) -> None:
        if not self.writer._buffer_len:
            self._due = time.monotonic() + self._chunk_seconds
        self.writer.append(_View(values))

    def flush(self, tree: Any) -> None:
        writer = self.writer
        writer.flush(tree)
        if time.monotonic() < self._due or not writer._buffer_len or 0 in writer._cur_elt_shape:
            return
        data = np.concatenate(writer._buffer)
        if not writer.dataset_created:
            point_bytes = data.nbytes // len(data)
            length = max(len(data), -(-_LEAST_CHUNK_BYTES // point_bytes))
            shape = (length, *writer._cur_elt_shape)
            least = writer.guess_chunk_shape(shape, data.itemsize, writer.TARGET_CHUNK_NBYTES)
            writer._chunk_shape = (min(length, least[0]), *least[1:])
            writer._create_dataset_chunked(tree, data.nbytes >= writer.USE_COMPRESSION_THRESHOLD)
        writer._extend_dataset(data, tree)
        writer._buffer, writer._buffer_len = [], 0

    def close(self, tree: Any) -> None:
        self.writer.close(tree)


class BlissWriter:
    """Writes one scan into one open file.

    Methods take the open h5py.File and may raise whatever h5py raises; FileRefusedError
    where blisswriter itself finds that it cannot begin.
    """

    def __init__(self, path: Path, chunk_seconds: float) -> None:
        self._path = str(path)
        self._chunk_seconds = chunk_seconds
        # Its `key` names a logger, and loggers live for ever: one for all scans.
        self._scan = SimpleNamespace(key=_log.name, path=self._path, info={}, state=inf)
        self._writer: Any = ScanWriter(self._scan, ScanWritingStatus())
        self._streams: list[Any] = []

    def begin(self, tree: Any, root: Mapping[str, Any]) -> None:
        """Writes what is known at the start; `root` is the tree of the file."""
        self._scan.info = {"h5maps": {self._path: root}}
        writer = self._writer
        try:
            writer._prepare()
        except ScanWriterError as error:
            raise FileRefusedError(str(error)) from error
        writer._file_handles = {self._path: FileHandle(tree)}
        writer._save_mappings()

    def columns(self, streams: Sequence[FollowedStream]) -> dict[str, ColumnWriter]:
        """A writer for each of the streams that the map has, by the stream's name."""
        made: dict[str, ColumnWriter] = {}
        by_name = {stream.name: stream for stream in streams}
        mapping = self._writer._file_mappings[self._path]
        self._writer._stream_maps = {self._path: get_stream_map(mapping)}
        for place, name in self._writer._stream_maps[self._path].items():
            stream = by_name[name]
            writer: Any = StreamWriter(place, np.dtype(stream.dtype), stream.shape, _log)
            writer.FREEZE_CHUNK_TIMEOUT = inf
            self._streams.append(writer)
            made[name] = _NumericColumn(writer, self._chunk_seconds)
        return made

    def finish(self, root: Mapping[str, Any], others: Mapping[str, str]) -> None:
        """Changes what the end of the scan changes; all columns have to be closed.

        `others` are the streams, by their places in the map, whose datasets we made.
        """
        self._scan.info = {"h5maps": {self._path: root}}
        writer = self._writer
        written = [item._dataset_name for item in self._streams if item.dataset_created]
        writer._stream_made_datasets = {self._path: [*written, *others]}
        writer._stream_maps[self._path].update(others)
        writer._save_mappings()
        writer._save_streams_attributes()
