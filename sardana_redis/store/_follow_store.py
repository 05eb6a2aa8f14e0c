"""Following scans in Redis: which there are, what is new, and their points."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sardana_redis.errors import (
    ScanUnreadableError,
    StoreError,
    StoreUnavailable,
    StoreUnusable,
)
from sardana_redis.keys import HISTORY, HISTORY_LENGTH, PROTOCOL, SCAN_PREFIX
from sardana_redis.model import Info, ScanState
from sardana_redis.store._clock import RedisClock
from sardana_redis.store._connection import Connection
from sardana_redis.store._exact import restore_exact
from sardana_redis.store._followed import MALFORMED, FollowedScan
from sardana_redis.store._init_db import check_database
from sardana_redis.store._link import Command, Link
from sardana_redis.store._redis_store import end_of_stream
from sardana_redis.store._scan_document import understood
from sardana_redis.store._scan_reader import ScanReader, lead_stream

__all__ = ["FollowStore"]

_SCAN_COUNT = 5000
_DOCUMENTS_AT_ONCE = 20


class FollowStore(Connection):
    """The reading side of Redis on one connection; not for use by two threads.

    Every method may raise StoreUnavailable or StoreUnusable.
    """

    def __init__(
        self, url: str, *, password_file: Path | None = None, timeout_seconds: float = 5.0
    ) -> None:
        super().__init__(url, password_file=password_file, timeout_seconds=timeout_seconds)
        self._clock = RedisClock()

    def connect(self) -> bool:
        """Opens a fresh connection; returns whether the database is ready for blissdata."""
        is_ready = self._open(_check)
        self.set_clock()
        return is_ready

    def is_initialised(self) -> bool:
        """Whether the database is ready for blissdata."""
        return self.link.call("GET", PROTOCOL) is not None

    def set_clock(self) -> None:
        """Asks Redis for its time."""
        asked_at = time.time()
        self._clock.set(self.link.call("TIME"), asked_at)

    def now_ms(self) -> int:
        """Redis' time in milliseconds, as far as this process knows it."""
        return self._clock.now_ms()

    def history_end(self) -> str:
        """The place in blissdata's history behind which the next births come."""
        last = self.link.call("XREVRANGE", HISTORY, "+", "-", "COUNT", 1)
        return last[0][0].decode() if last else "0-0"

    def scan_keys(self) -> list[str]:
        """The keys of all scans in Redis, oldest first; also of those beyond the history."""
        cursor = b"0"
        keys: set[str] = set()
        while True:
            cursor, found = self.link.call(
                "SCAN", cursor, "MATCH", f"{SCAN_PREFIX}*", "COUNT", _SCAN_COUNT,
                "TYPE", "ReJSON-RL",
            )  # fmt: skip
            # A key that is no text is no scan's: it is looked for in vain.
            keys.update(key.decode(errors="replace") for key in found)
            if cursor == b"0":
                return sorted(keys)  # the keys end in ULIDs, which begin with the time

    def wait(
        self, history: str, streams: Mapping[str, bytes], seconds: float
    ) -> tuple[str, list[str]]:
        """Waits for births behind `history`, or for news of a stream behind an id of it.

        Returns the new place in the history and the keys of the scans that were born.
        """
        names = [HISTORY, *streams]
        ids = [history, *streams.values()]
        blocking = ("BLOCK", max(1, int(seconds * 1000))) if seconds > 0 else ()
        try:
            reply = self.link.call("XREAD", "COUNT", 1, *blocking, "STREAMS", *names, *ids)
        except StoreUnusable:  # one of them is no stream: the history alone then
            reply = self.link.call("XREAD", "COUNT", 1, "STREAMS", HISTORY, history)
        if not any(name == HISTORY.encode() for name, _ in reply or ()):
            return history, []
        entries = self.link.call("XRANGE", HISTORY, f"({history}", "+", "COUNT", HISTORY_LENGTH)
        return entries[-1][0].decode(), [entry[1][1].decode(errors="replace") for entry in entries]

    def load(self, keys: Sequence[str]) -> dict[str, FollowedScan | ScanUnreadableError]:
        """The documents of those scans that still exist."""
        found: dict[str, FollowedScan | ScanUnreadableError] = {}
        for start in range(0, len(keys), _DOCUMENTS_AT_ONCE):
            some = keys[start : start + _DOCUMENTS_AT_ONCE]
            replies = self.link.pipeline([("JSON.GET", key) for key in some])
            for key, reply in zip(some, replies, strict=True):
                if isinstance(reply, StoreUnavailable):
                    raise reply
                scan = None if reply is None else understood(key, reply)
                if scan is not None:
                    found[key] = scan
        return found

    def states(self, scans: Iterable[FollowedScan]) -> list[ScanState | None]:
        """The state of each scan; None where Redis has none, because the scan is gone."""
        commands = [("XREVRANGE", scan.state_key, "+", "-", "COUNT", 1) for scan in scans]
        return [_state(reply) for reply in self.link.pipeline(commands)] if commands else []

    def info(self, key: str) -> Info | None:
        """The scan's info as it is now, empty where it makes no sense; None: the scan is gone."""
        reply = self.link.call("JSON.GET", key, "$.info")
        found = json.loads(reply) if reply is not None else []
        if not found:
            return None
        return restore_exact(found[0]) if isinstance(found[0], dict) else {}

    def behind(self, positions: Sequence[tuple[FollowedScan, int]]) -> list[tuple[int, int | None]]:
        """For each scan and position: its length, and the time in ms of its oldest point behind.

        The time is None where nothing is behind, or the publisher gives no times.
        """
        leads = [(lead_stream(scan.streams), index) for scan, index in positions]
        commands: list[Command] = []
        for lead, index in leads:
            key = "" if lead is None else lead.key
            commands += [
                ("XREVRANGE", key, "+", "-", "COUNT", 1),
                ("XREVRANGE", key, index, "-", "COUNT", 1),
                ("XRANGE", key, index + 1, "+", "COUNT", 1),
            ]
        replies = self.link.pipeline(commands) if commands else []
        return [_behind(replies[3 * at : 3 * at + 3], index) for at, (_, index) in enumerate(leads)]

    def read(self, readers: Sequence[ScanReader]) -> list[StoreError | None]:
        """Lets each reader read on; where Redis refused one, the error that it met.

        Those that have much to read are asked for one by one: Redis keeps the replies to all
        commands of one go in its memory, 4 MiB each.
        """
        errors: dict[int, StoreError | None] = {}
        waiting = [reader for reader in readers if not reader.has_more]
        for group in (waiting, *([reader] for reader in readers if reader.has_more)):
            for reader, error in zip(group, self._read_group(group), strict=True):
                errors[id(reader)] = error
        return [errors[id(reader)] for reader in readers]

    def _read_group(self, readers: Sequence[ScanReader]) -> list[StoreError | None]:
        parts = [reader.commands() for reader in readers]
        commands: list[Command] = [command for part in parts for command in part]
        replies = self.link.pipeline(commands) if commands else []
        errors: list[StoreError | None] = []
        at = 0
        for reader, part in zip(readers, parts, strict=True):
            came = replies[at : at + len(part)]
            at += len(part)
            error = next((item for item in came if isinstance(item, StoreError)), None)
            errors.append(_fed(reader, came) if error is None else error)
        return errors


