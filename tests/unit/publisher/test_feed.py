"""A feed: what the recorder may do with a scan, and what the closed scan tells of it."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import numpy as np
import pytest

from sardana_redis.model import EndReason, Identity, ScanEnd, StreamSpec
from sardana_redis.publisher import ScanFeed
from sardana_redis.publisher._intake import Doorbell, Intake
from sardana_redis.publisher._publication import Publication
from sardana_redis.store import new_birth

STREAMS = (StreamSpec("#Pt No", "int64"), StreamSpec("mca", "float64", (2,)))
NOW = datetime(2026, 11, 23, 7, 40, tzinfo=UTC)
END = ScanEnd(EndReason.SUCCESS, NOW, {"sardana": {"times": {"acqtime": 1.0}}})
ITEM = {"name": "temperature", "value": 300.0, "nxpath": None}


class Host:
    def __init__(self) -> None:
        self.is_away = False
        self.revisited: list[ScanFeed] = []

    def waiting_line(self, points: int) -> str:
        return f"{points} points of this scan wait."

    def revisit(self, feed: ScanFeed) -> None:
        self.revisited.append(feed)


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def feed(host: Host) -> ScanFeed:
    info = {"title": "ascan", "sardana": {"door": "Door/1"}}
    intake = Intake(STREAMS, Doorbell(), limit_bytes=2**16, batch_bytes=2**16, held_bytes=lambda: 0)
    birth = new_birth(Identity("ascan", 7, "s", "p"), info, STREAMS, {})
    publication = Publication(birth, intake)
    return ScanFeed(host, publication, number=7, door="Door/1", verdict=lambda: None)


def test_only_the_first_end_counts(feed: ScanFeed, host: Host) -> None:
    feed.end(END)
    feed.end(ScanEnd(EndReason.FAILURE, NOW))
    assert feed.scan_end is END
    assert host.revisited


def test_an_abandoned_scan_keeps_the_end_that_it_had(feed: ScanFeed) -> None:
    feed.end(END)
    feed.abandon(ScanEnd(EndReason.FAILURE, NOW))
    assert feed.scan_end is END


def test_custom_data_behind_the_end_make_the_publisher_look_again(
    feed: ScanFeed, host: Host
) -> None:
    feed.add_custom(ITEM)
    assert host.revisited == []
    feed.end(END)
    host.revisited.clear()
    feed.add_custom(ITEM)
    assert host.revisited == [feed]


def test_the_operator_reads_a_line_once_a_scan(feed: ScanFeed) -> None:
    feed.tell("outage", "first")
    feed.tell("outage", "second")
    feed.tell("full", "third")
    assert list(feed.notices) == ["first", "third"]
    assert feed.was_told("full")
    assert not feed.was_told("misfits")


def test_the_publisher_says_why_points_still_wait(feed: ScanFeed) -> None:
    feed.put((0, np.ones(2)))
    feed.tell_waiting()
    assert list(feed.notices) == ["1 points of this scan wait."]


def test_waiting_ends_with_the_delivery(feed: ScanFeed) -> None:
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(feed.wait(60.0)))
    thread.start()
    feed.is_delivered = True
    thread.join(30.0)
    assert results == [True]


def test_waiting_ends_when_the_publisher_gives_up(feed: ScanFeed) -> None:
    feed.is_given_up = True
    assert feed.wait(60.0) is False


def test_nobody_waits_while_redis_is_away(feed: ScanFeed, host: Host) -> None:
    host.is_away = True
    start = time.monotonic()
    assert feed.wait(60.0) is False
    assert time.monotonic() - start < 1.0


def test_waiting_has_a_limit(feed: ScanFeed) -> None:
    start = time.monotonic()
    assert feed.wait(0.02) is False
    assert time.monotonic() - start < 10.0


def test_the_final_info_adds_the_end_to_what_the_scan_was_born_with(feed: ScanFeed) -> None:
    feed.add_custom(ITEM)
    info = feed.final_info(END)
    assert info["title"] == "ascan"
    assert info["end_reason"] == "SUCCESS"
    assert info["end_time"] == "2026-11-23T07:40:00+00:00"
    assert info["sardana"] == {
        "door": "Door/1",
        "times": {"acqtime": 1.0},
        "custom": [ITEM],
        "points": 0,
    }


def test_the_info_of_the_birth_stays_what_it_was(feed: ScanFeed) -> None:
    feed.add_custom(ITEM)
    feed.final_info(END)
    assert feed.publication.birth.info == {"title": "ascan", "sardana": {"door": "Door/1"}}


@pytest.mark.parametrize("shortfall", ["dropped_points", "dropped_arrays"])
def test_a_scan_with_a_shortfall_has_failed_and_says_why(feed: ScanFeed, shortfall: str) -> None:
    setattr(feed.intake, shortfall, 3)
    info = feed.final_info(END)
    assert info["end_reason"] == "FAILURE"
    assert info["sardana"][shortfall] == 3


def test_values_that_did_not_fit_are_named_but_fail_nothing(feed: ScanFeed) -> None:
    feed.put((0, np.ones(3)))
    feed.publication.next_batch(2**16)
    info = feed.final_info(END)
    assert info["end_reason"] == "SUCCESS"
    assert info["sardana"]["misfits"] == {"mca": 1}


def test_a_discarded_scan_counts_what_was_not_confirmed(feed: ScanFeed) -> None:
    feed.put((0, np.ones(2)))
    feed.put((1, np.ones(2)))
    feed.discard(ScanEnd(EndReason.FAILURE, NOW))
    assert feed.is_broken
    assert feed.shortfalls() == {"lost_points": 2}
    assert feed.intake.held_bytes == 0
