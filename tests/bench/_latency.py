"""From the record to a blissdata cursor in another process."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from blissdata import DataStore
from blissdata.exceptions import EndOfStream

from tests.bench._arena import Arena, Samples, middle
from tests.bench._child import ChildError, Context
from tests.bench._compare import against, compare, held_rates
from tests.bench._figures import Figure
from tests.bench._pace import paced
from tests.bench._sides import BLISSDATA, OURS
from tests.bench._workload import WORKLOADS, Workload

__all__ = ["measure"]

GOAL_COLUMNS, GOAL_RATE = 100, 100.0
P50_GOAL_MS, P99_GOAL_MS = 25.0, 60.0
_SIDES = (OURS, BLISSDATA)
_READER = "reader"
_STREAM = "dt"
"""The last column of a record, and what every side sends last; it holds the record's birth."""

_SECONDS = 3.0
_SLOW_SECONDS = 5.0
_SLOW_RATE = 10.0
_GOAL_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds, and the rate that the side held."""

    p50: float
    p99: float
    rate: float


def measure(arena: Arena) -> list[Figure]:
    """At each number of columns, at each rate."""
    figures: list[Figure] = []
    for workload in WORKLOADS:
        for rate in workload.rates:
            has_goal = (workload.columns, rate) == (GOAL_COLUMNS, GOAL_RATE)
            samples = arena.rounds(
                _SIDES,
                workload,
                lambda side, w=workload, r=rate: _one_scan(arena, side, w, r),
                rounds=_GOAL_ROUNDS if has_goal else 1,
            )
            figures += _figures(workload, rate, samples, has_goal)
            _tell(arena, workload, rate, samples)
    return figures


def run_start(context: Context, workload: Workload) -> str:
    """In the side's process: starts a scan, returns its key once readers can load it."""
    side = context.side
    side.prepare(workload)
    side.start()
    side.wait_started()
    return side.scan_key


def run_points(context: Context, rate: float, seconds: float) -> float:
    """In the side's process: records the points and ends the scan; returns the rate it held."""
    side = context.side
    points = 0
    started = time.perf_counter()
    for record in side.workload.records(paced(rate, seconds)):
        side.put(record)
        points += 1
    elapsed = max(time.perf_counter() - started, points / rate)
    side.wait_confirmed()
    side.end()
    return points / elapsed


def run_follow(context: Context, key: str) -> Iterator[tuple[float, float] | None]:
    """In the reader's process: says that it follows (None), then p50 and p99 in ms."""
    cursor = DataStore(context.url).load_scan(key).streams[_STREAM].cursor()
    yield None
    delays: list[float] = []
    try:
        while True:
            view = cursor.read()
            now = time.time_ns()
            delays += (now - np.asarray(view.get_data())).tolist()
    except EndOfStream:
        pass
    delays.sort()
    p50, p99 = (delays[math.ceil(share * len(delays)) - 1] / 1e6 for share in (0.5, 0.99))
    yield p50, p99


def _one_scan(arena: Arena, side: str, workload: Workload, rate: float) -> Latency:
    writer, reader = arena.child(side), arena.child(_READER)
    seconds = arena.seconds(_SLOW_SECONDS if rate <= _SLOW_RATE else _SECONDS)
    key = writer.call(run_start, workload)
    reader.begin(run_follow, key)
    reader.receive()
    try:
        held = writer.call(run_points, rate, seconds)
    except ChildError:
        reader.is_broken = True  # it waits for points that never come
        raise
    p50, p99 = reader.receive()
    return Latency(p50, p99, held)


def _figures(workload: Workload, rate: float, samples: Samples, has_goal: bool) -> list[Figure]:
    name = f"latency end to end at {rate:g} points/s"
    figures = []
    if has_goal:
        p50, p99 = (middle(samples, OURS, lambda x, n=n: getattr(x, n)) for n in ("p50", "p99"))
        figures += against(f"{name}, p50", workload, p50, P50_GOAL_MS, "ms")
        figures += against(f"{name}, p99", workload, p99, P99_GOAL_MS, "ms")
    for field in ("p50", "p99"):
        figures += compare(
            f"{name}, {field}",
            workload,
            samples,
            lambda x, n=field: getattr(x, n),
            "ms",
            others=(BLISSDATA,),
            remarks=held_rates(samples, rate),
        )
    return figures


def _tell(arena: Arena, workload: Workload, rate: float, samples: Samples) -> None:
    words = []
    for side in samples:
        p50 = middle(samples, side, lambda latency: latency.p50)
        p99 = middle(samples, side, lambda latency: latency.p99)
        words.append(f"{side} p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    arena.tell(f"{workload.title} at {rate:g} points/s: {'; '.join(words)}")
