"""One scan of a recorder: records in, notices for the operator out."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from types import FrameType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sardana_redis.model import Axis, EndReason, Identity
from sardana_redis.publisher import ScanFeed
from sardana_redis.publisher._intake import Doorbell, Intake
from sardana_redis.publisher._publication import Publication
from sardana_redis.recorder._columns import stream_specs
from sardana_redis.recorder._scan_recorder import ScanRecorder, make_gatherer
from sardana_redis.recorder._translate import MacroFacts, scan_end
from sardana_redis.store import new_birth

from ._sardana_fakes import channel, columns

COLUMNS = columns(moveables=(("mot01", Axis()),), channels=(channel("ct01"),))
RECORD = {"point_nb": 0, "mot01": 1.5, "full/ct01": 7.0, "timestamp": 0.1}
MACRO = MacroFacts("ascan", end_reasons={0: EndReason.SUCCESS})
END = {"endstatus": 0, "endtime": datetime(2026, 11, 23)}


def record(**values: Any) -> Any:
    """A record of Sardana."""
    return SimpleNamespace(data={**RECORD, **values})


class Host:
    """A publisher that delivers ended scans at once, unless it is away or slow."""

    def __init__(self) -> None:
        self.is_away = False
        self.is_slow = False

    def waiting_line(self, points: int) -> str:
        return f"{points} points of this scan wait."

    def revisit(self, feed: ScanFeed) -> None:
        feed.is_delivered = not (self.is_away or self.is_slow)


class Scan:
    """A recorder with what it works on."""

    def __init__(self, *, limit: int = 2**20, flush_timeout: float = 0.02) -> None:
        self.host = Host()
        self.told: list[str] = []
        self.is_nested = False
        streams = stream_specs(COLUMNS)
        self.intake = Intake(
            streams,
            Doorbell(),
            limit_bytes=limit,
            batch_bytes=2**20,
            held_bytes=lambda: self.intake.held_bytes,
        )
        birth = new_birth(Identity("ascan", 1, "s", "p"), {}, streams, {})
        self.publication = Publication(birth, self.intake)
        self.feed = ScanFeed(self.host, self.publication, number=1, door="", verdict=lambda: None)
        self.recorder = ScanRecorder(
            self.feed,
            COLUMNS,
            MACRO,
            flush_timeout=flush_timeout,
            is_nested=lambda: self.is_nested,
            tell=self.told.append,
        )


@pytest.fixture
def scan() -> Scan:
    return Scan()


def test_a_record_becomes_a_row_in_the_order_of_the_columns(scan: Scan) -> None:
    scan.recorder.record(record())
    assert [row for row, _ in scan.intake.rows] == [(0, 1.5, 7.0, 0.1)]


@given(st.dictionaries(st.sampled_from([*RECORD, "other"]), st.integers()))
def test_every_row_has_all_columns_whatever_a_record_lacks(record: dict[str, Any]) -> None:
    row = make_gatherer(COLUMNS)(record)
    assert row == tuple(record.get(column.name) for column in COLUMNS)


def test_extra_columns_are_found_by_their_label() -> None:
    gather = make_gatherer(COLUMNS)
    assert gather({**RECORD, "full/ct01": None})[2] is None
    by_label = {name: value for name, value in RECORD.items() if name != "full/ct01"}
    assert gather({**by_label, "ct01": 7.0}) == (0, 1.5, 7.0, 0.1)


def test_a_normal_scan_ends_without_a_word(scan: Scan) -> None:
    scan.recorder.record(record())
    scan.recorder.end(END)
    assert scan.told == []
    assert scan.feed.scan_end is not None
    assert scan.feed.scan_end.reason is EndReason.SUCCESS


def test_the_end_carries_the_first_and_last_positions_of_the_moveables(scan: Scan) -> None:
    scan.recorder.record(record())
    scan.recorder.record(record(mot01=2.5))
    scan.recorder.end(END)
    assert scan.feed.scan_end is not None
    sardana = scan.feed.scan_end.info["sardana"]
    assert sardana["positions_start"] == {"mot01": RECORD["mot01"]}
    assert sardana["positions_end"] == {"mot01": 2.5}


def test_a_scan_without_points_can_end(scan: Scan) -> None:
    scan.recorder.end(END)
    assert scan.feed.scan_end is not None
    assert scan.feed.scan_end.info["sardana"]["positions_end"] == {}


def test_what_the_publisher_left_is_told_with_the_next_record(scan: Scan) -> None:
    scan.feed.tell("outage", "Redis is away.")
    assert scan.told == []
    scan.recorder.record(record())
    scan.recorder.record(record())
    assert scan.told == ["Redis is away."]


def test_a_slow_delivery_is_waited_for_no_longer_than_the_limit_and_told(scan: Scan) -> None:
    scan.host.is_slow = True
    scan.recorder.record(record())
    scan.recorder.end(END)
    (line,) = scan.told
    assert line == "1 points of this scan wait."


def test_inside_another_scan_nobody_waits_or_is_told() -> None:
    scan = Scan(flush_timeout=60.0)
    scan.host.is_slow = scan.is_nested = True
    start = time.monotonic()
    scan.recorder.end(END)
    assert time.monotonic() - start < 5.0
    assert scan.told == []


def test_an_outage_is_told_once_and_not_waited_for() -> None:
    scan = Scan(flush_timeout=60.0)
    scan.host.is_away = True
    scan.feed.tell("outage", "Redis is away.")
    start = time.monotonic()
    scan.recorder.end(END)
    assert time.monotonic() - start < 5.0
    assert scan.told == ["Redis is away."]


def test_dropped_points_are_told_at_the_end() -> None:
    scan = Scan(limit=400)
    for _ in range(5):
        scan.recorder.record(record())
    scan.recorder.end(END)
    (line,) = scan.told
    assert "3 points" in line


def test_values_that_did_not_fit_are_told_at_the_end(scan: Scan) -> None:
    scan.recorder.record(record(**{"full/ct01": "text"}))
    scan.publication.next_batch(2**20)
    scan.recorder.end(END)
    (line,) = scan.told
    assert "1 values of ct01" in line


def test_custom_data_reach_the_scan(scan: Scan) -> None:
    item = {"name": "temperature", "value": 300, "nxpath": None}
    scan.recorder.add_custom(item)
    assert scan.feed.custom == [item]


def test_a_failed_recording_ends_the_scan_as_failed(scan: Scan) -> None:
    scan.recorder.fail()
    assert scan.feed.scan_end is not None
    assert scan.feed.scan_end.reason is EndReason.FAILURE


def test_a_point_that_an_abort_kept_from_the_recorder_is_taken_at_the_end(scan: Scan) -> None:
    scan.recorder.record(record())
    scan.recorder.catch_up(record(point_nb=1, mot01=2.5))
    scan.recorder.end(END)
    assert [row[0] for row, _ in scan.intake.rows] == [0, 1]
    assert scan.feed.scan_end is not None
    assert scan.feed.scan_end.info["sardana"]["positions_end"] == {"mot01": 2.5}


def test_a_point_that_the_recorder_has_is_not_taken_again(scan: Scan) -> None:
    records = [record(point_nb=number) for number in range(3)]
    for each in records:
        scan.recorder.record(each)
    scan.recorder.catch_up(records[-1])
    assert [row[0] for row, _ in scan.intake.rows] == [0, 1, 2]


def test_a_first_point_that_an_abort_kept_away_is_taken(scan: Scan) -> None:
    scan.recorder.catch_up(record())
    assert [row[0] for row, _ in scan.intake.rows] == [0]


def test_without_a_record_there_is_nothing_to_catch_up_with(scan: Scan) -> None:
    scan.recorder.catch_up(None)
    assert not scan.intake.rows


class _Struck(Exception):
    """Sardana's abort."""


