"""All writers at one moment, as somebody sees them who is about to scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sardana_redis.errors import Outage, StoreError, StoreUnavailable, StoreUnusable
from sardana_redis.keys import WRITER_UP_SECONDS, WRITERS, progress_key
from sardana_redis.model import WriterProgress, WriterRecord
from sardana_redis.store._link import Command, Link
from sardana_redis.store._writer_keys import progress_from, writers_from

__all__ = ["Survey", "read_reports", "read_survey"]

_GRACE_SECONDS: Final = 15.0
"""For as long a Redis that was restarted hears nothing of writers that are still on their way."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The registered writers at the time `now_ms` of Redis' clock.

    `uptime_seconds` is Redis'. One that `is_full` takes no sign of life.
    """

    now_ms: int = 0
    uptime_seconds: int = 0
    is_full: bool = False
    writers: Mapping[str, WriterRecord] = field(default_factory=dict)

    def silence_seconds(self, writer: WriterRecord) -> float:
        """For how long the writer gave no sign of life."""
        return max(0.0, (self.now_ms - writer.seen_ms) / 1000)

    def is_up(self, writer: WriterRecord) -> bool:
        """Whether the writer runs, as far as Redis can tell."""
        return self.silence_seconds(writer) <= WRITER_UP_SECONDS

    @property
    def is_telling(self) -> bool:
        """Whether a writer that is not up is down, and not only unheard."""
        return not self.is_full and self.uptime_seconds >= _GRACE_SECONDS


def read_survey(link: Link) -> Survey:
    """The writers now, in one round trip; StoreUnusable where this account may not ask."""
    entries, clock, server, memory = link.pipeline(
        [("HGETALL", WRITERS), ("TIME",), ("INFO", "server"), ("INFO", "memory")]
    )
    for reply in (entries, clock, server, memory):
        _require(reply)
    seconds, microseconds = (int(part) for part in clock)
    facts = _numbers(server) | _numbers(memory)
    limit = facts.get("maxmemory", 0)
    used = facts.get("used_memory", 0) - facts.get("mem_not_counted_for_evict", 0)
    return Survey(
        now_ms=seconds * 1000 + microseconds // 1000,
        uptime_seconds=facts.get("uptime_in_seconds", 0),
        is_full=0 < limit <= used,
        writers=writers_from(entries),
    )


def read_reports(link: Link, writers: tuple[str, ...], scan_key: str) -> dict[str, WriterProgress]:
    """What these writers report of the scan, by their names; nothing of those that said nothing."""
    commands: list[Command] = [("HGET", progress_key(name), scan_key) for name in writers]
    found = {}
    for name, reply in zip(writers, link.pipeline(commands), strict=True):
        _require(reply)
        if reply is not None and (report := progress_from(reply)) is not None:
            found[name] = report
    return found


def _require(reply: Any) -> None:
    """Raises what Redis refused: StoreUnusable where this account will never be answered."""
    if isinstance(reply, StoreUnavailable) and reply.reason is not Outage.REFUSED:
        raise reply
    if isinstance(reply, StoreError):
        raise StoreUnusable(f"Redis does not show its writers: {reply}") from reply


def _numbers(reply: Any) -> dict[str, int]:
    """The whole numbers in a reply to INFO."""
    pairs = (line.split(":", 1) for line in reply.decode().splitlines() if ":" in line)
    return {name: int(value) for name, value in pairs if value.isdecimal()}
