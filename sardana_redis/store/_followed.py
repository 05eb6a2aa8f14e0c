"""A scan as somebody who follows it sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from sardana_redis.model import Info

__all__ = ["MALFORMED", "OTHER", "Chunk", "FollowedScan", "FollowedStream", "Gap", "Values"]

OTHER = "other"
"""The dtype of a stream in an encoding that only blissdata's plugins read."""

MALFORMED = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError)
"""What Python raises where a document or a stream of others is not what was agreed on."""

Values = npt.NDArray[Any] | Sequence[Any]
"""Points of one stream: an array of shape (n, *shape), or a list: JSON, or shapes that differ."""


@dataclass(frozen=True, slots=True)
class FollowedStream:
    """One stream of a scan.

    `dtype` is a numpy name, `json` or `other`. `shape` is that of one point, () for a
    scalar, -1 where a dimension is free. `info` has `unit`, `fill_value`, `format` where known.
    """

    name: str
    key: str
    dtype: str
    shape: tuple[int, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FollowedScan:
    """A scan's document; `streams` are in the order of the scan's columns.

    `identity` has name, number, session, path and so on as blissdata keeps them.
    """

    key: str
    state_key: str
    identity: Mapping[str, Any]
    info: Info
    streams: tuple[FollowedStream, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """The points `first` to `first + length - 1` of a scan.

    `values` holds, by the stream's name, `length` points each; a stream that is not in it
    has none of these points in Redis (trimmed, or ended earlier than others).
    """

    first: int
    length: int
    values: Mapping[str, Values]


@dataclass(frozen=True, slots=True)
class Gap:
    """The points `first` to `first + length - 1`, of which Redis holds nothing any more."""

    first: int
    length: int
