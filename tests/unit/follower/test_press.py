"""What a writer does between the ends of scans."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sardana_redis.follower._press import Press
from sardana_redis.follower._queue import FileQueue, Ticket
from sardana_redis.model import ScanState


class Job:
    """A scan that has ended; notes its end."""

    def __init__(self, key: str, told: list[str]) -> None:
        self.scan = SimpleNamespace(key=key)
        self.reader = SimpleNamespace(has_ended=True, has_more=False)
        self.gone_since: float | None = None
        self.is_closed = False
        self.told = told

    def finish(self, _info: Any) -> None:
        self.told.append(self.scan.key)


def queue(key: str, told: list[str]) -> FileQueue:
    path = Path(f"/{key}.h5")
    ticket = Ticket(key=key, number=1, title="", since=0.0)
    job: Any = Job(key, told)
    return FileQueue(path, path, tickets=[ticket], job=job)


def test_gives_a_sign_of_life_before_each_end_of_a_scan() -> None:
    """Each may take seconds, and many may end at once."""
    told: list[str] = []
    desk: Any = SimpleNamespace(beat=lambda: told.append("sign of life"))
    store: Any = SimpleNamespace(
        states=lambda scans: [ScanState.CLOSED for _ in scans], info=lambda _key: {}
    )
    shelf: Any = [queue("a", told), queue("b", told)]
    nothing: Any = None
    Press(store, desk, shelf, nothing, nothing)._finish_jobs()
    assert told == ["sign of life", "a", "sign of life", "b"]
