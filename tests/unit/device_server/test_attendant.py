"""What is told about a server, and when its errands are run."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from sardana_redis.device_server._attendant import Attendant
from sardana_redis.errors import BadInputError, ControlSystemError


class Sights:
    """A server and its Pool as the test says."""

    def __init__(self) -> None:
        self.server: str | None = None
        self.pool: str | None = None
        self.is_stranger = False
        self.busy = False
        self.forgotten = False

    def is_forgotten(self) -> bool:
        return self.forgotten

    def is_busy(self) -> bool:
        return self.busy

    def server_obstacle(self) -> str | None:
        return self.server

    def obstacle(self) -> str | None:
        return self.server or self.pool


class Errands:
    """Notes what was run; raises what the test says."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.error: Exception | None = None

    def first(self) -> None:
        if self.error is not None:
            raise self.error
        self.done.append("first")

    def second(self) -> None:
        self.done.append("second")


def make(sight: Sights, errands: Errands) -> tuple[Attendant, threading.Event]:
    stop = threading.Event()
    return Attendant(sight, [errands.first, errands.second], stop), stop


def test_is_not_ready_before_it_looked() -> None:
    attendant, _ = make(Sights(), Errands())
    health = attendant.health()
    assert health.is_alive
    assert not health.is_ready
    assert "has not come up" in health.reason


def test_runs_errands_once_when_the_server_is_up() -> None:
    sight, errands = Sights(), Errands()
    attendant, stop = make(sight, errands)
    sight.server = "door/demo/1 does not answer"
    attendant.turn()
    assert not errands.done
    assert attendant.health().reason == "door/demo/1 does not answer"
    sight.server = None
    for _ in range(2):
        attendant.turn()
    assert errands.done == ["first", "second"]
    assert attendant.health().is_ready
    assert not stop.is_set()


def test_tries_an_errand_again_and_is_not_ready_meanwhile() -> None:
    errands = Errands()
    attendant, _ = make(Sights(), errands)
    errands.error = ControlSystemError("not yet\nwith a long explanation")
    attendant.turn()
    assert not errands.done
    assert not attendant.health().is_ready
    assert attendant.health().reason == "not yet"
    errands.error = None
    attendant.turn()
    assert errands.done == ["first", "second"]
    assert attendant.health().is_ready


def test_ends_the_server_that_must_not_run() -> None:
    errands = Errands()
    attendant, stop = make(Sights(), errands)
    errands.error = BadInputError("its environment is in /tmp")
    attendant.turn()
    assert stop.is_set()
    assert attendant.failure is errands.error
    assert not attendant.health().is_ready


def test_is_not_ready_while_the_pool_is_silent_but_alive() -> None:
    sight = Sights()
    attendant, _ = make(sight, Errands())
    attendant.turn()
    assert attendant.health().is_ready
    sight.pool = "the Pool Pool_demo_1 does not answer"
    attendant.turn()
    health = attendant.health()
    assert (health.is_alive, health.is_ready) == (True, False)


def test_ends_the_server_that_the_database_lost_when_no_macro_runs() -> None:
    sight, errands = Sights(), Errands()
    attendant, stop = make(sight, errands)
    sight.forgotten = sight.busy = True
    attendant.turn()
    assert not stop.is_set()
    assert attendant.health().reason == "the Tango database no longer has its device"
    sight.busy = False
    attendant.turn()
    assert stop.is_set()
    assert "register itself anew" in str(attendant.failure)
    assert not errands.done


class Turns(threading.Event):
    """An end that comes after so many turns, without the pauses; `before` each is called."""

    def __init__(self, before: list[Callable[[], None]]) -> None:
        super().__init__()
        self.before = before

    def wait(self, timeout: float | None = None) -> bool:
        if self.before:
            self.before.pop(0)()
        else:
            self.set()
        return True


class TestWhatNobodyForesaw:
    """Something of Tango or Sardana that is not as we know it."""

    def test_is_told_and_the_next_look_is_taken(self) -> None:
        sight, errands = Sights(), Errands()
        attendant, stop = make(sight, errands)
        errands.error = TypeError("'NoneType' object is not subscriptable\nmore")
        seen: list[str] = []

        def look() -> None:
            seen.append(attendant.health().reason)

        def mend() -> None:
            look()
            errands.error = None

        with structlog.testing.capture_logs() as lines:
            attendant.run(Turns([look, mend, look]))
        told = "the look at it failed: TypeError: 'NoneType' object is not subscriptable"
        assert seen == [told, told, "ok"]
        assert attendant.health().is_ready
        assert not stop.is_set()
        (line,) = (line for line in lines if line["log_level"] == "error")
        assert line["reason"] == told
        assert isinstance(line["exc_info"], TypeError)


class TestAStranger:
    """A Pool answers, but the server does not get to know it."""

    def turns(self, *, patience: float, busy: bool = False, seconds: int = 61) -> Attendant:
        sight = Sights()
        sight.pool, sight.is_stranger, sight.busy = "it does not know mot01 yet", True, busy
        now = iter(range(1000))
        self.stop = threading.Event()
        attendant = Attendant(
            sight, (), self.stop, patience_seconds=patience, clock=lambda: float(next(now))
        )
        for _ in range(seconds):
            attendant.turn()
        return attendant

    def test_ends_the_server_when_patience_is_over(self) -> None:
        attendant = self.turns(patience=60)
        assert self.stop.is_set()
        assert "For 60 s it does not know mot01 yet" in str(attendant.failure)

    def test_has_time_until_then(self) -> None:
        assert self.turns(patience=60, seconds=20).failure is None

    def test_is_never_ended_while_a_macro_runs(self) -> None:
        assert self.turns(patience=60, busy=True).failure is None

    def test_is_never_ended_where_that_is_not_wanted(self) -> None:
        assert self.turns(patience=0).failure is None