class _Strike:
    """Raises at the n-th place at which CPython lets an asynchronous exception in.

    That is the begin of a Python function and the return from one that is none.
    """

    def __init__(self, place: int) -> None:
        self.places_left = place

    def __enter__(self) -> None:
        sys.setprofile(self._look)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _look(self, frame: FrameType, event: str, _what: object) -> None:
        if event not in ("call", "c_return") or frame.f_code is _Strike.__exit__.__code__:
            return
        self.places_left -= 1
        if self.places_left < 0:
            sys.setprofile(None)
            raise _Struck


def test_an_abort_anywhere_in_a_record_neither_loses_nor_doubles_its_point() -> None:
    records = [record(point_nb=number) for number in range(2)]
    for place in range(1000):
        scan = Scan()
        scan.recorder.record(records[0])
        strike = _Strike(place)
        struck = False
        try:
            with strike:
                scan.recorder.record(records[1])
        except _Struck:
            struck = True
        scan.recorder.catch_up(records[-1])
        scan.recorder.end(END)
        assert [row[0] for row, _ in scan.intake.rows] == [0, 1], place
        assert scan.intake.points == 2
        assert scan.intake.held_bytes == sum(size for _, size in scan.intake.rows)
        if not struck:
            break
    assert 5 < place < 999


def test_a_record_that_sardana_hands_out_again_is_no_second_point(scan: Scan) -> None:
    first, second = (record(point_nb=number) for number in range(2))
    for each in (first, second, second):
        scan.recorder.record(each)
    assert [row[0] for row, _ in scan.intake.rows] == [0, 1]


def test_a_point_that_was_dropped_is_not_offered_again() -> None:
    scan = Scan(limit=1)
    latest = record()
    scan.recorder.record(latest)
    scan.recorder.catch_up(latest)
    assert scan.intake.dropped_points == 1


def test_a_point_that_came_after_the_end_is_counted_once(scan: Scan) -> None:
    scan.recorder.end(END)
    scan.feed.abandon(scan_end(END, MACRO, {}, {}))
    scan.feed.discard(scan_end(END, MACRO, {}, {}))
    latest = record()
    scan.recorder.record(latest)
    scan.recorder.catch_up(latest)
    assert scan.feed.late_points == 1