def _check(link: Link, _url: str) -> bool:
    link.call("PING")  # a Redis that is loading answers other things
    return check_database(link)


def _fed(reader: ScanReader, replies: Sequence[Any]) -> StoreError | None:
    """Lets the reader take the replies; returns what is wrong with them."""
    try:
        reader.feed(replies)
    except MALFORMED as error:
        return ScanUnreadableError(
            f"The points of {reader.scan.key} cannot be read: {type(error).__name__} {error}."
        )
    return None


def _behind(replies: Sequence[Any], index: int) -> tuple[int, int | None]:
    if any(isinstance(reply, StoreError) for reply in replies):
        return index, None
    try:
        return _length_and_time(replies, index)
    except MALFORMED:
        return index, None


def _length_and_time(replies: Sequence[Any], index: int) -> tuple[int, int | None]:
    last, covering, following = replies
    length, _ = end_of_stream(last)
    for entry in (*covering, *following):
        fields = dict(zip(entry[1][::2], entry[1][1::2], strict=True))
        if end_of_stream([entry])[0] > index and b"t" in fields:
            return length, int(fields[b"t"])
    return length, None


def _state(reply: Any) -> ScanState | None:
    if isinstance(reply, StoreUnavailable):
        raise reply
    if isinstance(reply, StoreError) or not reply:
        return None
    try:
        return ScanState(int(reply[0][1][1]))
    except MALFORMED:
        return None
