"""Memory that runs short, for minutes: what stays, what goes, and that it is counted."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sardana_redis.memory_tracker._policy import STEP_PERCENT
from tests.faults.arena import eventually
from tests.faults.check import Checker
from tests.faults.lag_kind import lag_is_true
from tests.faults.memory_arena import MEGABYTE, NEXUS, POINT_BYTES, SPEC, MemoryArena
from tests.faults.orphan_kind import orphans_only
from tests.faults.second_writer import NAME as SECOND

Run = Callable[[Path, random.Random, Checker, bool], None]
"""A kind, given the name of a folder of its own, and whether it is to be quick."""

MEMORY_KINDS: dict[str, Run] = {}

HARD_RATIO = 0.95
_RATE = 32 * MEGABYTE
_SLOWEST_RATE = 26 * MEGABYTE
_FROZEN_RATE = 24 * MEGABYTE
_SCAN_BYTES = 400 * MEGABYTE
_LONGEST_PUT_SECONDS = 0.25
"""A thread that waits for Redis, or for a lock of ours, would wait for seconds."""

_USUAL_PUT_SECONDS = 0.002


def kind(letter: str) -> Callable[[Run], Run]:
    """Registers a kind under its letter."""

    def register(function: Run) -> Run:
        MEMORY_KINDS[letter] = function
        return function

    return register


@kind("x")
def too_fast(folder: Path, rng: random.Random, check: Checker, quick: bool) -> None:
    """Scans of 3 GB into a Redis of 256 MB, faster than the slowest follower."""
    if quick:
        soak(folder, check, total_bytes=512 * MEGABYTE, megabytes=128)
    else:
        soak(folder, check, total_bytes=3072 * MEGABYTE)


def soak(folder: Path, check: Checker, *, total_bytes: int, megabytes: int = 256) -> None:
    """Scans so much; the publisher brakes, and nothing is refused, lost or kept waiting."""
    slowest = _SLOWEST_RATE / POINT_BYTES
    with MemoryArena(folder, megabytes=megabytes, second_rate=slowest, with_nexus=True) as arena:
        scanning = arena.offering(total_bytes, _RATE, scan_bytes=min(_SCAN_BYTES, total_bytes // 3))
        began = time.monotonic()
        brakes = 0
        while scanning.is_alive():
            brakes += arena.is_braking
            time.sleep(0.05)
        offered = time.monotonic() - began
        for writer in (SPEC, SECOND, NEXUS):
            reports = arena.wait_written(writer)
            assert not sum(report.lost for report in reports.values()), f"{writer} lost points"
        written = time.monotonic() - began
        puts = np.array(arena.offer.put_seconds)
        print(
            f"  offered {arena.offer.bytes / MEGABYTE:.0f} MiB in {offered:.0f} s, written after "
            f"{written:.0f} s, braking {brakes * 5 / offered:.0f} % of the time; peak of "
            f"memory {arena.gauge.peak:.1%} (and buffers {arena.gauge.uncounted:.1%}), OOM "
            f"{arena.refusals}; a point kept the scan "
            f"{np.median(puts) * 1e6:.0f} us, p99.9 {np.percentile(puts, 99.9) * 1e3:.2f} ms, "
            f"at most {puts.max() * 1e3:.1f} ms"
        )
        assert brakes, "the publisher never held points back"
        assert written > offered, "nobody was slower than the scans"
        assert arena.refusals == 0, "Redis answered OOM"
        assert arena.gauge.peak < HARD_RATIO, f"memory reached {arena.gauge.peak:.1%}"
        assert arena.tracker.value("memory_reclaims_total", reason="unread") == 0
        assert arena.spec.value("writer_lost_points_total") == 0
        assert puts.max() < _LONGEST_PUT_SECONDS, f"a point waited {puts.max():.2f} s"
        assert np.percentile(puts, 99.9) < _USUAL_PUT_SECONDS
        check.tally.scans += len(arena.offer.points)
        arena.count(check)


@kind("y")
def writer_frozen(folder: Path, rng: random.Random, check: Checker, quick: bool) -> None:
    """The SPEC writer frozen while memory fills twice: nothing is lost, or it is counted right.

    With the default brake nothing is. Where the publisher brakes too late, what the writer needs
    goes from 95 % on, oldest first, and metric, report and file tell how much.
    """
    megabytes = 128 if quick else 256
    for name, brake_ratio in (("late", 0.97), ("default", 0.9)):
        with MemoryArena(
            folder / name, megabytes=megabytes, second_rate=10_000, brake_ratio=brake_ratio
        ) as arena:
            gone = frozen_while_memory_fills_twice(arena, after_points=rng.randint(100, 2500))
            check.tally.scans += len(arena.offer.points)
            judge_losses(arena, gone)
            if name == "default":
                assert gone.unread == 0, "trimmed what a writer needed below the hard threshold"
                arena.count(check)


@dataclass
class Gone:
    """What happened while the SPEC writer was frozen.

    `position` is what it had reported, `trims_at` how full Redis had been when unread data were
    trimmed for the first time, `unread` how often they were, `first_left` the first point that
    Redis still had of the scan that it was writing.
    """

    key: str
    position: int
    trims_at: float | None = None
    unread: float = 0.0
    first_left: int = 0


def frozen_while_memory_fills_twice(arena: MemoryArena, *, after_points: int) -> Gone:
    """Scans, freezes the SPEC writer in the middle of the first scan, and lets it go on."""
    scanning = arena.offering(arena.limit * 3, _FROZEN_RATE, scan_bytes=arena.limit * 3 // 2)
    eventually(
        lambda: any(r.points > after_points for r in arena.reports(SPEC).values()), 30, "it writes"
    )
    arena.spec.process.pause()
    ((key, report),) = arena.reports(SPEC).items()
    gone = Gone(key, report.points)
    until = arena.offer.bytes + 2 * arena.limit
    while arena.offer.bytes < until:
        assert scanning.is_alive(), "the scans ended too early"
        gone.unread = arena.tracker.value("memory_reclaims_total", reason="unread")
        if gone.unread and gone.trims_at is None:
            gone.trims_at = arena.gauge.peak
        time.sleep(0.05)
    gone.first_left = arena.first_points()[key]
    arena.spec.process.resume()
    scanning.join()
    for writer in (SPEC, SECOND):
        arena.wait_written(writer)
    return gone


def judge_losses(arena: MemoryArena, gone: Gone) -> None:
    """What is counted as lost is what is not in the files, and that was the oldest there was."""
    rows = arena.rows_in_files()
    missing = {
        key: sorted(set(range(points)) - set(rows.get(key, ())))
        for key, points in arena.offer.points.items()
    }
    truth = sum(len(points) for points in missing.values())
    counted = arena.spec.value("writer_lost_points_total")
    reported = sum(report.lost for report in arena.reports(SPEC).values())
    in_files, gaps = arena.lost_in_files()
    tracked = sum(points for points in arena.tracker_losses(SPEC))
    at = "never" if gone.trims_at is None else f"at {gone.trims_at:.1%}"
    print(
        f"  frozen at point {gone.position}; unread data went {at}, {gone.unread:.0f} times; "
        f"really gone {truth}, metric {counted:.0f}, report {reported}, #C lines {in_files}, "
        f"gaps {gaps}, tracker {tracked}; peak {arena.gauge.peak:.1%}, OOM {arena.refusals}"
    )
    assert counted == reported == in_files == sum(length for length, _ in gaps) == truth
    assert arena.refusals == 0, "Redis answered OOM"
    if gone.trims_at is None:
        assert truth == 0, f"{truth} points are gone"
        return
    assert gone.trims_at >= HARD_RATIO, f"unread data went at {gone.trims_at:.1%}"
    assert truth, "memory was filled twice, and nothing is missing"
    first = missing[gone.key][0]
    assert first >= gone.position, "what it had written is missing"
    assert missing[gone.key] == list(range(first, first + len(missing[gone.key]))), "not the oldest"
    # What was cut in the last 0.5 s before the writer went on, the tracker's log may leave out.
    assert truth - tracked <= 2 * arena.limit * STEP_PERCENT / 100 / POINT_BYTES


kind("z")(lag_is_true)
kind("A")(orphans_only)
