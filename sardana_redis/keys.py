"""Every name on the wire: blissdata's, and our own under `sardana_redis:`.

Source of blissdata's names: blissdata 2.4.5, `redis_engine/{store,scan}.py` and
`streams/event_stream.py`. The prefix `esrf` is hard-coded there in the search index.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "HEARTBEAT_RENEWAL_SECONDS",
    "HEARTBEAT_TTL_SECONDS",
    "HISTORY",
    "HISTORY_LENGTH",
    "INIT_LOCK",
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
    "heartbeat_key",
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

INIT_LOCK: Final = "sardana_redis:init-lock"

REFERENCE_FORMAT: Final = "sardana_ref"
"""`format` in the info of a stream of value references; the proof of concept's word."""

HEARTBEAT_TTL_SECONDS: Final = 15.0
HEARTBEAT_RENEWAL_SECONDS: Final = 5.0


def heartbeat_key(scan_key: str) -> str:
    """The key that lives as long as the process that publishes the scan."""
    return f"sardana_redis:heartbeat:{scan_key}"
