"""The open scans that an earlier process of a MacroServer left behind: found and closed."""

from __future__ import annotations

import json
from typing import Any

from sardana_redis.errors import StoreError, StoreUnavailable
from sardana_redis.keys import HISTORY, HISTORY_LENGTH, PUBLISHER
from sardana_redis.model import Info, ScanState
from sardana_redis.store._closing import close_watched
from sardana_redis.store._link import Command, Link
from sardana_redis.store._tracked import SCAN_PATHS, TrackedScan, tracked_scan

__all__ = ["close_orphan", "find_orphans"]


def find_orphans(link: Link, macroserver: str, boot: str) -> list[TrackedScan]:
    """The scans in blissdata's history that this MacroServer's earlier processes left open.

    What another publisher or another MacroServer made is never among them.
    """
    entries = link.call("XREVRANGE", HISTORY, "+", "-", "COUNT", 2 * HISTORY_LENGTH)
    keys = list(dict.fromkeys(entry[1][1].decode() for entry in entries))
    ours = []
    # The first look fetches three small fields only; a scan may have thousands of streams.
    for key, reply in zip(keys, link.pipeline([_ask_owner(key) for key in keys]), strict=True):
        if isinstance(reply, bytes) and _is_ours(json.loads(reply), macroserver, boot):
            ours.append(key)
    documents = link.pipeline([("JSON.GET", key, *SCAN_PATHS) for key in ours])
    scans = [
        tracked_scan(key, document)
        for key, document in zip(ours, documents, strict=True)
        if isinstance(document, bytes)
    ]
    states = link.pipeline([_ask_state(scan) for scan in scans])
    return [scan for scan, state in zip(scans, states, strict=True) if _is_open(state)]


def close_orphan(link: Link, scan: TrackedScan, end: Info) -> bool:
    """Seals and closes the scan, which gets `end` in its info; False where somebody else did.

    Its publisher may be on its way out only, and have closed it since it was found.
    """
    watched, state = link.pipeline([("WATCH", scan.state_key), _ask_state(scan)])
    if isinstance(watched, StoreError):
        raise watched
    if not _is_open(state):
        link.call("UNWATCH")
        return False
    return close_watched(link, scan, end)


_OWNER_PATHS = ("$.info.publisher", "$.info.sardana.macroserver", "$.info.sardana.boot")


def _ask_owner(key: str) -> tuple[str, ...]:
    return ("JSON.GET", key, *_OWNER_PATHS)


def _is_ours(found: dict[str, list[Any]], macroserver: str, boot: str) -> bool:
    publisher, server, booted = (found.get(path) for path in _OWNER_PATHS)
    return publisher == [PUBLISHER] and server == [macroserver] and booted != [boot]


def _ask_state(scan: TrackedScan) -> Command:
    return ("XREVRANGE", scan.state_key, "+", "-", "COUNT", 1)


def _is_open(state: Any) -> bool:
    """Whether the reply is of a scan that can be closed; an outage is raised."""
    if isinstance(state, StoreUnavailable):
        raise state
    is_known = isinstance(state, list) and bool(state)
    return is_known and int(state[0][1][1]) < ScanState.CLOSED
