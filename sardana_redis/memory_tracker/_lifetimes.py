"""Which scans expire, are deleted or closed for a publisher that is gone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sardana_redis.keys import PUBLISHER
from sardana_redis.memory_tracker._snapshot import Limits, ScanFacts, Snapshot

__all__ = ["Fate", "FateKind", "fates"]


class FateKind(StrEnum):
    """What becomes of a scan."""

    EXPIRE = "expire"
    CLOSE_ORPHAN = "close orphan"
    DELETE_INACTIVE = "delete inactive"


@dataclass(frozen=True, slots=True)
class Fate:
    """A scan and what becomes of it."""

    scan_key: str
    kind: FateKind


def fates(snapshot: Snapshot, limits: Limits) -> list[Fate]:
    """What has to become of scans now; most of them go on as they are and are not named."""
    found = []
    for scan in snapshot.scans:
        kind = _fate(snapshot, limits, scan)
        if kind is not None:
            found.append(Fate(scan.key, kind))
    return found


def _fate(snapshot: Snapshot, limits: Limits, scan: ScanFacts) -> FateKind | None:
    if scan.is_closed:
        may_expire = not scan.expires and not snapshot.waiting_for(scan)
        return FateKind.EXPIRE if may_expire else None
    silent = scan.silent_seconds
    # A full Redis takes neither a heartbeat that is new nor the seals of a scan.
    if silent is None or snapshot.used_percent >= limits.hard_threshold:
        return None
    if scan.publisher == PUBLISHER and silent >= limits.orphan_timeout:
        return FateKind.CLOSE_ORPHAN
    inactive_seconds = (snapshot.now_ms - scan.active_ms) / 1000
    is_read = snapshot.floor(scan) >= scan.end
    if inactive_seconds >= limits.inactive_scan_deletion and is_read:
        return FateKind.DELETE_INACTIVE
    return None
