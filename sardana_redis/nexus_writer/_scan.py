"""A scan as its follower sees it, in the words of the map of its file."""

from __future__ import annotations

from sardana_redis.model import JSON, Identity, StreamSpec
from sardana_redis.store import OTHER, FollowedScan, FollowedStream

__all__ = ["identity_of", "numeric_streams", "specs_of"]


def identity_of(scan: FollowedScan) -> Identity:
    """The identity of the scan; what it does not say is empty."""
    own = scan.identity
    return Identity(
        name=str(own.get("name") or ""),
        number=int(own.get("number") or 0),
        session=str(own.get("session") or ""),
        data_policy=str(own.get("data_policy") or ""),
        proposal=own.get("proposal"),
        collection=own.get("collection"),
        dataset=own.get("dataset"),
        path=own.get("path"),
    )


def specs_of(scan: FollowedScan) -> tuple[StreamSpec, ...]:
    """The streams that can be written, in the order of the scan's columns."""
    return tuple(
        StreamSpec(s.name, s.dtype, s.shape, s.info, s.info.get("fill_value"))
        for s in scan.streams
        if s.dtype != OTHER
    )


def numeric_streams(scan: FollowedScan) -> list[FollowedStream]:
    """The streams that hold numbers."""
    return [stream for stream in scan.streams if stream.dtype not in (JSON, OTHER)]
