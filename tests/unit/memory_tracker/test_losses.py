"""Points count as lost once, and only when the writer did not report them in time."""

from __future__ import annotations

from sardana_redis.memory_tracker._losses import Losses
from sardana_redis.model import WriterProgress, WriterScanState


def test_what_was_written_meanwhile_is_not_lost() -> None:
    losses = Losses()
    losses.note({"scan": 100})
    assert losses.is_waiting
    assert losses.settle({"spec": {"scan": WriterProgress(60)}}) == {("spec", "scan"): 40}
    assert not losses.is_waiting


def test_no_point_is_counted_twice() -> None:
    losses = Losses()
    losses.note({"scan": 100})
    losses.settle({"spec": {}})
    losses.note({"scan": 150})
    losses.note({"scan": 120})
    assert losses.settle({"spec": {}}) == {("spec", "scan"): 50}


def test_a_writer_that_is_through_with_a_scan_loses_nothing() -> None:
    losses = Losses()
    losses.note({"scan": 100})
    done = {"scan": WriterProgress(0, WriterScanState.SKIPPED)}
    assert losses.settle({"spec": done, "nexus": {}}) == {("nexus", "scan"): 100}


def test_a_scan_that_is_gone_is_forgotten() -> None:
    losses = Losses()
    losses.note({"scan": 100})
    losses.settle({"spec": {}})
    losses.note({"scan": 200})
    losses.forget("scan")
    assert losses.settle({"spec": {}}) == {}
