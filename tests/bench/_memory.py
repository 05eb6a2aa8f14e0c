"""What a value takes in Redis' memory."""

from __future__ import annotations

import redis

from tests.bench._arena import Arena, Samples, middle
from tests.bench._child import Context
from tests.bench._compare import compare
from tests.bench._figures import Figure
from tests.bench._pace import paced
from tests.bench._sides import BLISSDATA, OURS
from tests.bench._workload import SCALARS, Workload

__all__ = ["measure"]

GOALS = {(BLISSDATA, 10): 1 / 2}
_POINTS = {10: 3000, 100: 1500, 300: 500, 1000: 500}
"""By the number of columns; with few points what an empty stream takes counts the most."""

_SKIPPED_COLUMNS = 1000
"""blissdata would take two minutes; its streams are alike, however many."""

_SECONDS = 60.0
_ROUNDS = 2


def measure(arena: Arena) -> list[Figure]:
    """At each number of scalar columns; an array takes what its payload takes."""
    figures: list[Figure] = []
    theirs: list[float] = []
    for workload in SCALARS:
        points = int(arena.seconds(_POINTS[workload.columns]))
        samples, remarks = _sample(arena, workload, points), {}
        if workload.columns >= _SKIPPED_COLUMNS:
            samples[BLISSDATA] = theirs
            remarks = {BLISSDATA: " at 300 columns"}
            arena.tell(f"blissdata's send is skipped at {workload.title}, its figure is of 300")
        theirs = samples[BLISSDATA]
        figures += compare(
            f"Redis memory per value, {points} points at {workload.top:g} points/s",
            workload,
            samples,
            float,
            "bytes",
            others=(BLISSDATA,),
            goals=GOALS,
            remarks=remarks,
        )
        words = (f"{side} {middle(samples, side, float):.1f} bytes" for side in samples)
        arena.tell(f"{workload.title}: {', '.join(words)}")
    return figures


def run_memory(context: Context, workload: Workload, most: int) -> float:
    """In the side's process: bytes a value of the streams of a scan, before it is sealed."""
    side = context.side
    side.prepare(workload)
    side.start()
    points = 0
    for record in workload.records(paced(workload.top, _SECONDS, most)):
        side.put(record)
        points += 1
    side.wait_confirmed()
    with redis.Redis.from_url(context.url) as client:
        pipeline = client.pipeline(transaction=False)
        for key in side.stream_keys:
            pipeline.memory_usage(key, samples=0)
        total = float(sum(pipeline.execute()))
    side.end()
    return total / (points * workload.columns)


def _sample(arena: Arena, workload: Workload, points: int) -> Samples:
    sides = [OURS] if workload.columns >= _SKIPPED_COLUMNS else [OURS, BLISSDATA]
    return arena.rounds(
        sides,
        workload,
        lambda side: arena.child(side).call(run_memory, workload, points),
        rounds=_ROUNDS,
        once=(BLISSDATA,) if workload.columns > 100 else (),
    )
