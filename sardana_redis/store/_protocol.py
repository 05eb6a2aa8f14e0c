"""What a publisher needs of a store; Redis and the in-memory store both offer it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sardana_redis.model import Info, WriterProgress
from sardana_redis.store._document import Birth
from sardana_redis.store._survey import Survey

__all__ = ["Entry", "Memory", "PublishStore", "Standing"]


@dataclass(slots=True)
class Entry:
    """One entry of a stream: `length` points, the first of them with the index `first`.

    On a JSON stream every entry holds one point. `stamped` adds the time of sending;
    `creates` lets the entry make its stream, else a stream that is gone is an error.
    """

    stream_key: str
    first: int
    payload: bytes
    length: int
    stamped: bool = False
    creates: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a scan is in the store: its state, and of each stream length and seal."""

    state: int
    lengths: tuple[int, ...]
    sealed: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """Redis' memory in bytes; `maximum` is 0 where there is no limit.

    `fragmentation_ratio`: what Redis takes from the system over what it uses; 0 if not asked.
    `is_copied`: a child of Redis writes its memory into a file; what changes exists twice.
    """

    used: int
    maximum: int
    fragmentation_ratio: float = 0.0
    is_copied: bool = False


class PublishStore(Protocol):
    """Where scans are published. Every method may raise StoreUnavailable or StoreUnusable."""

    def connect(self) -> str:
        """Opens a fresh connection, makes the database ready; returns the server's run id."""

    def disconnect(self) -> None:
        """Closes the connection; raises nothing."""

    def bear(self, birth: Birth) -> None:
        """Writes document, first states, history and heartbeat of a scan, all or none."""

    def append(self, entries: Sequence[Entry]) -> None:
        """Appends the entries in their order; StreamSealedError where a stream is sealed."""

    def look_up(self, birth: Birth) -> Standing | None:
        """How far the scan is in the store; None where its document is gone."""

    def close_scan(self, birth: Birth, info: Info, unsealed: Sequence[str]) -> None:
        """Seals the streams, then writes the final info and the states STOPPED and CLOSED."""

    def rewrite_info(self, birth: Birth, info: Info) -> None:
        """Replaces the info of a closed scan."""

    def keep_alive(self, births: Sequence[Birth]) -> None:
        """Renews the heartbeats of the scans."""

    def pulse(self) -> Memory:
        """Redis' memory now; sets the clock that stamps are taken from as well."""

    def survey(self) -> Survey:
        """The registered writers now."""

    def reports(self, writers: tuple[str, ...], scan_key: str) -> dict[str, WriterProgress]:
        """What these writers report of the scan, by their names."""

    def close_orphans(self, macroserver: str, boot: str, end: Info) -> list[str]:
        """Closes open scans of an earlier process of the MacroServer; returns their keys."""
