"""Every name on the wire: blissdata's, and our own under `sardana_redis:`.

Source of blissdata's names: blissdata 2.4.5, `redis_engine/{store,scan}.py` and
`streams/event_stream.py`. The prefix `esrf` is hard-coded there in the search index.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "CHANNELS_DEVICE",
    "DETECTORS_LEFT_OUT",
    "HEARTBEAT_RENEWAL_SECONDS",
    "HEARTBEAT_TTL_SECONDS",
    "HISTORY",
    "HISTORY_LENGTH",
    "INIT_LOCK",
    "MAPS_LEFT_OUT",
    "MOVEABLES_DEVICE",
    "POINT_NUMBER_STREAM",
    "PROTOCOL",
    "PROTOCOL_VERSION",
    "PUBLISHER",
    "REFERENCE_FORMAT",
    "SCAN_INDEX",
    "SCAN_PREFIX",
    "SEAL_FUNCTION",
    "SEAL_ID",
    "STREAM_PREFIX",
    "WRITERS",
    "WRITER_RENEWAL_SECONDS",
    "WRITER_UP_SECONDS",
    "heartbeat_key",
    "orders_key",
    "parked_key",
    "progress_key",
]

SCAN_PREFIX: Final = "esrf:scan:"
STREAM_PREFIX: Final = "esrf:stream:"
SCAN_INDEX: Final = "esrf:scan:index"

HISTORY: Final = "_SCAN_HISTORY_"
HISTORY_LENGTH: Final = 2048
"""blissdata keeps as many births in its history; a longer one would change what its readers see."""

PROTOCOL: Final = "_PROTOCOL_VERSION_"
PROTOCOL_VERSION: Final = 1

SEAL_FUNCTION: Final = "seal_stream"
SEAL_ID: Final = 2**64 - 1
"""First half of the id of a seal; ids of data entries are point indices."""

POINT_NUMBER_STREAM: Final = "#Pt No"
"""Sardana's label of the point number; its entries carry the time of sending, for lag."""

PUBLISHER: Final = "sardana-redis"

MOVEABLES_DEVICE: Final = "axis"
CHANNELS_DEVICE: Final = "counters"
"""Names in `info["devices"]`: the device of a scan's moveables, and that of its channels."""

INIT_LOCK: Final = "sardana_redis:init-lock"

REFERENCE_FORMAT: Final = "sardana_ref"
"""`format` in the info of a stream of value references; the proof of concept's word."""

HEARTBEAT_TTL_SECONDS: Final = 15.0
HEARTBEAT_RENEWAL_SECONDS: Final = 5.0

WRITERS: Final = "sardana_redis:writers"
"""Hash, a writer's name -> JSON `{kind, host, version, seen, boot, vitals}`.

`seen` is Redis' time in ms. `vitals`: `{lag, pending, parked, troubles: [[path, reason]],
disks: [[root, free bytes]], least_free, sessions}`, what is 0 or empty left out.
"""

WRITER_RENEWAL_SECONDS: Final = 2.0
WRITER_UP_SECONDS: Final = 10.0


DETECTORS_LEFT_OUT: Final = "h5maps.instrument"
MAPS_LEFT_OUT: Final = "h5maps"
"""In `info["sardana"]["left_out"]` where the trees of the scan's files would take too much."""


def heartbeat_key(scan_key: str) -> str:
    """The key that lives as long as the process that publishes the scan."""
    return f"sardana_redis:heartbeat:{scan_key}"


def progress_key(writer: str) -> str:
    """Hash, a scan's key -> JSON `{n, t, state, lost}`: what of it the writer has made safe.

    With `waits: true` the scan waits for another one of its file, or is parked; `why` says why
    it was skipped or has failed.
    """
    return f"sardana_redis:progress:{writer}"


def parked_key(writer: str) -> str:
    """Hash, a scan's key -> JSON `{path, reason, since}`: scans that the writer cannot write."""
    return f"sardana_redis:parked:{writer}"


def orders_key(writer: str) -> str:
    """Hash, a scan's key -> JSON `{do, to}`: what a person wants done with a parked scan."""
    return f"sardana_redis:orders:{writer}"
