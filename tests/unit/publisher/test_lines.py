"""Each line that an operator reads says what happened, what becomes of the data, what to do."""

from __future__ import annotations

import pytest

from sardana_redis.errors import Outage, StoreUnavailable, StoreUnusable
from sardana_redis.publisher import bug_line, dropped_line, misfit_line
from sardana_redis.publisher._lines import (
    continued_line,
    full_line,
    held_back_line,
    outage_line,
    still_waiting_line,
)

URL = "redis://:***@redis:6379"


def every_line() -> list[str]:
    return [
        *(outage_line(URL, StoreUnavailable("why", outage)) for outage in Outage),
        outage_line(URL, StoreUnusable("No module ReJSON is loaded.")),
        *(
            still_waiting_line(5),
            held_back_line(URL, 5),
            full_line(),
            dropped_line(3, 4),
            misfit_line({"ct01": 2}),
        ),
        *(bug_line("in record"), continued_line(12, 345)),
    ]


@pytest.mark.parametrize("line", every_line())
def test_a_line_is_one_line_of_whole_sentences(line: str) -> None:
    assert "\n" not in line
    assert line[0].isupper() or line[0].isdigit()
    assert line[-1] in ".?"
    assert "  " not in line


@pytest.mark.parametrize("outage", Outage)
def test_every_outage_says_where_that_points_are_kept_and_what_to_do(outage: Outage) -> None:
    line = outage_line(URL, StoreUnavailable("why", outage))
    assert line.startswith(f"Redis at {URL} ")
    _, kept, remedy = line.partition("its points are kept: they are delivered when Redis can take ")
    assert kept
    assert len(remedy.split()) > 2


def test_every_outage_has_words_of_its_own() -> None:
    lines = {outage_line(URL, StoreUnavailable("why", outage)) for outage in Outage}
    assert len(lines) == len(Outage)


def test_an_unusable_redis_is_told_with_its_reason() -> None:
    line = outage_line(URL, StoreUnusable("No module ReJSON is loaded."))
    assert "No module ReJSON is loaded." in line
    assert "points are kept" in line


def test_numbers_reach_the_operator() -> None:
    assert "5 points" in still_waiting_line(5)
    assert "3 points" in dropped_line(3, 4)
    assert "arrays of 4" in dropped_line(3, 4)
    assert "#12" in continued_line(12, 345)
    assert "345" in continued_line(12, 345)


def test_misfits_are_added_up_and_name_at_most_five_streams() -> None:
    line = misfit_line({f"ct{i:02}": 2 for i in range(8)})
    assert "16 values" in line
    assert "ct04" in line
    assert "ct05" not in line


def test_dropped_data_makes_the_scan_a_failed_one() -> None:
    assert "failed" in dropped_line(1, 0)
