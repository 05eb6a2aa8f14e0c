"""The document of a scan, as blissdata's own models would write it.

Source: blissdata 2.4.5, `DataStore`'s ScanModel and StreamModel (redis-om). Their
layout is pinned by tests/integration/test_birth.py, which compares the two.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

import numpy as np
from blissdata.streams.default import Stream
from ulid import ULID

from sardana_redis.keys import SCAN_PREFIX, STREAM_PREFIX
from sardana_redis.model import JSON, Identity, Info, StreamSpec

__all__ = ["Birth", "dump", "new_birth", "plain"]


@dataclass(frozen=True, slots=True)
class Birth:
    """A scan as it comes into the world; its keys never change, whatever Redis forgets."""

    key: str
    state_key: str
    stream_keys: tuple[str, ...]
    streams: tuple[StreamSpec, ...]
    identity: Identity
    info: Info
    heartbeat: Mapping[str, Any]

    def document(self) -> bytes:
        """The JSON document of the scan."""
        identity = {"pk": _primary_key(self.key, SCAN_PREFIX), **asdict(self.identity)}
        streams = {
            spec.name: {"pk": _primary_key(key, STREAM_PREFIX), **_definition(spec)}
            for spec, key in zip(self.streams, self.stream_keys, strict=True)
        }
        return dump(
            {
                "pk": _primary_key(self.key, SCAN_PREFIX),
                "id": identity,
                "info": self.info,
                "state_stream": {
                    "pk": _primary_key(self.state_key, STREAM_PREFIX),
                    "encoding": None,
                    "info": None,
                },
                "data_streams": streams,
            }
        )


def new_birth(
    identity: Identity, info: Info, streams: tuple[StreamSpec, ...], heartbeat: Mapping[str, Any]
) -> Birth:
    """A birth with fresh keys; nothing is sent."""
    return Birth(
        key=f"{SCAN_PREFIX}{ULID()}",
        state_key=f"{STREAM_PREFIX}{ULID()}",
        stream_keys=tuple(f"{STREAM_PREFIX}{ULID()}" for _ in streams),
        streams=streams,
        identity=identity,
        info=info,
        heartbeat=heartbeat,
    )


def dump(value: Any) -> bytes:
    """The value as JSON; NaN and infinities become null, as blissdata does it."""
    return json.dumps(plain(value), allow_nan=False, separators=(",", ":")).encode()


def plain(value: Any) -> Any:
    """The value in JSON's own types: numpy made plain, NaN and infinities None."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float | np.floating):  # tolist leaves a longdouble what it is
        return float(value) if math.isfinite(value) else None
    if isinstance(value, complex | np.complexfloating):
        return [_plain_scalar(value.real), _plain_scalar(value.imag)]
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _definition(spec: StreamSpec) -> dict[str, Any]:
    shape = None if spec.dtype == JSON else spec.shape
    made = Stream.make_definition(spec.name, spec.dtype, shape, dict(spec.info))
    return {"encoding": dict(made.encoder.info()), "info": dict(made.info)}


def _primary_key(key: str, prefix: str) -> str:
    return key.removeprefix(prefix)
