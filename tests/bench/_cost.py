"""What one point costs the thread of the scan: the time of the recorder's `writeRecord`."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from statistics import median

from tests.bench._arena import Arena, Samples, middle
from tests.bench._child import Context
from tests.bench._compare import compare
from tests.bench._figures import Figure
from tests.bench._pace import paced
from tests.bench._sides import BLISSDATA, NEXUS, OURS, SPEC
from tests.bench._workload import WORKLOADS, Workload

__all__ = ["measure"]

GOALS = {
    (BLISSDATA, 10): 1 / 5,
    (BLISSDATA, 100): 1 / 20,
    (BLISSDATA, 300): 1 / 50,
    # "Below SPEC_FileRecorder at each."
    **{(SPEC, columns): math.nextafter(1.0, 0.0) for columns in (10, 100, 300, 1000)},
}
GROWTH_GOAL = 15.0
_SIDES = (OURS, BLISSDATA, SPEC, NEXUS)
_PACED_SECONDS = 1.2
_BURST_SECONDS = 0.5
_WARM_UP_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds a point: median and 99th percentile of the wall, median of the CPU time."""

    wall: float
    slow: float
    cpu: float
    points: int


def measure(arena: Arena) -> list[Figure]:
    """Paced as in life, and back to back, at each number of columns."""
    figures: list[Figure] = []
    for is_paced in (True, False):
        walls: dict[int, float] = {}
        for workload in WORKLOADS:
            rate, manner = _manner(workload, is_paced)
            samples = _sample(arena, workload, rate)
            figures += _figures(
                f"cost of a point to the scan's thread, {manner}", workload, samples
            )
            _tell(arena, f"{workload.title}, {manner}", samples)
            if not workload.arrays:
                walls[workload.columns] = middle(samples, OURS, lambda cost: cost.wall)
        figures += _growth("paced" if is_paced else "back to back", walls)
    return figures


def run_cost(context: Context, workload: Workload, rate: float | None, seconds: float) -> Cost:
    """In the side's process: one scan, each call timed."""
    side = context.side
    side.prepare(workload)
    side.start()
    put = side.put
    walls: list[int] = []
    cpus: list[int] = []
    for record in workload.records(paced(rate, seconds, workload.burst)):
        cpu = time.thread_time_ns()
        wall = time.perf_counter_ns()
        put(record)
        walls.append(time.perf_counter_ns() - wall)
        cpus.append(time.thread_time_ns() - cpu)
    side.wait_confirmed()
    side.end()
    skipped = int(len(walls) * _WARM_UP_SHARE)
    walls = sorted(walls[skipped:])
    slow = walls[math.ceil(0.99 * len(walls)) - 1]
    return Cost(median(walls) / 1e3, slow / 1e3, median(cpus[skipped:]) / 1e3, len(walls))


def _manner(workload: Workload, is_paced: bool) -> tuple[float | None, str]:
    if not is_paced:
        return None, "back to back"
    return workload.pace, f"paced at {workload.pace:g} points/s"


def _sample(arena: Arena, workload: Workload, rate: float | None) -> Samples:
    seconds = arena.seconds(_BURST_SECONDS if rate is None else _PACED_SECONDS)
    return arena.rounds(
        _SIDES, workload, lambda side: arena.child(side).call(run_cost, workload, rate, seconds)
    )


def _figures(name: str, workload: Workload, samples: Samples) -> list[Figure]:
    others = (BLISSDATA, SPEC, NEXUS)
    return [
        *compare(name, workload, samples, lambda c: c.wall, "µs", others=others, goals=GOALS),
        *compare(f"{name}, p99", workload, samples, lambda c: c.slow, "µs", others=others[:2]),
        *compare(f"{name}, CPU", workload, samples, lambda c: c.cpu, "µs", others=others[:2]),
    ]


def _growth(manner: str, walls: dict[int, float]) -> list[Figure]:
    name = f"cost of a point to the scan's thread, {manner}: ours to ours at 100 columns"
    return [Figure(name, 1000, walls[1000], walls[100], "µs", GROWTH_GOAL)]


def _tell(arena: Arena, title: str, samples: Samples) -> None:
    costs = {side: middle(samples, side, lambda cost: cost.wall) for side in samples}
    found = (f"{side} {cost:.1f} µs" for side, cost in costs.items())
    arena.tell(f"{title}: {', '.join(found)}")
