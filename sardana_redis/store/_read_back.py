"""A whole scan, read as any user reads it: through blissdata."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from blissdata import DataStore

from sardana_redis.errors import Outage, StoreUnavailable
from sardana_redis.model import JSON, ScanState
from sardana_redis.store._link import reader_url

__all__ = ["ReadScan", "ReadStream", "read_scan"]


@dataclass(frozen=True, slots=True)
class ReadStream:
    """A stream as a reader got it: `points` in order, `shape` that of one, -1 if free."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    points: Sequence[Any]
    fill_value: Any = None


@dataclass(frozen=True, slots=True)
class ReadScan:
    """A scan with all its points."""

    key: str
    name: str
    number: int
    state: str
    info: Mapping[str, Any]
    streams: Mapping[str, ReadStream]


def read_scan(url: str, key: str | None = None, *, seconds: float = 15.0) -> ReadScan:
    """A closed scan, the last one unless a key is given.

    Waits for its end; raises StoreUnavailable when it is not CLOSED after `seconds`.
    """
    data_store: Any = DataStore(reader_url(url))  # type: ignore[no-untyped-call]  # has no types
    if key is None:
        _, key = data_store.get_last_scan()
    scan = data_store.load_scan(key)
    deadline = time.monotonic() + seconds
    while scan.state < ScanState.CLOSED:
        left = deadline - time.monotonic()
        if left <= 0:
            raise StoreUnavailable(
                f"The scan {key} is still {scan.state.name}, not CLOSED.", Outage.TIMEOUT
            )
        scan.update(timeout=left)
    # blissdata reads the document, then the state: one that was closed in between has old info.
    scan = data_store.load_scan(key)
    streams = {name: _read_stream(name, stream) for name, stream in scan.streams.items()}
    return ReadScan(scan.key, scan.name, scan.number, scan.state.name, scan.info, streams)


def _read_stream(name: str, stream: Any) -> ReadStream:
    points = list(stream[:]) if len(stream) else []
    if stream.kind == "json":
        return ReadStream(name, JSON, (), points)
    return ReadStream(
        name,
        np.dtype(stream.dtype).name,
        tuple(int(size) for size in stream.shape),
        points,
        stream.info.get("fill_value"),
    )
