"""What the memory tracker asks of Redis, and does to it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sardana_redis.errors import (
    ScanUnreadableError,
    StoreError,
    StoreUnavailable,
    StoreUnusable,
)
from sardana_redis.keys import (
    HEARTBEAT_TTL_SECONDS,
    heartbeat_key,
    orders_key,
    parked_key,
    progress_key,
)
from sardana_redis.model import ScanState, WriterProgress, WriterRecord
from sardana_redis.store._closing import close_watched
from sardana_redis.store._follow_store import FollowStore
from sardana_redis.store._link import Command
from sardana_redis.store._protocol import Memory
from sardana_redis.store._redis_store import info_fields, memory_from
from sardana_redis.store._scripts import (
    STREAMS_AT_ONCE,
    standings_command,
    times_command,
    trim_command,
)
from sardana_redis.store._tracked import (
    SCAN_PATHS,
    LastState,
    StreamStanding,
    TrackedScan,
    Trimmed,
    last_state,
    standing,
    tracked_scan,
)
from sardana_redis.store._writer_keys import read_progress, read_progress_of, read_writers

__all__ = ["TrackStore"]

_FOREIGN_JOURNAL = "_MEMORY_TRACKING_"
"""Where blissdata's own memory tracker writes what it sees."""

_COMMANDS_AT_ONCE = 500

_NO_KEY = -2
"""What TTL and PTTL say of a key that is not there."""

_DELETION_SECONDS = 10
"""With less to live a scan counts as deleted, for blissdata: running commands can end."""

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


