"""The faults of the NeXus writer: what is broken, when, and what must hold afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.faults.check import Checker
from tests.faults.nexus_arena import NexusArena

Run = Callable[[NexusArena, Checker], None]

NEXUS_KINDS: dict[str, Run] = {}

_KILLS = 10


def kind(letter: str) -> Callable[[Run], Run]:
    """Registers a kind under its letter."""

    def register(function: Run) -> Run:
        NEXUS_KINDS[letter] = function
        return function

    return register


@kind("v")
def killed(arena: NexusArena, check: Checker) -> None:
    """The NeXus writer killed with SIGKILL, ten times at any moment, over many scans."""
    with arena.scanning(3 if arena.quick else 8, seconds=2.0):
        for _ in range(3 if arena.quick else _KILLS):
            arena.start()
            time.sleep(arena.rng.uniform(0.02, 0.8))
            arena.kill()
            arena.check_readable()
    arena.start()
    arena.wait_written()
    arena.verify(check)


@kind("w")
def redis_restarted(arena: NexusArena, check: Checker) -> None:
    """Redis killed and started again while the NeXus writer follows."""
    arena.start()
    with arena.scanning(3, seconds=2.0):
        for _ in range(2):
            time.sleep(arena.rng.uniform(0.1, 0.8))
            arena.server.kill()
            time.sleep(arena.rng.uniform(0.0, 0.5))
            arena.server.start()
    arena.wait_written()
    arena.verify(check)
