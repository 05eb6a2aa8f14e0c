"""How a writer is, as JSON in its entry of `sardana_redis:writers`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sardana_redis.vitals import Disk, Trouble, Vitals

__all__ = ["vitals_document", "vitals_from"]


def vitals_document(vitals: Vitals) -> dict[str, Any]:
    """The vitals as plain JSON values; what is 0 or empty is left out."""
    document = {
        "lag": round(vitals.lag_seconds, 3),
        "pending": vitals.pending,
        "parked": vitals.parked,
        "troubles": [[trouble.path, trouble.reason] for trouble in vitals.troubles],
        "disks": [[disk.root, disk.free_bytes] for disk in vitals.disks],
        "least_free": vitals.least_free_bytes,
        "sessions": list(vitals.sessions),
    }
    return {name: value for name, value in document.items() if value}


def vitals_from(document: Mapping[str, Any]) -> Vitals:
    """The vitals that an entry holds; one of an earlier version holds none.

    Raises ValueError, TypeError, KeyError or AttributeError where it makes no sense.
    """
    return Vitals(
        lag_seconds=float(document.get("lag", 0.0)),
        pending=int(document.get("pending", 0)),
        parked=int(document.get("parked", 0)),
        troubles=tuple(Trouble(str(p), str(reason)) for p, reason in document.get("troubles", ())),
        disks=tuple(Disk(str(root), int(free)) for root, free in document.get("disks", ())),
        least_free_bytes=int(document.get("least_free", 0)),
        sessions=tuple(str(session) for session in document.get("sessions", ())),
    )
