"""Closing a scan in place of its publisher."""

from __future__ import annotations

from redis import exceptions as foreign

from sardana_redis.errors import (
    ScanRefusedError,
    StoreError,
    StoreUnavailable,
    StreamSealedError,
)
from sardana_redis.keys import SEAL_FUNCTION, heartbeat_key
from sardana_redis.model import Info, ScanState
from sardana_redis.store._document import dump
from sardana_redis.store._errors import translate
from sardana_redis.store._link import Command, Link
from sardana_redis.store._tracked import TrackedScan

__all__ = ["close_watched"]


def close_watched(link: Link, scan: TrackedScan, end: Info) -> bool:
    """Seals and closes the scan, all in one moment; False where a watched key changed before.

    `end` is what its info gets; ScanRefusedError where Redis never will.
    """
    replies = link.pipeline([("MULTI",), *_commands(scan, end), ("EXEC",)])
    results = replies[-1]
    if isinstance(results, StoreError):
        raise next(reply for reply in replies if isinstance(reply, StoreError))
    if results is None:
        return False
    for result in results:
        if isinstance(result, foreign.ResponseError):
            _refuse(scan, translate(result))
    return True


def _commands(scan: TrackedScan, end: Info) -> list[Command]:
    return [
        *(("FCALL", SEAL_FUNCTION, 1, key) for key in scan.stream_keys),
        *(("JSON.SET", scan.key, f"$.info.{name}", dump(value)) for name, value in end.items()),
        ("XADD", scan.state_key, "*", "state", int(ScanState.STOPPED)),
        ("XADD", scan.state_key, "*", "state", int(ScanState.CLOSED)),
        ("DEL", heartbeat_key(scan.key)),
    ]


def _refuse(scan: TrackedScan, error: StoreError) -> None:
    """Raises the error, unless it is that a stream was sealed before."""
    if isinstance(error, StoreUnavailable):
        raise error
    if not isinstance(error, StreamSealedError):
        raise ScanRefusedError(f"Redis refuses to close {scan.key}: {error}")
