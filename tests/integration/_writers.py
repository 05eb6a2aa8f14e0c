"""Writers on the stack of a session: other modules have left scans and writers' names there."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sardana_redis.cli._view import make_view
from sardana_redis.nexus_writer import NexusWriter
from sardana_redis.spec_writer import SpecWriter
from sardana_redis.store import (
    Onlooker,
    forget_registered_writer,
    list_writers,
    wait_for_report,
)
from tests.faults.arena import eventually

_BACKLOG_SECONDS = 180.0
_STOP_SECONDS = 8.0


@contextmanager
def running(writer: NexusWriter | SpecWriter) -> Iterator[None]:
    """The writer runs in a thread meanwhile, and ends at once when it is told to."""
    stop = threading.Event()
    thread = threading.Thread(target=writer.run, args=(stop,), name="writer")
    thread.start()
    try:
        yield
    finally:
        began = time.monotonic()
        stop.set()
        thread.join(10)
        assert time.monotonic() - began < _STOP_SECONDS, "it did not stop at once"
        assert not thread.is_alive()


def has_reported(url: str, writer: str, key: str, points: int) -> bool:
    """Whether the writer has reported so many points of the scan."""
    found = wait_for_report(url, writer, key, seconds=0.1)
    return found is not None and found.points == points


def forget_all_writers(url: str) -> None:
    """Forgets who wrote in other modules, and does so no more: they would be down for ever."""
    for writer in list_writers(url):
        forget_registered_writer(url, writer.name)


def wait_until_up(url: str, *names: str) -> None:
    """Waits until these writers run, and no others."""

    def are_up() -> bool:
        return sorted(writer.name for writer in list_writers(url) if writer.is_up) == sorted(names)

    eventually(are_up, 30, f"the writers {', '.join(names)}")


def wait_until_written(url: str) -> None:
    """Waits until no writer is behind or has scans that wait for their turn in a file."""
    with Onlooker(url) as onlooker:

        def is_written() -> bool:
            writers = make_view(url, onlooker.look(1), None).writers
            return all(
                writer.lag_seconds < 1.0 and writer.pending_scans <= writer.parked_scans
                for writer in writers
                if writer.is_up
            )

        eventually(is_written, _BACKLOG_SECONDS, "the end of the backlog")
