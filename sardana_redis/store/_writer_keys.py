"""The keys by which writers say how far they are, and people say what to do with a scan.

All of them are hashes under `sardana_redis:` with JSON in their fields; `keys.py` has the names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from sardana_redis.errors import StoreError
from sardana_redis.keys import WRITERS, orders_key, parked_key, progress_key
from sardana_redis.model import WriterProgress, WriterRecord, WriterScanState
from sardana_redis.store._link import Command, Link
from sardana_redis.store._vitals import vitals_document, vitals_from

__all__ = [
    "Order",
    "OrderKind",
    "ParkedScan",
    "forget_writer",
    "give_order",
    "progress_command",
    "progress_from",
    "read_orders",
    "read_parked",
    "read_progress",
    "read_progress_of",
    "read_writers",
    "remove_order",
    "remove_parked",
    "write_parked",
    "write_writer",
    "writers_from",
]

_Value = TypeVar("_Value")


class OrderKind(StrEnum):
    """What a person wants done with a parked scan."""

    RETRY = "retry"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done with a scan; `to` names another file for it."""

    kind: OrderKind
    to: str | None = None


@dataclass(frozen=True, slots=True)
class ParkedScan:
    """A scan that its writer cannot write now: where to, why, and since which Redis time."""

    path: str
    reason: str
    since_ms: int
    number: int = 0
    title: str = ""


def read_progress(link: Link, writer: str) -> dict[str, WriterProgress]:
    """What the writer reported of each scan, by the scan's key; what makes no sense is left out."""
    return _read_hash(link, progress_key(writer), _progress_from)


def read_progress_of(
    link: Link, writer: str, scan_keys: Sequence[str]
) -> dict[str, WriterProgress]:
    """What the writer reported of these scans; for many that have ended cheaper than of all."""
    if not scan_keys:
        return {}
    replies = link.call("HMGET", progress_key(writer), *scan_keys)
    return {
        key: found
        for key, text in zip(scan_keys, replies, strict=True)
        if text is not None and (found := _understood(text, _progress_from)) is not None
    }


def progress_command(writer: str, progress: Mapping[str, WriterProgress]) -> Command:
    """The command that reports of these scans."""
    words: list[Any] = ["HSET", progress_key(writer)]
    for key, item in progress.items():
        document: dict[str, Any] = {
            "n": item.points,
            "t": item.time_ms,
            "state": item.state.value,
            "lost": item.lost,
        }
        if item.waits:
            document["waits"] = True
        if item.reason:
            document["why"] = item.reason
        words += (key, json.dumps(document))
    return tuple(words)


def read_writers(link: Link) -> dict[str, WriterRecord]:
    """The registered writers by their name."""
    return writers_from(link.call("HGETALL", WRITERS))


def writers_from(reply: Any) -> dict[str, WriterRecord]:
    """The registered writers, from Redis' reply to HGETALL; a refusal is raised."""
    return _hash_from(reply, _record_from)


def write_writer(link: Link, name: str, record: WriterRecord) -> bool:
    """Registers the writer, or renews its sign of life; whether it was not registered before."""
    document = {
        "kind": record.kind,
        "host": record.host,
        "version": record.version,
        "boot": record.boot,
        "seen": record.seen_ms,
        "vitals": vitals_document(record.vitals),
    }
    return bool(link.call("HSET", WRITERS, name, json.dumps(document)))


def forget_writer(link: Link, name: str) -> bool:
    """Removes the writer and all that protects data for its sake; False for an unknown one."""
    replies = link.transaction(
        [
            ("HDEL", WRITERS, name),
            ("DEL", progress_key(name), parked_key(name), orders_key(name)),
        ]
    )
    return any(replies)


def read_parked(link: Link, writer: str) -> dict[str, ParkedScan]:
    """The scans that the writer has parked, by their key."""
    return _read_hash(link, parked_key(writer), _parked_from)


def write_parked(link: Link, writer: str, key: str, parked: ParkedScan) -> None:
    """Says that the writer cannot write the scan now."""
    document = {
        "path": parked.path,
        "reason": parked.reason,
        "since": parked.since_ms,
        "number": parked.number,
        "title": parked.title,
    }
    link.call("HSET", parked_key(writer), key, json.dumps(document))


def remove_parked(link: Link, writer: str, key: str) -> None:
    """Says that the scan is parked no more."""
    link.call("HDEL", parked_key(writer), key)


def read_orders(link: Link, writer: str) -> dict[str, Order]:
    """What people want done, by the key of the scan."""
    return _read_hash(link, orders_key(writer), _order_from)


def give_order(link: Link, writer: str, key: str, order: Order) -> None:
    """Leaves an order for the writer, which looks for it every second."""
    document = {"do": order.kind.value, "to": order.to}
    link.call("HSET", orders_key(writer), key, json.dumps(document))


def remove_order(link: Link, writer: str, key: str, order: Order) -> bool:
    """Removes that order for the scan, and none that came later.

    False where somebody gave an order at that very moment: it is to be tried again.
    """
    orders = orders_key(writer)
    link.call("WATCH", orders)
    text = link.call("HGET", orders, key)
    if text is None or _understood(text, _order_from) != order:
        link.call("UNWATCH")
        return True
    done = link.pipeline([("MULTI",), ("HDEL", orders, key), ("EXEC",)])[-1]
    if isinstance(done, StoreError):
        raise done
    return done is not None


def _read_hash(link: Link, key: str, make: Callable[[Any], _Value]) -> dict[str, _Value]:
    return _hash_from(link.call("HGETALL", key), make)


def _hash_from(reply: Any, make: Callable[[Any], _Value]) -> dict[str, _Value]:
    if isinstance(reply, StoreError):
        raise reply
    found = {}
    for name, text in zip(reply[::2], reply[1::2], strict=True):
        value = _understood(text, make)
        if value is not None:
            found[name.decode(errors="replace")] = value
    return found


def _understood(text: bytes, make: Callable[[Any], _Value]) -> _Value | None:
    """What the text says; None where somebody else wrote into our key."""
    try:
        return make(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def progress_from(text: bytes) -> WriterProgress | None:
    """What a report says; None where it makes no sense."""
    return _understood(text, _progress_from)


def _progress_from(document: Any) -> WriterProgress:
    return WriterProgress(
        points=int(document["n"]),
        state=WriterScanState(document["state"]),
        lost=int(document.get("lost", 0)),
        time_ms=int(document.get("t", 0)),
        waits=bool(document.get("waits", False)),
        reason=str(document.get("why", "")),
    )


def _record_from(document: Any) -> WriterRecord:
    return WriterRecord(
        kind=str(document["kind"]),
        host=str(document["host"]),
        version=str(document["version"]),
        boot=str(document.get("boot", "")),
        seen_ms=int(document["seen"]),
        vitals=vitals_from(document.get("vitals", {})),
    )


def _parked_from(document: Any) -> ParkedScan:
    return ParkedScan(
        path=str(document["path"]),
        reason=str(document["reason"]),
        since_ms=int(document["since"]),
        number=int(document.get("number", 0)),
        title=str(document.get("title", "")),
    )


def _order_from(document: Any) -> Order:
    to = document.get("to")
    return Order(OrderKind(document["do"]), None if to is None else str(to))
