"""The loop around the tracker: it waits out trouble, and tells of it once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from sardana_redis.errors import (
    Outage,
    StoreError,
    StoreUnavailable,
    StoreUnusable,
    TrackingRefusedError,
)
from sardana_redis.memory_tracker import _service
from sardana_redis.memory_tracker._service import MemoryTrackerService, limits_from
from sardana_redis.settings import MemoryTrackerSettings, Settings

LOST = StoreUnavailable("gone", Outage.LOST)
FULL = StoreUnavailable("full", Outage.FULL)


class FakeStore:
    """Connects, unless told otherwise."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.is_connected = False
        self.is_ready = True
        self.connections = 0

    def connect(self) -> bool:
        self.connections += 1
        self.is_connected = True
        return self.is_ready

    def disconnect(self) -> None:
        self.is_connected = False


class FakeTracker:
    """Each turn does the next of `happens`."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.happens: list[Callable[[], object]] = []
        self.begun = 0
        self.out_of_sight = 0

    def begin(self) -> None:
        self.begun += 1

    def lose_sight(self) -> None:
        self.out_of_sight += 1

    def turn(self) -> None:
        self.happens.pop(0)()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> MemoryTrackerService:
    monkeypatch.setattr(_service, "TrackStore", FakeStore)
    monkeypatch.setattr(_service, "Tracker", FakeTracker)
    monkeypatch.setattr(_service, "_TURN_SECONDS", 0.001)
    monkeypatch.setattr(_service, "_LONGEST_PAUSE_SECONDS", 0.001)
    return MemoryTrackerService(Settings(url="redis://:secret@host"))


def run(service: MemoryTrackerService, *happens: StoreError | Exception | None) -> list[Any]:
    """Lets the turns fail so, or go well where None; returns the lines of the log."""
    stop = threading.Event()

    def fail(error: Exception | None) -> None:
        if error is not None:
            raise error

    service._tracker.happens = [  # type: ignore[attr-defined]  # it is the fake
        *(lambda e=e: fail(e) for e in happens),
        stop.set,
    ]
    with capture_logs() as lines:
        service.run(stop)
    return lines


def test_an_outage_is_told_once_and_so_is_its_end(service: MemoryTrackerService) -> None:
    lines = run(service, None, LOST, LOST, LOST, None, None)
    events = [line["event"] for line in lines]
    assert events == ["Redis can be used", "Waiting for Redis", "Redis can be used"]
    assert not any("secret" in str(line) for line in lines)
    assert service._store.connections == 4  # type: ignore[attr-defined]  # it is the fake


def test_a_full_redis_keeps_the_connection(service: MemoryTrackerService) -> None:
    run(service, FULL, FULL)
    assert service._tracker.begun == 1  # type: ignore[attr-defined]  # it is the fake


def test_numbers_are_shown_only_while_redis_answers(service: MemoryTrackerService) -> None:
    run(service, None, FULL, None)
    assert service._tracker.out_of_sight == 0  # type: ignore[attr-defined]  # it is the fake
    run(service, None, LOST, None)
    assert service._tracker.out_of_sight == 1  # type: ignore[attr-defined]  # it is the fake


def test_it_is_ready_after_a_good_turn_only(service: MemoryTrackerService) -> None:
    assert not service.health.is_ready
    run(service, None)
    assert service.health.is_ready
    service._tell("connection lost", LOST)
    assert not service.health.is_ready
    assert service.health.is_alive


def test_a_loop_that_hangs_is_not_alive(
    service: MemoryTrackerService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service._turned_at -= 61
    assert not service.health.is_alive


def test_a_bug_ends_one_turn_only(service: MemoryTrackerService) -> None:
    lines = run(service, ZeroDivisionError("a bug"), None)
    assert [line["log_level"] for line in lines] == ["error", "info"]


def test_what_cannot_be_used_yet_is_waited_for(service: MemoryTrackerService) -> None:
    assert "Waiting for Redis" in str(run(service, StoreUnusable("no RediSearch")))


def test_it_waits_until_somebody_initialises_redis(service: MemoryTrackerService) -> None:
    store: Any = service._store
    store.is_ready = False
    with capture_logs() as lines:
        assert service._turn() > 0
        service._turn()
    assert [line["event"][:35] for line in lines] == ["Waiting until Redis is initialised:"]
    assert not store.is_connected


def test_where_it_must_not_run_it_ends(service: MemoryTrackerService) -> None:
    with pytest.raises(TrackingRefusedError):
        run(service, TrackingRefusedError("no maxmemory"))


def test_the_policy_goes_by_the_settings() -> None:
    limits = limits_from(MemoryTrackerSettings(cleaning_threshold=50, orphan_timeout=15))
    assert (limits.cleaning_threshold, limits.orphan_timeout) == (50, 15)
    assert limits.pressing_threshold == 72.5


def test_a_password_file_that_is_gone_is_no_bug_of_the_tracker(tmp_path: Path) -> None:
    missing = tmp_path / "password"
    service = MemoryTrackerService(Settings(password_file=missing))
    with capture_logs() as lines:
        assert service._turn() > 0
        service._turn()
    assert [line["event"] for line in lines] == ["Waiting for Redis"]
    assert str(missing) in lines[0]["error"]
    assert not service.health.is_ready
