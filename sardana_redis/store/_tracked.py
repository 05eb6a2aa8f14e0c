"""Scans and streams as the memory tracker sees them: keys, states and edges, no values. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sardana_redis.errors import ScanUnreadableError, StoreUnusable
from sardana_redis.keys import POINT_NUMBER_STREAM, SEAL_ID, STREAM_PREFIX
from sardana_redis.model import ScanState

__all__ = [
    "SCAN_PATHS",
    "LastState",
    "StreamStanding",
    "TrackedScan",
    "Trimmed",
    "last_state",
    "standing",
    "tracked_scan",
]

_STATE, _STREAMS, _LEAD, _PUBLISHER = SCAN_PATHS = (
    "$.state_stream.pk",
    "$.data_streams.*.pk",
    f'$.data_streams["{POINT_NUMBER_STREAM}"].pk',
    "$.info.publisher",
)
"""What is fetched of a document, which may have a megabyte."""


@dataclass(frozen=True, slots=True)
class TrackedScan:
    """A scan's keys; `lead` is the stream of the point numbers, or its first, or None."""

    key: str
    state_key: str
    stream_keys: tuple[str, ...]
    lead: str | None
    publisher: str


@dataclass(frozen=True, slots=True)
class LastState:
    """The state of a scan, and Redis' time of its change in ms."""

    state: ScanState
    time_ms: int


@dataclass(frozen=True, slots=True)
class StreamStanding:
    """The edges of a stream's first and last entry; all are its length where it has no data.

    `stamp_ms` is Redis' time at which its last entry was sent, where the entry says so.
    """

    first: int = 0
    first_end: int = 0
    last_first: int = 0
    end: int = 0
    is_sealed: bool = False
    stamp_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Trimmed:
    """How many entries a trim removed; `up_to` is the edge that it cut at."""

    entries: int
    up_to: int


def tracked_scan(key: str, reply: bytes) -> TrackedScan:
    """The scan from `SCAN_PATHS` of its document; ScanUnreadableError for another document."""
    found = json.loads(reply)
    states, streams, leads, publishers = (found.get(path) or [] for path in SCAN_PATHS)
    if len(states) != 1 or not all(isinstance(pk, str) for pk in (*states, *streams, *leads)):
        raise ScanUnreadableError(f"The document {key} is no scan of blissdata's.")
    return TrackedScan(
        key=key,
        state_key=STREAM_PREFIX + states[0],
        stream_keys=tuple(dict.fromkeys(STREAM_PREFIX + pk for pk in streams)),
        lead=next((STREAM_PREFIX + pk for pk in (*leads, *streams)), None),
        publisher=str(publishers[0]) if publishers else "",
    )


def last_state(entries: Sequence[Any]) -> LastState | None:
    """The state from the last entry of a scan's state stream; None where there is none."""
    if not entries:
        return None
    entry_id, fields = entries[0]
    return LastState(ScanState(int(fields[1])), int(entry_id.partition(b"-")[0]))


def standing(reply: Any) -> StreamStanding:
    """The standing from what the script of `_scripts` says; StoreUnusable for nonsense.

    The reply is the error of a key of another type, [] of a stream without entries, or id and
    `len` of the first entry, then id, `len`, `id` and `t` of the last one.
    """
    if isinstance(reply, bytes):
        raise StoreUnusable(reply.decode(errors="replace"))
    if not reply:
        return StreamStanding()
    first_id, first_len, last_id, last_len, seal, stamp = reply
    try:
        first, last = _index(first_id), _index(last_id)
        is_sealed = last == SEAL_ID
        end = int(seal) if is_sealed else last + _length(last_len)
        is_empty = first == SEAL_ID
        return StreamStanding(
            first=end if is_empty else first,
            first_end=end if is_empty else first + _length(first_len),
            last_first=end if is_sealed else last,
            end=end,
            is_sealed=is_sealed,
            stamp_ms=None if stamp is None else int(stamp),
        )
    except (TypeError, ValueError) as error:
        raise StoreUnusable(f"its entries are not blissdata's: {error}") from error


def _index(entry_id: bytes) -> int:
    return int(entry_id.partition(b"-")[0])


def _length(field: bytes | None) -> int:
    return 1 if field is None else int(field)
