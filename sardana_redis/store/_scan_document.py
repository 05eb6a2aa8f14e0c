"""From a scan's document, whoever wrote it, to a scan that can be followed. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from sardana_redis.errors import ScanUnreadableError, StoreUnusable
from sardana_redis.keys import STREAM_PREFIX
from sardana_redis.model import JSON, Info
from sardana_redis.store._exact import restore_exact
from sardana_redis.store._followed import OTHER, FollowedScan, FollowedStream

__all__ = ["followed_scan", "understood"]

_NUMERIC_KINDS = frozenset("biufc")


def followed_scan(key: str, document: Mapping[str, Any]) -> FollowedScan:
    """The scan that a document of blissdata's describes; ScanUnreadableError for another one."""
    try:
        info: Info = restore_exact(document["info"] or {})
        streams = {name: _stream(name, stream) for name, stream in document["data_streams"].items()}
        order = [name for name in info.get("channels") or {} if name in streams]
        names = dict.fromkeys([*order, *streams])
        return FollowedScan(
            key=key,
            state_key=STREAM_PREFIX + document["state_stream"]["pk"],
            identity=dict(document["id"]),
            info=info,
            streams=tuple(streams[name] for name in names),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ScanUnreadableError(
            f"The scan {key} cannot be read: {type(error).__name__} {error}."
        ) from error


def understood(key: str, reply: Any) -> FollowedScan | ScanUnreadableError:
    """The scan of a reply to JSON.GET, or why it cannot be read."""
    if isinstance(reply, StoreUnusable):
        return ScanUnreadableError(f"The scan {key} cannot be read: {reply}")
    try:
        return followed_scan(key, json.loads(reply))
    except ScanUnreadableError as error:
        return error
    except ValueError as error:
        return ScanUnreadableError(f"The scan {key} cannot be read: {error}")


def _stream(name: str, document: Mapping[str, Any]) -> FollowedStream:
    encoding = document["encoding"] or {}
    info = document["info"] or {}
    dtype = OTHER
    shape: tuple[int, ...] = ()
    if info.get("plugin") in (None, "hdf5_fallback"):
        if encoding.get("type") == "json":
            dtype = JSON
        elif encoding.get("type") == "numeric":
            declared = np.dtype(encoding["dtype_str"])
            shape = tuple(int(size) for size in encoding["shape"])
            if declared.kind in _NUMERIC_KINDS and all(size == -1 or size > 0 for size in shape):
                dtype = declared.name if declared.isnative else declared.str
    return FollowedStream(name, STREAM_PREFIX + document["pk"], dtype, shape, dict(info))
