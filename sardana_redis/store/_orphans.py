"""Finding the open scans that an earlier process of a MacroServer left behind."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from sardana_redis.keys import HISTORY, HISTORY_LENGTH, PUBLISHER, STREAM_PREFIX
from sardana_redis.model import Identity, Info, ScanState
from sardana_redis.store._document import Birth
from sardana_redis.store._link import Link

__all__ = ["find_orphans"]


def find_orphans(link: Link, macroserver: str, boot: str) -> list[Birth]:
    """The scans in blissdata's history that this MacroServer's earlier processes left open.

    What another publisher or another MacroServer made is never among them.
    """
    entries = link.call("XREVRANGE", HISTORY, "+", "-", "COUNT", 2 * HISTORY_LENGTH)
    keys = list(dict.fromkeys(entry[1][1].decode() for entry in entries))
    ours = []
    # The first look fetches three small fields only; a document may have a megabyte.
    for key, reply in zip(keys, link.pipeline([_ask_owner(key) for key in keys]), strict=True):
        if isinstance(reply, bytes) and _is_ours(json.loads(reply), macroserver, boot):
            ours.append(key)
    documents = link.pipeline([("JSON.GET", key) for key in ours])
    births = [
        _birth_of(key, json.loads(document))
        for key, document in zip(ours, documents, strict=True)
        if isinstance(document, bytes)
    ]
    return [birth for birth in births if _is_open(link, birth)]


_IDENTITY = frozenset(field.name for field in fields(Identity))
_OWNER_PATHS = ("$.info.publisher", "$.info.sardana.macroserver", "$.info.sardana.boot")


def _ask_owner(key: str) -> tuple[str, ...]:
    return ("JSON.GET", key, *_OWNER_PATHS)


def _is_ours(found: dict[str, list[Any]], macroserver: str, boot: str) -> bool:
    publisher, server, booted = (found.get(path) for path in _OWNER_PATHS)
    return publisher == [PUBLISHER] and server == [macroserver] and booted != [boot]


def _birth_of(key: str, document: dict[str, Any]) -> Birth:
    info: Info = document["info"]
    streams = document["data_streams"].values()
    return Birth(
        key=key,
        state_key=STREAM_PREFIX + document["state_stream"]["pk"],
        stream_keys=tuple(STREAM_PREFIX + stream["pk"] for stream in streams),
        streams=(),
        identity=Identity(
            **{name: value for name, value in document["id"].items() if name in _IDENTITY}
        ),
        info=info,
        heartbeat={},
    )


def _is_open(link: Link, birth: Birth) -> bool:
    last = link.call("XREVRANGE", birth.state_key, "+", "-", "COUNT", 1)
    return bool(last) and int(last[0][1][1]) < ScanState.CLOSED
