"""The backoff, the pulse and the stop event of every long-running process."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading

import pytest

from sardana_redis.errors import ExtraMissingError
from sardana_redis.runtime import (
    Backoff,
    Pulse,
    need_extra,
    spare_the_collector,
    stop_on_signals,
)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(0.5, 3.0)
    assert [backoff.next() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_success_makes_the_pause_short_again() -> None:
    backoff = Backoff(0.5, 3.0)
    for _ in range(4):
        backoff.next()
    backoff.reset()
    assert [backoff.next(), backoff.next()] == [0.5, 1.0]


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_loop_has_its_limit_for_its_first_turn() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    clock.now += 5.0
    assert pulse.is_alive(5.0)
    clock.now += 0.1
    assert not pulse.is_alive(5.0)


def test_a_beat_makes_it_alive_again() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    clock.now += 60.0
    assert pulse.age == 60.0
    pulse.beat()
    assert (pulse.age, pulse.is_alive(0.0)) == (0.0, True)


def test_the_pulse_does_not_follow_a_clock_that_is_set() -> None:
    before = Pulse()
    assert 0.0 <= before.age < 60.0
    assert before.is_alive(60.0)


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_sets_the_event(number: signal.Signals) -> None:
    with stop_on_signals() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        assert stop.wait(10.0)


def test_another_signal_can_stop_too() -> None:
    with stop_on_signals(signal.SIGUSR1) as stop:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert stop.wait(10.0)


_IN_THE_EVENT = """
import signal
from sardana_redis.runtime import stop_on_signals
with stop_on_signals() as stop:
    with stop._cond:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    assert stop.wait(5)
"""


def test_a_signal_while_the_main_thread_is_inside_the_event_stops_too() -> None:
    """`Event.wait` holds the event's lock for a moment; a handler that wants it hangs."""
    words = [sys.executable, "-c", _IN_THE_EVENT]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_thread_is_left_behind() -> None:
    before = threading.enumerate()
    with stop_on_signals():
        assert len(threading.enumerate()) == len(before) + 1
    assert threading.enumerate() == before


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in (*STOP_SIGNALS, signal.SIGUSR1)]


def test_the_old_handlers_come_back() -> None:
    before = handlers()
    with stop_on_signals(signal.SIGUSR1):
        assert all(old is not new for old, new in zip(before, handlers(), strict=True))
    assert handlers() == before


def test_the_old_handlers_come_back_after_an_error() -> None:
    before = handlers()
    with pytest.raises(ZeroDivisionError), stop_on_signals():
        raise ZeroDivisionError
    assert handlers() == before


def test_off_the_main_thread_no_handler_is_touched() -> None:
    before = handlers()
    inside: list[object] = []
    events: list[threading.Event] = []

    def run() -> None:
        with stop_on_signals() as stop:
            inside.extend(handlers())
            events.append(stop)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10.0)
    assert inside == before
    assert not events[0].is_set()


def test_what_was_loaded_is_spared_by_the_collector() -> None:
    before = gc.get_freeze_count()
    try:
        spare_the_collector()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()


def test_an_extra_that_is_missing_is_told_with_its_remedy() -> None:
    need_extra("nexus-writer", "json")
    with pytest.raises(ExtraMissingError, match=r"needs no_such_package, .*redis\[nexus-writer\]"):
        need_extra("nexus-writer", "json", "no_such_package")
