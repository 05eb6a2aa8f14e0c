"""Publishing to Redis, in blissdata's protocol."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sardana_redis.errors import (
    Outage,
    ScanNotFoundError,
    ScanRefusedError,
    StoreError,
    StoreUnavailable,
    StoreUnusable,
    StreamSealedError,
)
from sardana_redis.keys import (
    HEARTBEAT_TTL_SECONDS,
    HISTORY,
    HISTORY_LENGTH,
    SEAL_FUNCTION,
    SEAL_ID,
    heartbeat_key,
)
from sardana_redis.model import Info, ScanState, WriterProgress
from sardana_redis.store._connection import Connection
from sardana_redis.store._document import Birth, dump
from sardana_redis.store._init_db import check_database, initialise_database
from sardana_redis.store._link import Command, Link
from sardana_redis.store._orphans import close_orphan, find_orphans
from sardana_redis.store._protocol import Entry, Memory, Standing
from sardana_redis.store._survey import Survey, read_reports, read_survey

__all__ = ["RedisStore", "end_of_stream", "info_fields", "memory_from"]

_HEARTBEAT_MILLISECONDS = int(HEARTBEAT_TTL_SECONDS * 1000)


class RedisStore(Connection):
    """A PublishStore on one connection; not for use by two threads."""

    def __init__(
        self, url: str, *, password_file: Path | None = None, timeout_seconds: float = 5.0
    ) -> None:
        super().__init__(url, password_file=password_file, timeout_seconds=timeout_seconds)
        self._last_client: tuple[str, int] | None = None
        self._clock_offset_ms = 0.0

    def connect(self) -> str:
        """Opens a fresh connection, makes the database ready; returns the server's run id."""
        run_id = self._open(self._make_ready)
        self.pulse()
        return run_id

    def _make_ready(self, link: Link, url: str) -> str:
        run_id = _run_id(link)
        if not check_database(link):
            initialise_database(url, timeout_seconds=self._timeout_seconds)
        self._end_last_client(link, run_id)
        return run_id

    def bear(self, birth: Birth) -> None:
        """Writes document, first states, history and heartbeat of a scan, all or none."""
        states = (ScanState.CREATED, ScanState.PREPARED, ScanState.STARTED)
        self._write_scan(
            birth,
            [
                ("JSON.SET", birth.key, "$", birth.document()),
                *(("XADD", birth.state_key, "*", "state", int(state)) for state in states),
                ("XADD", HISTORY, "MAXLEN", "~", HISTORY_LENGTH, "*", "key", birth.key),
                _heartbeat(birth),
            ],
        )

    def append(self, entries: Sequence[Entry]) -> None:
        """Appends the entries in their order, all or none; StreamSealedError where one is sealed.

        In a transaction: a Redis that is full for a moment refuses single commands, and with
        ids of ours it would take those behind, so that a stream had a hole.
        """
        if not entries:
            return
        stamp = int(time.time() * 1000 + self._clock_offset_ms)
        replies = self.link.transaction([_xadd(entry, stamp) for entry in entries])
        if None in replies:
            raise StoreUnavailable("a stream is gone from Redis", Outage.UNSURE)

    def look_up(self, birth: Birth) -> Standing | None:
        """How far the scan is in the store; None where its document is gone."""
        exists, states, *lasts = self.link.pipeline(
            [
                ("EXISTS", birth.key),
                ("XREVRANGE", birth.state_key, "+", "-", "COUNT", 1),
                *(("XREVRANGE", key, "+", "-", "COUNT", 1) for key in birth.stream_keys),
            ]
        )
        for reply in (exists, states, *lasts):
            if isinstance(reply, StoreError):
                raise reply
        if not exists or not states:
            return None
        ends = [end_of_stream(last) for last in lasts]
        return Standing(
            state=int(_fields(states[0])[b"state"]),
            lengths=tuple(length for length, _ in ends),
            sealed=tuple(sealed for _, sealed in ends),
        )

    def close_scan(self, birth: Birth, info: Info, unsealed: Sequence[str]) -> None:
        """Seals the streams, then writes the final info and the states STOPPED and CLOSED."""
        replies = self.link.pipeline([("FCALL", SEAL_FUNCTION, 1, key) for key in unsealed])
        for reply in replies:
            if isinstance(reply, StoreError) and not isinstance(reply, StreamSealedError):
                raise reply
        self._write_scan(
            birth,
            [
                ("JSON.SET", birth.key, "$.info", dump(info)),
                ("XADD", birth.state_key, "*", "state", int(ScanState.STOPPED)),
                ("XADD", birth.state_key, "*", "state", int(ScanState.CLOSED)),
                ("DEL", heartbeat_key(birth.key)),
            ],
        )

    def rewrite_info(self, birth: Birth, info: Info) -> None:
        """Replaces the info of a closed scan."""
        if self.link.call("EXISTS", birth.key) == 0:
            raise ScanNotFoundError(f"The scan {birth.key} is no longer in Redis.")
        self._write_scan(birth, [("JSON.SET", birth.key, "$.info", dump(info))])

    def keep_alive(self, births: Sequence[Birth]) -> None:
        """Renews the heartbeats of the scans; works also when Redis is full."""
        replies = self.link.pipeline(
            [("PEXPIRE", heartbeat_key(b.key), _HEARTBEAT_MILLISECONDS) for b in births]
        )
        expired = [b for b, reply in zip(births, replies, strict=True) if reply == 0]
        if expired:
            self.link.pipeline([_heartbeat(birth) for birth in expired])

    def pulse(self) -> Memory:
        """Redis' memory now; sets the clock that stamps are taken from as well."""
        before = time.time()
        info, clock = self.link.pipeline([("INFO", "memory", "persistence"), ("TIME",)])
        for reply in (info, clock):
            if isinstance(reply, StoreError):
                raise reply
        seconds, microseconds = (int(part) for part in clock)
        middle = (before + time.time()) / 2
        self._clock_offset_ms = (seconds + microseconds / 1e6 - middle) * 1000
        return memory_from(info_fields(info))

    def survey(self) -> Survey:
        """The registered writers now."""
        return read_survey(self.link)

    def reports(self, writers: tuple[str, ...], scan_key: str) -> dict[str, WriterProgress]:
        """What these writers report of the scan, by their names."""
        return read_reports(self.link, writers, scan_key)

    def close_orphans(self, macroserver: str, boot: str, end: Info) -> list[str]:
        """Closes open scans of an earlier process of the MacroServer; returns their keys."""
        closed = []
        for scan in find_orphans(self.link, macroserver, boot):
            try:
                if close_orphan(self.link, scan, end):
                    closed.append(scan.key)
            except (ScanRefusedError, StoreUnusable):
                continue  # one scan that nobody can close must not keep the others from it
        return closed

    def _write_scan(self, birth: Birth, commands: list[Command]) -> None:
        """Carries the commands out together; ScanRefusedError where Redis never will."""
        try:
            self.link.transaction(commands)
        except StoreUnusable as error:
            raise ScanRefusedError(f"Redis refuses the scan {birth.key}: {error}") from error

    def _end_last_client(self, link: Link, run_id: str) -> None:
        """Ends the connection before this one: what it sent must not be carried out any more.

        Only on the same server: a restarted one gives the number to somebody else.
        """
        client_id = link.pipeline([("CLIENT", "ID")])[0]
        if self._last_client is not None and self._last_client[0] == run_id:
            link.pipeline([("CLIENT", "KILL", "ID", self._last_client[1])])
        self._last_client = (run_id, client_id) if isinstance(client_id, int) else None


