"""CPU time of the whole process for one value, beyond what making the records takes."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.bench._arena import Arena, Samples, middle
from tests.bench._child import Context
from tests.bench._compare import compare, held_rates
from tests.bench._figures import Figure
from tests.bench._pace import paced
from tests.bench._sides import BLISSDATA, IDLE, NEXUS, OURS, SPEC
from tests.bench._workload import WORKLOADS, Workload

__all__ = ["measure"]

GOALS = {(BLISSDATA, 100): 1 / 10}
_SIDES = (OURS, BLISSDATA, IDLE, SPEC, NEXUS)
_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Effort:
    """CPU time of a process over so many points, and the rate that it held."""

    cpu_seconds: float
    points: int
    rate: float

    @property
    def a_point(self) -> float:
        """Microseconds of CPU time."""
        return 1e6 * self.cpu_seconds / self.points


def measure(arena: Arena) -> list[Figure]:
    """At each number of columns, at the rate of the workload or as near as a side comes."""
    figures = []
    for workload in WORKLOADS:
        samples = arena.rounds(
            _SIDES,
            workload,
            lambda side, w=workload: arena.child(side).call(run_effort, w, arena.seconds(_SECONDS)),
            once=(SPEC, NEXUS),
        )
        idle = middle(samples, IDLE, lambda effort: effort.a_point)
        figures += compare(
            f"process CPU per value at {workload.top:g} points/s",
            workload,
            samples,
            lambda effort, w=workload, i=idle: (effort.a_point - i) / w.columns,
            "µs",
            others=(BLISSDATA, SPEC, NEXUS),
            goals=GOALS,
            remarks=held_rates(samples, workload.top),
        )
        _tell(arena, workload, samples)
    return figures


def run_effort(context: Context, workload: Workload, seconds: float) -> Effort:
    """In the side's process: one scan; what its start and end take is not part of it."""
    side = context.side
    side.prepare(workload)
    side.start()
    side.wait_started()
    put = side.put
    points = 0
    started, cpu = time.perf_counter(), time.process_time()
    for record in workload.records(paced(workload.top, seconds)):
        put(record)
        points += 1
    elapsed = time.perf_counter() - started
    side.wait_confirmed()
    cpu = time.process_time() - cpu
    side.end()
    return Effort(cpu, points, points / elapsed)


def _tell(arena: Arena, workload: Workload, samples: Samples) -> None:
    words = []
    for side in samples:
        cpu = middle(samples, side, lambda effort: effort.a_point)
        rate = middle(samples, side, lambda effort: effort.rate)
        words.append(f"{side} {cpu:.0f} µs a point at {rate:.0f} points/s")
    arena.tell(f"{workload.title}: {', '.join(words)}")
