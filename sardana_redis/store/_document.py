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

__all__ = ["Birth", "dump", "new_birth", "new_scan_key", "plain"]


# RedisJSON refuses more than 128 levels; the info itself has some around a value.
_DEEPEST = 100
_LEAST_INTEGER = -(2**63)
_GREATEST_INTEGER = 2**64 - 1


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


def new_scan_key() -> str:
    """The key of a scan that is to be born."""
    return f"{SCAN_PREFIX}{ULID()}"


def new_birth(
    identity: Identity,
    info: Info,
    streams: tuple[StreamSpec, ...],
    heartbeat: Mapping[str, Any],
    key: str | None = None,
) -> Birth:
    """A birth with fresh keys, but for that of the scan where one is given; nothing is sent."""
    return Birth(
        key=key or new_scan_key(),
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
    """The value in JSON's own types: numpy made plain, NaN and infinities None.

    What RedisJSON would refuse is made harmless: text that is not Unicode, integers beyond
    64 bits, values that hold themselves or are nested deeper than 100 levels (None there).
    """
    return _plain(value, ())


def _plain(value: Any, parents: tuple[int, ...]) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Enum):
        value = value.value
    if not isinstance(value, Mapping | list | tuple | set | frozenset):
        return _plain_scalar(value)
    if id(value) in parents or len(parents) > _DEEPEST:
        return None
    parents = (*parents, id(value))
    if isinstance(value, Mapping):
        return {_text(str(key)): _plain(item, parents) for key, item in value.items()}
    return [_plain(item, parents) for item in value]


def _plain_scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return value if _LEAST_INTEGER <= value <= _GREATEST_INTEGER else _as_float(value)
    if isinstance(value, float | np.floating):  # tolist leaves a longdouble what it is
        return float(value) if math.isfinite(value) else None
    if isinstance(value, complex | np.complexfloating):
        return [_plain_scalar(value.real), _plain_scalar(value.imag)]
    return value.decode(errors="replace") if isinstance(value, bytes) else _text(str(value))


def _text(value: str) -> str:
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _as_float(value: int) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def _definition(spec: StreamSpec) -> dict[str, Any]:
    shape = None if spec.dtype == JSON else spec.shape
    made = Stream.make_definition(spec.name, spec.dtype, shape, dict(spec.info))
    return {"encoding": dict(made.encoder.info()), "info": dict(made.info)}


def _primary_key(key: str, prefix: str) -> str:
    return key.removeprefix(prefix)
