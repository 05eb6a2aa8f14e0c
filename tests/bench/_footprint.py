"""Threads and connections that a recorder adds to the process."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil

from tests.bench._arena import Arena, middle
from tests.bench._child import Context
from tests.bench._compare import against, compare
from tests.bench._figures import Figure
from tests.bench._pace import paced
from tests.bench._sides import BLISSDATA, OURS
from tests.bench._workload import SCALARS, Workload

__all__ = ["measure"]

GOAL_COLUMNS = 1000
GOALS = {"threads": 3.0, "connections": 2.0}
_SIDES = (OURS, BLISSDATA)
_POINTS = 20
_LOOK_EVERY = 5
_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Footprint:
    """The most of each that was seen in a scan, beyond what was there before the first one."""

    threads: int
    connections: int


def measure(arena: Arena) -> list[Figure]:
    """At each number of scalar columns."""
    figures: list[Figure] = []
    arena.renew()  # blissdata keeps the connections of the largest scan that it ever had
    for workload in SCALARS:
        samples = arena.rounds(
            _SIDES,
            workload,
            lambda side, w=workload: arena.child(side).call(run_footprint, w),
            rounds=1,
        )
        words = []
        for what, goal in GOALS.items():
            ours, theirs = (
                middle(samples, side, lambda f, w=what: getattr(f, w)) for side in _SIDES
            )
            name = f"{what} more than before the first scan"
            if workload.columns == GOAL_COLUMNS:
                figures += against(name, workload, ours, goal, what)
            figures += compare(
                name, workload, samples, lambda f, w=what: getattr(f, w), what, others=(BLISSDATA,)
            )
            words.append(f"{what} {ours} and {theirs}")
        arena.tell(f"{workload.title}, ours and blissdata's: {', '.join(words)}")
    return figures


def run_footprint(context: Context, workload: Workload) -> Footprint:
    """In the side's process: a short scan."""
    side = context.side
    port = urlsplit(context.url).port
    process = psutil.Process()
    threads = connections = 0
    side.prepare(workload)
    side.start()
    side.wait_started()
    for number, record in enumerate(workload.records(paced(workload.pace, _SECONDS, _POINTS))):
        side.put(record)
        if number % _LOOK_EVERY == 0:
            threads = max(threads, process.num_threads())
            peers = [c.raddr.port for c in process.net_connections("tcp") if c.raddr]
            connections = max(connections, peers.count(port))
    side.wait_confirmed()
    side.end()
    return Footprint(threads - context.threads_before, connections)