def _run_id(link: Link) -> str:
    """The id of the server's process; `PING` first, because INFO answers while loading too."""
    link.call("PING")
    return info_fields(link.call("INFO", "server"))["run_id"]


_CHILDREN = ("aof_rewrite_in_progress", "rdb_bgsave_in_progress")


def info_fields(reply: bytes) -> dict[str, str]:
    """The fields of a reply to INFO."""
    lines = reply.decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def memory_from(facts: Mapping[str, str]) -> Memory:
    """Redis' memory from its INFO.

    `used` is what Redis compares with maxmemory: buffers on their way to its log and to replicas
    do not count, and are tens of megabytes while its disk is slow.
    """
    uncounted = int(facts.get("mem_not_counted_for_evict", 0))
    return Memory(
        used=int(facts["used_memory"]) - uncounted,
        maximum=int(facts.get("maxmemory", 0)),
        fragmentation_ratio=float(facts.get("mem_fragmentation_ratio", 0)),
        is_copied="1" in (facts.get(name) for name in _CHILDREN),
    )


def _heartbeat(birth: Birth) -> Command:
    return (
        "SET",
        heartbeat_key(birth.key),
        json.dumps(dict(birth.heartbeat)),
        "PX",
        _HEARTBEAT_MILLISECONDS,
    )


def _xadd(entry: Entry, stamp: int) -> Command:
    command: list[Any] = ["XADD", entry.stream_key]
    if not entry.creates:
        command.append("NOMKSTREAM")
    command += (f"{entry.first}-1", "payload", entry.payload)
    if entry.length > 1:
        command += ("len", entry.length)
    if entry.stamped:
        command += ("t", stamp)
    return tuple(command)


def end_of_stream(last: list[Any]) -> tuple[int, bool]:
    """Length of a stream and whether it is sealed, from its last entry."""
    if not last:
        return 0, False
    index = int(last[0][0].split(b"-")[0])
    fields = _fields(last[0])
    if index == SEAL_ID:
        return int(fields[b"id"]), True
    return index + int(fields.get(b"len", 1)), False


def _fields(entry: list[Any]) -> dict[bytes, bytes]:
    flat = entry[1]
    return dict(zip(flat[::2], flat[1::2], strict=True))
