"""The doorbell wakes in time and loses no ring."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue

from sardana_redis.publisher._intake import Doorbell


def in_thread(
    bell: Doorbell, timeout: float, linger: float
) -> tuple[threading.Thread, list[float]]:
    done: list[float] = []
    thread = threading.Thread(
        target=lambda: (bell.wait(timeout, linger), done.append(time.monotonic()))
    )
    thread.start()
    return thread, done


def test_a_ring_before_the_wait_is_heard() -> None:
    bell = Doorbell()
    bell.ring()
    start = time.monotonic()
    bell.wait(60.0, 0.0)
    assert time.monotonic() - start < 30.0


def test_a_ring_wakes_who_waits() -> None:
    bell = Doorbell()
    thread, done = in_thread(bell, 60.0, 0.0)
    bell.ring()
    thread.join(30.0)
    assert done


def test_nobody_rings_and_the_wait_ends_by_itself() -> None:
    bell = Doorbell()
    start = time.monotonic()
    bell.wait(0.02, 60.0)
    assert 0.015 <= time.monotonic() - start < 30.0


def test_after_a_ring_the_wait_lingers_for_more() -> None:
    bell = Doorbell()
    bell.ring()
    start = time.monotonic()
    bell.wait(60.0, 0.05)
    assert 0.045 <= time.monotonic() - start < 30.0


def test_an_urgent_ring_does_not_linger() -> None:
    bell = Doorbell()
    bell.ring_at_once()
    start = time.monotonic()
    bell.wait(60.0, 60.0)
    assert time.monotonic() - start < 30.0


def test_an_urgent_ring_ends_the_lingering() -> None:
    bell = Doorbell()
    bell.ring()
    thread, done = in_thread(bell, 60.0, 60.0)
    bell.ring_at_once()
    thread.join(30.0)
    assert done


def test_many_rings_wake_once() -> None:
    bell = Doorbell()
    for _ in range(100):
        bell.ring()
    bell.wait(60.0, 0.0)
    start = time.monotonic()
    bell.wait(0.02, 0.0)
    assert time.monotonic() - start >= 0.015


def test_a_ring_while_the_bell_is_emptied_leaves_it_able_to_ring() -> None:
    bell = Doorbell()

    class RingsWhileEmptied(SimpleQueue[None]):
        moments = 1

        def empty(self) -> bool:
            if self.moments:
                self.moments -= 1
                bell.ring()
            return super().empty()

    bell._queue = RingsWhileEmptied()
    bell.ring()
    bell.wait(60.0, 0.0)
    bell.ring()
    start = time.monotonic()
    bell.wait(10.0, 0.0)
    assert time.monotonic() - start < 5.0


def test_it_was_quiet_until_the_ring_that_woke_who_waited() -> None:
    bell = Doorbell()
    quiet: list[float | None] = []
    thread = threading.Thread(target=lambda: quiet.append(bell.wait(60.0, 0.05)))
    thread.start()
    time.sleep(0.1)  # the thread waits by then, most likely; if not, the assertions hold as well
    rung_at = time.monotonic()
    bell.ring()
    thread.join(30.0)
    (until,) = quiet
    assert until is None or rung_at <= until < rung_at + 30.0


def test_it_was_not_quiet_when_somebody_had_rung_before_the_wait() -> None:
    bell = Doorbell()
    bell.ring()
    assert bell.wait(60.0, 0.0) is None


def test_it_was_quiet_until_the_end_when_nobody_rang() -> None:
    bell = Doorbell()
    start = time.monotonic()
    until = bell.wait(0.02, 60.0)
    assert until is not None
    assert start + 0.015 <= until <= time.monotonic()
