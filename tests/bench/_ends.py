"""How long a scan waits for the recorder when it starts and when it ends."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.bench._arena import Arena, Samples, middle
from tests.bench._child import Context
from tests.bench._compare import compare
from tests.bench._figures import Figure
from tests.bench._pace import paced
from tests.bench._sides import BLISSDATA, NEXUS, OURS, SPEC
from tests.bench._workload import WORKLOADS, Workload

__all__ = ["measure"]

_SIDES = (OURS, BLISSDATA, SPEC, NEXUS)
_POINTS = 20
_SECONDS = 2.0
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Ends:
    """Milliseconds: until the start returned, until readers see STARTED, and of the end."""

    start: float
    visible: float
    end: float


def measure(arena: Arena) -> list[Figure]:
    """At each number of columns, with points that still wait when the scan ends."""
    figures: list[Figure] = []
    for workload in WORKLOADS:
        samples = arena.rounds(
            _SIDES,
            workload,
            lambda side, w=workload: arena.child(side).call(run_ends, w, _SECONDS),
            rounds=_ROUNDS,
        )
        figures += _figures(workload, samples)
        words = []
        for side in samples:
            start = middle(samples, side, lambda ends: ends.start)
            end = middle(samples, side, lambda ends: ends.end)
            words.append(f"{side} {start:.1f} + {end:.1f} ms")
        arena.tell(f"{workload.title}, start + end: {', '.join(words)}")
    return figures


def run_ends(context: Context, workload: Workload, seconds: float) -> Ends:
    """In the side's process: a short scan."""
    side = context.side
    side.prepare(workload)
    before = time.perf_counter()
    side.start()
    start = time.perf_counter() - before
    side.wait_started()
    visible = time.perf_counter() - before
    for record in workload.records(paced(workload.pace, seconds, _POINTS)):
        side.put(record)
    before = time.perf_counter()
    side.end()
    end = time.perf_counter() - before
    return Ends(start * 1e3, visible * 1e3, end * 1e3)


def _figures(workload: Workload, samples: Samples) -> list[Figure]:
    files = (SPEC, NEXUS)
    return [
        *compare(
            "time added at scan start",
            workload,
            samples,
            lambda ends: ends.start,
            "ms",
            others=(BLISSDATA, *files),
        ),
        *compare(
            "time from scan start to STARTED visible",
            workload,
            samples,
            lambda ends: ends.visible,
            "ms",
            others=(BLISSDATA,),
        ),
        *compare(
            "time added at scan end",
            workload,
            samples,
            lambda ends: ends.end,
            "ms",
            others=(BLISSDATA, *files),
        ),
    ]
