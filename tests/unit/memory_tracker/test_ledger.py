"""What the tracker remembers of scans and streams from one look to the next."""

from __future__ import annotations

from sardana_redis.memory_tracker._ledger import Ledger
from sardana_redis.memory_tracker._snapshot import Sample, ScanFacts
from sardana_redis.model import ScanState
from sardana_redis.store import LastState, StreamStanding, TrackedScan

SCAN = TrackedScan("scan", "state", ("a", "b"), "a", "bliss")
T0 = 1_000_000


def ledger(state: ScanState = ScanState.STARTED) -> Ledger:
    made = Ledger()
    made.add(SCAN, T0)
    made.note_state("scan", LastState(state, T0 - 500_000), is_new=True)
    return made


def note(made: Ledger, end: int, time_ms: int, *, first: int = 0, stamp: int | None = None) -> None:
    standing = StreamStanding(first, first + 1, max(0, end - 1), end, stamp_ms=stamp)
    made.note_standings([("scan", "a", standing)], time_ms)


def facts(made: Ledger, now: float = 0.0) -> ScanFacts:
    (scan,) = made.facts(now, {})
    return scan


def test_data_seen_for_the_first_time_have_the_age_of_their_stamp() -> None:
    made = ledger()
    note(made, 10, T0, stamp=T0 - 9000)
    assert facts(made).streams[0].samples == (Sample(T0 - 9000, 10),)


def test_data_of_a_closed_scan_are_as_old_as_its_end() -> None:
    made = ledger(ScanState.CLOSED)
    note(made, 10, T0)
    assert facts(made).streams[0].samples == (Sample(T0 - 500_000, 10),)


def test_data_of_unknown_age_count_as_new() -> None:
    made = ledger()
    note(made, 10, T0)
    assert facts(made).streams[0].samples == (Sample(T0, 10),)


def test_only_growth_is_remembered_and_about_once_a_second() -> None:
    made = ledger()
    for tenth in range(100):
        note(made, 1 + tenth // 2, T0 + 100 * tenth)
    samples = facts(made).streams[0].samples
    assert 9 <= len(samples) <= 20
    assert [s.end for s in samples] == sorted({s.end for s in samples})
    assert all(s.end <= 1 + (s.time_ms - T0) // 200 for s in samples)


def test_a_long_scan_is_remembered_in_less_detail() -> None:
    made = ledger()
    for second in range(10_000):
        note(made, 1 + second, T0 + 1000 * second)
    samples = facts(made).streams[0].samples
    assert len(samples) <= 65
    assert samples[0].time_ms == T0
    assert samples[-1].end == 10_000


def test_what_was_trimmed_is_forgotten() -> None:
    made = ledger()
    for second in range(10):
        note(made, 1 + second, T0 + 1000 * second)
    note(made, 10, T0 + 20_000, first=7)
    assert [s.end for s in facts(made).streams[0].samples] == [8, 9, 10]


def test_a_stream_that_lost_data_begins_anew() -> None:
    made = ledger()
    note(made, 10, T0)
    note(made, 5, T0 + 5000)
    assert facts(made).streams[0].samples == (Sample(T0 + 5000, 5),)


def test_growth_is_activity_and_nothing_else_is() -> None:
    made = ledger()
    note(made, 10, T0 + 1000)
    note(made, 10, T0 + 2000)
    assert facts(made).active_ms == T0 + 1000


def test_silence_counts_from_the_last_sign_of_life() -> None:
    made = ledger()
    assert facts(made, 100.0).silent_seconds == 0.0
    for now in (100.0, 105.0):
        made.note_heartbeat("scan", None, now=now)
    assert facts(made, 110.0).silent_seconds == 10.0
    made.note_heartbeat("scan", 3.0, now=111.0)
    assert facts(made, 112.0).silent_seconds is None
    made.note_heartbeat("scan", None, now=123.0)
    assert facts(made, 123.0).silent_seconds == 15.0, "it was heard last at 108"
    made.forgive_silence(124.0)
    assert facts(made, 130.0).silent_seconds == 0.0


def test_what_was_heard_before_nobody_could_be_heard_does_not_count() -> None:
    made = ledger()
    made.forgive_silence(100.0)
    made.note_heartbeat("scan", 14.0, now=101.0)
    made.note_heartbeat("scan", None, now=102.0)
    assert facts(made, 102.0).silent_seconds == 2.0


def test_only_scans_that_were_seen_open_are_seen_to_close() -> None:
    made = ledger(ScanState.CLOSED)
    assert made.closed == []
    made = ledger()
    assert made.note_state("scan", LastState(ScanState.CLOSED, T0))
    assert not made.note_state("scan", LastState(ScanState.CLOSED, T0))
    assert made.closed == ["scan"]
    assert made.states() == {ScanState.CLOSED: 1}


def test_a_stream_left_alone_is_not_among_the_facts() -> None:
    made = ledger()
    made.drop_stream("a")
    assert [stream.key for stream in facts(made).streams] == ["b"]
    assert made.streams_of(["scan", "other"]) == made.unsealed_streams() == [("scan", "b")]


def test_streams_of_our_publisher_are_looked_at_by_that_of_the_point_numbers() -> None:
    made = Ledger()
    made.add(TrackedScan("scan", "state", ("a", "b", "c"), "b", "sardana-redis"), T0)
    made.note_standings([("scan", "b", StreamStanding(0, 5, 5, 10))], T0)
    (stream,) = facts(made).streams
    assert (stream.key, stream.members, stream.end) == ("b", ("a", "c"), 10)
    assert made.bundles_with_data() == [("b", "a", "c")]
