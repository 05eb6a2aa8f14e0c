"""`python -m tests.bench`: exit code 0, or 1 where a goal is not met, 2 for a wrong word."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from sardana_redis import log
from tests.bench import (
    _cost,
    _cpu,
    _ends,
    _footprint,
    _latency,
    _memory,
    _memory_tracker,
    _rate,
    _spec_writer,
)
from tests.bench._arena import Arena
from tests.bench._figures import Figure, print_tables, write_json

MEASUREMENTS: dict[str, Callable[[Arena], list[Figure]]] = {
    "cost of a point to the scan's thread": _cost.measure,
    "process CPU per value": _cpu.measure,
    "latency end to end": _latency.measure,
    "sustained rate": _rate.measure,
    "Redis memory per value": _memory.measure,
    "time added at scan start and end": _ends.measure,
    "threads and connections": _footprint.measure,
    "SPEC writer": _spec_writer.measure,
    "memory tracker": _memory_tracker.measure,
}
_OUTPUT = Path("build") / "bench.json"
_FILE_WIDTH = 140


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the chosen measurements; returns the exit code."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all parts are ended
    word = options.only.lower()
    chosen = {name: run for name, run in MEASUREMENTS.items() if word in name.lower()}
    console = Console() if sys.stdout.isatty() else Console(width=_FILE_WIDTH)
    if not chosen:
        console.print(f"No measurement is called {options.only!r}: {'; '.join(MEASUREMENTS)}.")
        return 2
    log.configure("warning")
    logging.getLogger("sardana_redis").setLevel(logging.WARNING)  # Sardana changes the root's
    console.print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f} before the start")
    figures: list[Figure] = []
    started = time.monotonic()
    with Arena(console, is_quick=options.quick) as arena:
        for name, run in chosen.items():
            before = time.monotonic()
            console.rule(name, align="left")
            figures += run(arena)
            console.print(f"{time.monotonic() - before:.0f} s")
    write_json(figures, options.output)
    print_tables(figures, console)
    missed = sum(not figure.met for figure in figures)
    goals = sum(figure.goal is not None for figure in figures)
    console.print(
        f"goals={goals} missed={missed} figures={len(figures)} "
        f"seconds={time.monotonic() - started:.0f}; written to {options.output}"
    )
    return 1 if missed else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", default="", metavar="WORD", help="part of a measurement's name")
    parser.add_argument("--quick", action="store_true", help="short runs, to see that all works")
    parser.add_argument("--output", type=Path, default=_OUTPUT, help="where the JSON goes")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
