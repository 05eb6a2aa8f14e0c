"""What `watch` shows, from looks at Redis that no Redis is needed for."""

from __future__ import annotations

import pytest
from rich.console import Console

from sardana_redis.cli._view import View, make_view, render
from sardana_redis.model import WriterProgress, WriterRecord, WriterScanState
from sardana_redis.store import Memory, Outlook, ScanSummary, UnfinishedScan, WriterOutlook

URL = "redis://user:***@host:6379"
NOW = 1_700_000_000_000


def scan(number: int, points: int, state: str = "STARTED") -> ScanSummary:
    end = "SUCCESS" if state == "CLOSED" else None
    return ScanSummary(
        f"esrf:scan:{number}", number, "ascan", "s", f"ascan mot01 {number}", state, points,
        None, None, end,
    )  # fmt: skip


def writer(
    *unfinished: UnfinishedScan, seen_ms: int = NOW, parked: int = 0, name: str = "spec"
) -> WriterOutlook:
    record = WriterRecord("spec", "host", "1.0", "boot", seen_ms)
    return WriterOutlook(name, record, NOW - 500, parked, unfinished)


def outlook(
    *scans: ScanSummary,
    writers: tuple[WriterOutlook, ...] = (),
    memory: Memory | None = None,
    now_ms: int = NOW,
) -> Outlook:
    return Outlook(now_ms, memory or Memory(50_000_000, 100_000_000), scans, writers)


def text(view: View, trouble: str = "") -> str:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(render(view, trouble))
    return captured.get()


def test_a_first_look_knows_no_rate() -> None:
    (row,) = make_view(URL, outlook(scan(1, 10)), None).scans
    assert (row.points, row.points_per_second) == (10, None)


def test_the_rate_is_taken_from_the_look_before() -> None:
    before = outlook(scan(1, 10), now_ms=NOW - 2000)
    now = outlook(scan(2, 5), scan(1, 30))
    rates = [row.points_per_second for row in make_view(URL, now, before).scans]
    assert rates == [2.5, 10.0]


def test_points_that_are_gone_are_no_negative_rate() -> None:
    before = outlook(scan(1, 10), now_ms=NOW - 1000)
    (row,) = make_view(URL, outlook(scan(1, 3)), before).scans
    assert row.points_per_second == 0.0


def test_the_lag_is_that_of_all_unfinished_scans() -> None:
    late = UnfinishedScan("esrf:scan:1", 100, WriterProgress(40), NOW - 1500)
    unreported = UnfinishedScan("esrf:scan:2", 7, None, NOW - 500)
    (row,) = make_view(URL, outlook(writers=(writer(late, unreported),)), None).writers
    assert (row.lag_points, row.lag_seconds, row.pending_scans) == (67, 1.5, 0)
    assert row.is_up


def test_a_scan_that_waits_is_pending_and_not_late() -> None:
    waits = UnfinishedScan("esrf:scan:1", 100, WriterProgress(0, waits=True), NOW - 60_000)
    (row,) = make_view(URL, outlook(writers=(writer(waits),)), None).writers
    assert (row.lag_seconds, row.pending_scans) == (0.0, 1)


def test_a_finished_scan_is_not_late() -> None:
    done = UnfinishedScan("esrf:scan:1", 100, WriterProgress(90, WriterScanState.FAILED), NOW)
    (row,) = make_view(URL, outlook(writers=(writer(done),)), None).writers
    assert (row.lag_points, row.lag_seconds) == (0, 0.0)


def test_a_silent_writer_is_down() -> None:
    silent = writer(seen_ms=NOW - 60_000, parked=2)
    view = make_view(URL, outlook(writers=(silent,)), None)
    assert not view.writers[0].is_up
    assert "down for 60 s" in text(view)
    assert view.writers[0].parked_scans == 2


@pytest.mark.parametrize(
    ("memory", "words"),
    [
        (Memory(50_000_000, 100_000_000), "50.0 MB of 100.0 MB (50.0%)"),
        (Memory(96_000_000_000, 100_000_000_000), "96.0 GB of 100.0 GB (96.0%)"),
        (Memory(999, 0), "999 B without a limit: set maxmemory"),
    ],
)
def test_memory_is_shown_against_its_limit(memory: Memory, words: str) -> None:
    view = make_view(URL, outlook(memory=memory), None)
    assert words in text(view)
    assert (view.memory.used_ratio is None) == (memory.maximum == 0)


def test_tables_have_a_line_for_each_scan_and_writer() -> None:
    late = UnfinishedScan("esrf:scan:1", 100, WriterProgress(40), NOW - 1500)
    now = outlook(scan(2, 11, "CLOSED"), scan(1, 30), writers=(writer(late, parked=1),))
    lines = text(make_view(URL, now, outlook(scan(1, 10), now_ms=NOW - 1000))).splitlines()
    assert lines[0].startswith(f"{URL}  memory")
    rows = [line.split() for line in lines]
    assert ["2", "ascan", "CLOSED", "11", "11.0", "SUCCESS", "ascan", "mot01", "2"] in rows
    assert ["1", "ascan", "STARTED", "30", "20.0", "ascan", "mot01", "1"] in rows
    assert ["spec", "spec", "up", "60", "1.5", "0", "1"] in rows


def test_an_empty_redis_says_so() -> None:
    shown = text(make_view(URL, outlook(), None))
    assert "There is no scan in this Redis yet." in shown
    assert "No writer is registered in this Redis." in shown


def test_trouble_stands_above_what_was_seen_last() -> None:
    lines = text(make_view(URL, outlook(scan(1, 30)), None), "Redis is away.").splitlines()
    assert lines[1] == "Redis is away."
    assert any("STARTED" in line for line in lines)


def test_a_title_is_shown_as_it_is_typed() -> None:
    odd = ScanSummary(
        "esrf:scan:1", 1, "ascan", "s", "ascan [bold]x[/bold]", "STARTED", 1, None, None, None
    )
    assert "ascan [bold]x[/bold]" in text(make_view(URL, outlook(odd), None))
