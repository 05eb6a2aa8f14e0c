"""The highest rate at which points are taken and confirmed, beside that of a plain loop."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import redis

from sardana_redis.keys import STREAM_PREFIX
from sardana_redis.recorder._columns import make_columns
from sardana_redis.recorder._scan_recorder import make_gatherer
from tests.bench._arena import Arena, Samples, middle
from tests.bench._child import Context
from tests.bench._compare import compare
from tests.bench._figures import Figure
from tests.bench._pace import paced
from tests.bench._sides import BLISSDATA, OURS
from tests.bench._workload import WORKLOADS, Workload

__all__ = ["measure"]

FLOOR = "the floor"
GOALS = {(FLOOR, workload.columns): 1 / 2 for workload in WORKLOADS}
_SIDES = (OURS, FLOOR, BLISSDATA)
_SECONDS = 3.0
_PAUSE_SECONDS = 0.001
_LOOKS_A_BACKLOG = 16


@dataclass(frozen=True, slots=True)
class Rate:
    """Points a second, and how many of them an entry held."""

    rate: float
    batch: float


def measure(arena: Arena) -> list[Figure]:
    """At each number of columns; the floor takes the batches that ours made just before."""
    figures = []
    for workload in WORKLOADS:
        samples = _sample(arena, workload)
        figures += compare(
            "sustained rate",
            workload,
            samples,
            lambda rate: rate.rate,
            "points/s",
            others=(FLOOR, BLISSDATA),
            goals=GOALS,
            goal_is="min",
        )
        _tell(arena, workload, samples)
    return figures


def run_rate(context: Context, workload: Workload, seconds: float) -> Rate:
    """In the side's process: as many points as it takes, with a bounded backlog."""
    side = context.side
    side.prepare(workload)
    side.start()
    side.wait_started()
    put = side.put
    look_every = max(1, workload.backlog // _LOOKS_A_BACKLOG)
    points = 0
    started = time.perf_counter()
    for record in workload.records(paced(None, seconds)):
        put(record)
        points += 1
        if points % look_every == 0:
            while side.is_behind():
                time.sleep(_PAUSE_SECONDS)
    side.wait_confirmed()
    elapsed = time.perf_counter() - started
    with redis.Redis.from_url(context.url) as client:
        entries = client.xlen(side.stream_keys[0])
    side.end()
    return Rate(points / elapsed, points / entries)


def run_floor(context: Context, workload: Workload, batch: int, seconds: float) -> Rate:
    """In a process of its own: gathers, casts and sends, one after the other, no more."""
    columns = make_columns(workload.descriptions(), (), {})
    gather = make_gatherer(columns)
    keys = [f"{STREAM_PREFIX}floor:{column.stream}" for column in columns]
    dtypes = [np.dtype(column.dtype) for column in columns]
    points = 0
    with redis.Redis.from_url(context.url) as client:
        started = time.perf_counter()
        records = workload.records(paced(None, seconds))
        while rows := [gather(record.data) for record in itertools.islice(records, batch)]:
            _send(client, keys, dtypes, rows, points)
            points += len(rows)
        elapsed = time.perf_counter() - started
    return Rate(points / elapsed, batch)


def _send(
    client: redis.Redis,
    keys: Sequence[str],
    dtypes: Sequence[np.dtype[Any]],
    rows: Sequence[tuple[Any, ...]],
    first: int,
) -> None:
    pipeline = client.pipeline(transaction=False)
    for key, dtype, values in zip(keys, dtypes, zip(*rows, strict=True), strict=True):
        fields = {"payload": np.array(values, dtype).tobytes(), "len": len(rows)}
        pipeline.xadd(key, fields, id=f"{first}-1")
    pipeline.execute()


def _sample(arena: Arena, workload: Workload) -> Samples:
    seconds = arena.seconds(_SECONDS)
    batch = 1

    def run(side: str) -> Rate:
        nonlocal batch
        child = arena.child(side)
        if side == FLOOR:
            floor: Rate = child.call(run_floor, workload, batch, seconds)
            return floor
        rate: Rate = child.call(run_rate, workload, seconds)
        if side == OURS:
            batch = max(1, round(rate.batch))
        return rate

    return arena.rounds(_SIDES, workload, run, once=(BLISSDATA,))


def _tell(arena: Arena, workload: Workload, samples: Samples) -> None:
    words = []
    for side in samples:
        rate = middle(samples, side, lambda sample: sample.rate)
        batch = middle(samples, side, lambda sample: sample.batch)
        words.append(f"{side} {rate:.0f} points/s in batches of {batch:.0f}")
    arena.tell(f"{workload.title}: {', '.join(words)}")
