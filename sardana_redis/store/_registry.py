"""The registered writers, for people: who there is, and forgetting one that is gone for good."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass

from sardana_redis.errors import BadInputError
from sardana_redis.keys import WRITER_UP_SECONDS
from sardana_redis.model import WriterScanState
from sardana_redis.store._clock import RedisClock
from sardana_redis.store._link import Link
from sardana_redis.store._writer_keys import forget_writer, read_parked, read_progress, read_writers

__all__ = ["RegisteredWriter", "forget_registered_writer", "list_writers"]


@dataclass(frozen=True, slots=True)
class RegisteredWriter:
    """A writer, whether it runs, and its scans: reported, of these finished; parked."""

    name: str
    kind: str
    host: str
    version: str
    is_up: bool
    seen_seconds_ago: float
    scans: int
    finished: int
    parked: int


def list_writers(url: str, *, timeout_seconds: float = 5.0) -> list[RegisteredWriter]:
    """The registered writers by their name."""
    with closing(Link(url, timeout_seconds=timeout_seconds)) as link:
        clock = RedisClock()
        asked_at = time.time()
        clock.set(link.call("TIME"), asked_at)
        found = []
        for name, record in sorted(read_writers(link).items()):
            progress = read_progress(link, name)
            silence = max(0.0, (clock.now_ms() - record.seen_ms) / 1000)
            found.append(
                RegisteredWriter(
                    name=name,
                    kind=record.kind,
                    host=record.host,
                    version=record.version,
                    is_up=silence <= WRITER_UP_SECONDS,
                    seen_seconds_ago=silence,
                    scans=len(progress),
                    finished=sum(
                        item.state is not WriterScanState.OPEN for item in progress.values()
                    ),
                    parked=len(read_parked(link, name)),
                )
            )
        return found


def forget_registered_writer(url: str, name: str, *, timeout_seconds: float = 5.0) -> None:
    """Removes a writer and its protection of data; BadInputError where none has that name."""
    with closing(Link(url, timeout_seconds=timeout_seconds)) as link:
        known = sorted(read_writers(link))
        if not forget_writer(link, name):
            raise BadInputError(
                f"No writer {name} is registered; registered are: {', '.join(known) or 'none'}."
            )
