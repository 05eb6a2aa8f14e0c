"""When scans expire, are deleted, or are closed for a publisher that is gone."""

from __future__ import annotations

from typing import Any

import pytest

from sardana_redis.memory_tracker._lifetimes import Fate, FateKind, fates
from sardana_redis.memory_tracker._policy import Reason, reclaim
from sardana_redis.memory_tracker._snapshot import Limits, Snapshot
from sardana_redis.model import ScanState, WriterProgress, WriterScanState

from ._worlds import NOW_MS, Stream, scan_facts

LIMITS = Limits()
DAY_MS = 86_400_000
OPEN = Stream("s", ((0, 10),), 10, False, ((500.0, 10),))
SEALED = Stream("s", ((0, 10),), 10, True, ((500.0, 10),))
BARE = Stream("s", (), 10, True, ((500.0, 10),))


def fate_of(
    stream: Stream, positions: dict[str, Any] | None = None, used: int = 10, **more: Any
) -> FateKind | None:
    scan = scan_facts("scan", (stream,), **more)
    found = fates(Snapshot(NOW_MS, used, 100, (scan,), positions or {}), LIMITS)
    assert found in ([], [Fate("scan", found[0].kind if found else FateKind.EXPIRE)])
    return found[0].kind if found else None


def test_a_closed_scan_expires_once() -> None:
    assert fate_of(SEALED) is FateKind.EXPIRE
    assert fate_of(SEALED, expires=True) is None


def test_a_closed_scan_expires_only_when_every_writer_has_finished_it() -> None:
    written = {"scan": WriterProgress(10)}
    done = {"scan": WriterProgress(10, WriterScanState.DONE)}
    assert fate_of(SEALED, {"spec": done, "nexus": {}}) is None
    assert fate_of(SEALED, {"spec": done, "nexus": written}) is None
    assert fate_of(SEALED, {"spec": done, "nexus": done}) is FateKind.EXPIRE


@pytest.mark.parametrize("state", [s for s in ScanState if s is not ScanState.CLOSED])
def test_an_open_scan_without_heartbeat_is_an_orphan_in_the_end(state: ScanState) -> None:
    assert fate_of(OPEN, state=state, silent_seconds=600) is FateKind.CLOSE_ORPHAN
    assert fate_of(OPEN, state=state, silent_seconds=599) is None
    assert fate_of(OPEN, state=state, silent_seconds=None) is None


def test_no_scan_of_another_publisher_is_an_orphan() -> None:
    assert fate_of(OPEN, publisher="bliss", silent_seconds=1e6) is None


def test_no_scan_is_an_orphan_while_redis_is_full() -> None:
    assert fate_of(OPEN, silent_seconds=1e6, used=95) is None


def test_an_open_scan_of_anybody_is_deleted_after_a_day_of_silence() -> None:
    silent = {"publisher": "bliss", "active_ms": NOW_MS - DAY_MS}
    assert fate_of(OPEN, **silent) is FateKind.DELETE_INACTIVE
    assert fate_of(OPEN, publisher="bliss", active_ms=NOW_MS - DAY_MS + 1000) is None


def test_a_heartbeat_counts_as_activity() -> None:
    silent = {"active_ms": NOW_MS - 2 * DAY_MS}
    assert fate_of(OPEN, silent_seconds=None, **silent) is None


def test_a_silent_scan_stays_until_it_is_written() -> None:
    silent = {"publisher": "bliss", "active_ms": NOW_MS - 2 * DAY_MS}
    assert fate_of(OPEN, {"spec": {"scan": WriterProgress(9)}}, **silent) is None
    written = {"spec": {"scan": WriterProgress(10)}}
    assert fate_of(OPEN, written, **silent) is FateKind.DELETE_INACTIVE


def finished(count: int, **more: Any) -> list[Any]:
    old = {"active_ms": NOW_MS - 601_000, "state": ScanState.CLOSED}
    return [scan_facts(f"scan{i:03}", (BARE,), **{**old, **more}) for i in range(count)]


def test_finished_scans_go_a_twentieth_at_a_time_when_nothing_else_is_left() -> None:
    scans = tuple(finished(30))
    decision = reclaim(Snapshot(NOW_MS, 88, 100, scans), LIMITS)
    assert (decision.reason, decision.deletions) == (Reason.SCANS, ("scan000", "scan001"))
    assert reclaim(Snapshot(NOW_MS, 87, 100, scans), LIMITS).reason is Reason.NOTHING_LEFT


def test_no_scan_follows_while_others_are_on_their_way_out() -> None:
    scans = (*finished(1, is_leaving=True), *finished(30))
    assert reclaim(Snapshot(NOW_MS, 90, 100, scans), LIMITS).reason is Reason.NOTHING_LEFT


def test_a_finished_scan_stays_while_a_writer_or_its_publisher_may_need_it() -> None:
    needed = Snapshot(NOW_MS, 90, 100, tuple(finished(1)), {"spec": {}})
    recent = Snapshot(NOW_MS, 90, 100, tuple(finished(1, active_ms=NOW_MS - 599_000)))
    for snapshot in (needed, recent):
        assert reclaim(snapshot, LIMITS).reason is Reason.NOTHING_LEFT
