"""When points came, from looks at how many there are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sardana_redis.publisher._arrivals import Arrivals


def test_a_point_came_after_the_last_look_that_did_not_see_it() -> None:
    arrivals = Arrivals(10.0)
    arrivals.look(0, 11.0)
    arrivals.look(5, 12.0)
    arrivals.look(7, 13.0)
    assert [arrivals.not_before(index) for index in (0, 4, 5, 6, 7)] == [11, 11, 12, 12, 13]


def test_what_was_quiet_until_a_ring_came_with_it() -> None:
    arrivals = Arrivals(10.0)
    arrivals.look(3, 11.0)
    arrivals.stay(19.5)
    arrivals.look(4, 20.0)
    assert arrivals.not_before(3) == 19.5


def test_a_look_behind_the_quiet_does_not_turn_time_back() -> None:
    arrivals = Arrivals(10.0)
    arrivals.stay(9.0)
    assert arrivals.not_before(0) == 10.0


def test_a_long_outage_makes_times_a_hundredth_coarser_and_never_late() -> None:
    arrivals = Arrivals(0.0)
    for second in range(1, 10_001):
        arrivals.look(10 * second, float(second))
    assert len(arrivals._looks) <= 257
    # Points 10 n to 10 n + 9 came between second n and the next one.
    told = [arrivals.not_before(10 * n + 5) for n in range(10_000)]
    assert all(told[n] <= n for n in range(10_000))
    assert all(n - told[n] <= 100 for n in range(10_000))


@given(st.lists(st.integers(0, 3), max_size=400), st.lists(st.integers(0, 300), max_size=20))
def test_no_point_is_said_to_have_come_later_than_it_did(
    steps: list[int], asked: list[int]
) -> None:
    arrivals = Arrivals(0.0)
    came: list[float] = []
    for turn, points in enumerate(steps):
        came += [turn + 0.5] * points
        arrivals.look(len(came), turn + 1.0)
    for index in sorted(i for i in asked if i < len(came)):
        assert arrivals.not_before(index) <= came[index]
