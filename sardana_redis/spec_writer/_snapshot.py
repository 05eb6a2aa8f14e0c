"""What Sardana read before the scan, as it stands in a SPEC header."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sardana_redis.model import Info
from sardana_redis.spec_writer._text import make_labels

__all__ = ["Snapshot", "make_snapshot"]

_MOST_MOTORS = 296
"""silx and PyMca hold the positions of 300 motors and write beyond that without a check."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`scalars` become motors and their positions, `arrays` and `others` lines of their own.

    A number that could not be read is None. `names` has those scalars whose label is not their
    name; `left_out` names what did not fit into Redis.
    """

    scalars: tuple[tuple[str, Any], ...] = ()
    arrays: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    others: tuple[tuple[str, Any], ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()


def make_snapshot(info: Info) -> Snapshot:
    """The snapshot of a scan of ours, or the positions that BLISS keeps in its info."""
    items = dict(_items(info))
    scalars = [(name, value) for name, value in items.items() if _is_scalar(value)]
    labels = make_labels((name for name, _ in scalars), has_blanks=False)
    named = [(label, value) for label, (_, value) in zip(labels, scalars, strict=True)]
    arrays = [(name, tuple(value)) for name, value in items.items() if _is_array(value)]
    others = [
        (name, value)
        for name, value in items.items()
        if not _is_scalar(value) and not _is_array(value)
    ]
    return Snapshot(
        scalars=tuple(named[:_MOST_MOTORS]),
        arrays=tuple(arrays),
        others=(*named[_MOST_MOTORS:], *others),
        names=tuple(
            (label, name) for label, (name, _) in zip(labels, scalars, strict=True) if label != name
        ),
        left_out=tuple(_left_out(info)),
    )


def _items(info: Info) -> Iterator[tuple[str, Any]]:
    snapshot = info.get("snapshot")
    if isinstance(snapshot, Mapping):
        left_out = set(_left_out(info))
        for name, item in snapshot.items():
            if isinstance(item, Mapping) and name not in left_out:
                yield str(name), item.get("value")
        return
    positioners = info.get("positioners")
    start = positioners.get("positioners_start") if isinstance(positioners, Mapping) else None
    if isinstance(start, Mapping):
        for name, value in start.items():
            yield str(name), value


def _left_out(info: Info) -> Iterator[str]:
    sardana = info.get("sardana")
    names = sardana.get("left_out") if isinstance(sardana, Mapping) else None
    for name in names or ():
        if str(name).startswith("snapshot."):
            yield str(name).removeprefix("snapshot.")


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, int | float)


def _is_array(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_scalar(item) for item in value)
