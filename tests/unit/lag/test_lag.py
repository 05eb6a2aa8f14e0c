"""From positions to points and seconds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from sardana_redis.lag import LagCollector, ScanPosition, WriterLag, writer_lag
from sardana_redis.model import WriterProgress, WriterRecord, WriterScanState

NOW = 1_000_000
RECORD = WriterRecord("spec", "host", "1", "boot", NOW - 9_999)
FINAL = [state for state in WriterScanState if state is not WriterScanState.OPEN]


def lag_of(*scans: ScanPosition) -> WriterLag:
    return writer_lag(NOW, RECORD, NOW - 3000, scans)


def test_all_written_is_no_lag() -> None:
    lag = lag_of(ScanPosition(10, WriterProgress(10), NOW - 9000))
    assert (lag.points, lag.seconds) == (0, 0.0)


def test_the_oldest_unwritten_point_of_all_scans_counts() -> None:
    lag = lag_of(
        ScanPosition(10, WriterProgress(4), NOW - 9000),
        ScanPosition(5, None, NOW - 12_500),
        ScanPosition(7, None, None),
    )
    assert (lag.points, lag.seconds) == (18, 12.5)


@given(st.sampled_from(FINAL))
def test_what_a_writer_is_through_with_does_not_count(state: WriterScanState) -> None:
    lag = lag_of(ScanPosition(10, WriterProgress(4, state, waits=True), NOW - 9000))
    assert (lag.points, lag.seconds, lag.pending_scans) == (0, 0.0, 0)


def test_a_scan_that_waits_counts_as_pending_and_in_points_only() -> None:
    lag = lag_of(ScanPosition(10, WriterProgress(0, waits=True), NOW - 9000))
    assert (lag.points, lag.seconds, lag.pending_scans) == (10, 0.0, 1)


def test_a_writer_is_up_for_ten_seconds_after_it_was_seen() -> None:
    assert lag_of().is_up
    assert not writer_lag(NOW + 2, RECORD, 0, ()).is_up
    assert lag_of().last_progress_seconds == 997.0


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, NOW))
def test_lag_is_never_negative(end: int, points: int, sent: int) -> None:
    lag = lag_of(ScanPosition(end, WriterProgress(points), sent))
    assert lag.points >= 0
    assert lag.seconds >= 0
    assert (lag.points == 0) == (points >= end)


def test_the_series_of_a_forgotten_writer_are_gone() -> None:
    registry = CollectorRegistry()
    collector = LagCollector(registry)
    collector.lags = {"spec": lag_of(), "nexus": lag_of()}
    assert registry.get_sample_value("sardana_redis_writer_up", {"writer": "spec"}) == 1
    collector.lags = {"nexus": lag_of()}
    assert b"spec" not in generate_latest(registry)