class TrackStore(FollowStore):
    """Redis as the memory tracker sees it, on one connection; not for use by two threads.

    Where a reply belongs to one scan or stream and makes no sense, that reply is a StoreError.
    """

    def run_id(self) -> str:
        """The id of the server's process."""
        return info_fields(self.link.call("INFO", "server"))["run_id"]

    def memory(self) -> Memory:
        """Redis' memory now; sets the clock as well."""
        asked_at = time.time()
        facts, clock = self._ask([("INFO", "memory"), ("TIME",)])
        self._clock.set(clock, asked_at)
        return memory_from(info_fields(facts))

    def foreign_journal_end(self) -> bytes:
        """The last entry's id in the journal of blissdata's own tracker; b"" without one."""
        (reply,) = self.link.call(*standings_command([_FOREIGN_JOURNAL]))
        return b"" if isinstance(reply, bytes) or not reply else bytes(reply[2])

    def tracked(self, keys: Sequence[str]) -> dict[str, TrackedScan | ScanUnreadableError]:
        """The scans that still exist."""
        replies = self._each(keys, lambda key: ("JSON.GET", key, *SCAN_PATHS))
        return {
            key: _understood(key, reply)
            for key, reply in zip(keys, replies, strict=True)
            if reply is not None
        }

    def last_states(self, scans: Iterable[TrackedScan]) -> list[LastState | StoreError | None]:
        """The state of each scan; None where Redis has none."""
        keys = [scan.state_key for scan in scans]
        replies = self._each(keys, lambda key: ("XREVRANGE", key, "+", "-", "COUNT", 1))
        return [_made(last_state, reply) for reply in replies]

    def end_reasons(self, scan_keys: Sequence[str]) -> list[str | None]:
        """How each scan ended; None where its document does not say."""
        replies = self._each(scan_keys, lambda key: ("JSON.GET", key, "$.info.end_reason"))
        found = [json.loads(reply) if isinstance(reply, bytes) else [] for reply in replies]
        return [str(values[0]) if values else None for values in found]

    def standings(self, stream_keys: Sequence[str]) -> list[StreamStanding | StoreError]:
        """How far each stream is."""
        chunks = list(_chunks(stream_keys, STREAMS_AT_ONCE))
        replies = self._ask([standings_command(chunk) for chunk in chunks])
        return [_made(standing, reply) for chunk in replies for reply in chunk]

    def sizes(self, stream_keys: Sequence[str]) -> list[int]:
        """About how many bytes each stream takes; 0 where Redis does not say."""
        replies = self._each(stream_keys, lambda key: ("MEMORY", "USAGE", key))
        return [reply if isinstance(reply, int) else 0 for reply in replies]

    def heartbeats(self, scan_keys: Sequence[str]) -> list[float | None]:
        """How many seconds ago the publisher of each scan showed that it lives.

        None where that was longer ago than a heartbeat lasts.
        """
        left = self._ask([("PTTL", heartbeat_key(key)) for key in scan_keys])
        return [None if ms == _NO_KEY else HEARTBEAT_TTL_SECONDS - max(ms, 0) / 1000 for ms in left]

    def seconds_to_live(self, scan_keys: Sequence[str]) -> list[int | None]:
        """How long each scan has to live, -1 for ever; None where it is gone or on its way out."""
        replies = self._each(scan_keys, lambda key: ("TTL", key))
        return [None if reply == _NO_KEY or 0 <= reply <= _DELETION_SECONDS else reply
                for reply in replies]  # fmt: skip

    def trim(self, cuts: Sequence[tuple[str, int]]) -> list[Trimmed | None]:
        """Removes of each stream the entries that lie wholly below the point.

        Never a seal nor the last entry of an open stream, whatever the point says; None for a
        key of another type.
        """
        replies = self._ask([trim_command(chunk) for chunk in _chunks(cuts, STREAMS_AT_ONCE)])
        return [
            None if done is None else Trimmed(int(done[0]), int(done[1]))
            for chunk in replies
            for done in chunk
        ]

    def expire(self, scan: TrackedScan, seconds: float) -> None:
        """Lets the scan go after so many seconds, or sooner if that was said before."""
        milliseconds = int(seconds * 1000)
        self.link.transaction([("PEXPIRE", key, milliseconds, "LT") for key in _all_keys(scan)])

    def delete(self, scan: TrackedScan) -> None:
        """Deletes a closed scan as blissdata does it: it goes 10 s later."""
        self.link.transaction([("EXPIRE", key, _DELETION_SECONDS) for key in _all_keys(scan)])

    def close(self, scan: TrackedScan, end_reason: str, end_time: str) -> bool:
        """Seals and closes a scan that nobody publishes; False where it lives after all.

        All of it happens in one moment: no publisher's sign of life comes in between.
        """
        heartbeat = heartbeat_key(scan.key)
        self._ask([("WATCH", heartbeat, scan.state_key)])
        lives, states = self._ask(
            [("EXISTS", heartbeat), ("XREVRANGE", scan.state_key, "+", "-", "COUNT", 1)]
        )
        state = last_state(states)
        if lives or (state is not None and state.state is ScanState.CLOSED):
            self._ask([("UNWATCH",)])
            return False
        return close_watched(self.link, scan, {"end_reason": end_reason, "end_time": end_time})

    def times(self, points: Sequence[tuple[str, int]]) -> list[int | None]:
        """When these points of streams were sent, in ms of Redis' clock, as far as it is known.

        Of a point that was trimmed it is the time of the first one that is there.
        """
        chunks = _chunks(points, STREAMS_AT_ONCE)
        replies = self._ask([times_command(chunk) for chunk in chunks])
        return [_time(reply) for chunk in replies for reply in chunk]

    def writers(self) -> dict[str, WriterRecord]:
        """The registered writers."""
        return read_writers(self.link)

    def progress(
        self, writer: str, scan_keys: Sequence[str] | None = None
    ) -> dict[str, WriterProgress]:
        """What the writer reported, of all scans or of these; by the scan's key."""
        if scan_keys is None:
            return read_progress(self.link, writer)
        return read_progress_of(self.link, writer, scan_keys)

    def forget_progress(self, writer: str, scan_keys: Sequence[str]) -> None:
        """Removes what concerns scans that are gone from the writer's keys."""
        for chunk in _chunks(scan_keys, _COMMANDS_AT_ONCE):
            self.link.pipeline(
                [("HDEL", make(writer), *chunk) for make in (progress_key, parked_key, orders_key)]
            )

    def _ask(self, commands: Sequence[Command]) -> list[Any]:
        """The replies; a refused command is raised."""
        replies = self.link.pipeline(commands) if commands else []
        for reply in replies:
            if isinstance(reply, StoreError):
                raise reply
        return replies

    def _each(self, keys: Sequence[str], make: Any) -> list[Any]:
        """The replies of one command a key; only an outage is raised."""
        replies: list[Any] = []
        for chunk in _chunks(keys, _COMMANDS_AT_ONCE):
            replies += self.link.pipeline([make(key) for key in chunk])
        for reply in replies:
            if isinstance(reply, StoreUnavailable):
                raise reply
        return replies


def _chunks(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _time(reply: Any) -> int | None:
    try:
        return None if reply is None else int(reply)
    except ValueError:
        return None


def _all_keys(scan: TrackedScan) -> tuple[str, ...]:
    return (*scan.stream_keys, scan.state_key, scan.key)


def _understood(key: str, reply: Any) -> TrackedScan | ScanUnreadableError:
    if isinstance(reply, StoreUnusable):
        return ScanUnreadableError(f"The scan {key} cannot be read: {reply}")
    try:
        return tracked_scan(key, reply)
    except ScanUnreadableError as error:
        return error
    except ValueError as error:
        return ScanUnreadableError(f"The scan {key} cannot be read: {error}")


def _made(make: Any, reply: Any) -> Any:
    """What `make` makes of a reply, or the StoreError why it cannot."""
    if isinstance(reply, StoreError):
        return reply
    try:
        return make(reply)
    except StoreUnusable as error:
        return error
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        return StoreUnusable(f"it holds nothing of blissdata's: {error}")
