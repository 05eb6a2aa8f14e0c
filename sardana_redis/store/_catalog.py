"""Looking at the scans that Redis holds, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from blissdata import DataStore
from blissdata.exceptions import IndexNoMoreThereError, ScanLoadError
from blissdata.exceptions import ScanNotFoundError as ForeignScanNotFoundError
from redis import exceptions as foreign

from sardana_redis.errors import (
    BadInputError,
    ScanNotFoundError,
    ScanUnreadableError,
    StoreError,
    StoreUnusable,
)
from sardana_redis.keys import HISTORY, POINT_NUMBER_STREAM, SCAN_PREFIX, STREAM_PREFIX
from sardana_redis.model import ScanState
from sardana_redis.store._document import plain
from sardana_redis.store._errors import translate
from sardana_redis.store._init_db import check_database
from sardana_redis.store._link import Link
from sardana_redis.store._redis_store import end_of_stream

__all__ = ["ScanSummary", "StreamSummary", "list_scans", "newest_scans", "show_scan"]


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """One scan in a line; `points` counts those published so far."""

    key: str
    number: int
    name: str
    session: str | None
    title: str
    state: str
    points: int
    start_time: str | None
    end_time: str | None
    end_reason: str | None


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """One stream of a scan; `last` is its last value, None where there is none any more."""

    name: str
    length: int
    dtype: str
    shape: tuple[int, ...]
    unit: str | None
    sealed: bool
    last: Any


def list_scans(url: str, *, limit: int, timeout_seconds: float = 5.0) -> list[ScanSummary]:
    """The newest `limit` scans that Redis remembers, newest first."""
    link = Link(url, timeout_seconds=timeout_seconds)
    try:
        return newest_scans(link, limit)
    finally:
        link.close()


def newest_scans(link: Link, limit: int) -> list[ScanSummary]:
    """The newest `limit` scans; StoreUnusable where Redis was never initialised."""
    _require_initialised(link)
    entries = link.call("XREVRANGE", HISTORY, "+", "-", "COUNT", limit)
    keys = list(dict.fromkeys(entry[1][1].decode(errors="replace") for entry in entries))
    return _summaries(link, keys)


def show_scan(url: str, key: str) -> tuple[ScanSummary, list[StreamSummary]]:
    """A scan and its streams, in the order of the scan's columns.

    Raises BadInputError where `key` is no scan key, ScanNotFoundError where Redis has no
    such scan, ScanUnreadableError where another publisher wrote what blissdata cannot read.
    """
    if not key.startswith(SCAN_PREFIX):
        raise BadInputError(
            f"{key!r} is no scan key: they begin with {SCAN_PREFIX}; `sardana-redis scans` lists "
            "them."
        )
    link = Link(url, timeout_seconds=5.0)
    try:
        _require_initialised(link)
        summaries = _summaries(link, [key])
    finally:
        link.close()
    if not summaries:
        raise ScanNotFoundError(
            f"Redis has no scan {key}; `sardana-redis scans` lists those it has."
        )
    return summaries[0], _streams(url, key)


def _require_initialised(link: Link) -> None:
    if not check_database(link):
        raise StoreUnusable(
            "This Redis was never initialised for blissdata: run `sardana-redis init-db`, or "
            "scan once with the recorder."
        )


_PATHS = ("$.id", "$.info.title", "$.info.start_time", "$.info.end_time", "$.info.end_reason")


def _summaries(link: Link, keys: Sequence[str]) -> list[ScanSummary]:
    """The scans that still exist and can be read."""
    wanted = (*_PATHS, "$.state_stream.pk", f'$.data_streams["{POINT_NUMBER_STREAM}"].pk')
    replies = link.pipeline([("JSON.GET", key, *wanted) for key in keys])
    found = [
        (key, {path: (values or [None])[0] for path, values in json.loads(reply).items()})
        for key, reply in zip(keys, replies, strict=True)
        if isinstance(reply, bytes)
    ]
    streams = [STREAM_PREFIX + str(facts[path]) for _, facts in found for path in wanted[-2:]]
    ends = link.pipeline([("XREVRANGE", stream, "+", "-", "COUNT", 1) for stream in streams])
    summaries = []
    for index, (key, facts) in enumerate(found):
        state, points = ends[2 * index : 2 * index + 2]
        if not isinstance(state, StoreError) and state and facts["$.id"]:
            summaries.append(_summary(key, facts, state, points))
    return summaries


def _summary(key: str, facts: dict[str, Any], state: list[Any], points: Any) -> ScanSummary:
    identity = facts["$.id"]
    return ScanSummary(
        key=key,
        number=identity["number"],
        name=identity["name"],
        session=identity.get("session"),
        title=facts["$.info.title"] or "",
        state=ScanState(int(state[0][1][1])).name,
        points=0 if isinstance(points, StoreError) else end_of_stream(points)[0],
        start_time=facts["$.info.start_time"],
        end_time=facts["$.info.end_time"],
        end_reason=facts["$.info.end_reason"],
    )


def _streams(url: str, key: str) -> list[StreamSummary]:
    try:
        data_store = DataStore(url)  # type: ignore[no-untyped-call]  # blissdata is untyped
        scan = data_store.load_scan(key)  # type: ignore[no-untyped-call]
        order = list(scan.info.get("channels", {}))
        names = sorted(scan.streams, key=lambda n: order.index(n) if n in order else len(order))
        return [_stream(scan.streams[name]) for name in names]
    except ForeignScanNotFoundError as error:
        raise ScanNotFoundError(f"The scan {key} has just left Redis.") from error
    except ScanLoadError as error:
        raise ScanUnreadableError(f"The scan {key} cannot be read: {error}.") from error
    except foreign.RedisError as error:
        raise translate(error) from error


def _stream(stream: Any) -> StreamSummary:
    length = len(stream)
    try:
        last = plain(stream[length - 1]) if length else None
    except IndexNoMoreThereError:
        last = None  # trimmed to save memory
    return StreamSummary(
        name=stream.name,
        length=length,
        dtype="json" if stream.kind == "json" else str(stream.dtype),
        shape=tuple(stream.shape),
        unit=stream.info.get("unit"),
        sealed=stream.is_sealed(),
        last=last,
    )
