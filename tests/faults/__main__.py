"""`python -m tests.faults [--seeds N] [--only LETTERS] [--seed SEED]`: `make faults`."""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sardana_redis.local import LocalStack
from tests.faults.arena import Arena
from tests.faults.check import Checker, Tally
from tests.faults.image_kind import ImageArena, killed_while_images_are_shown
from tests.faults.kinds import KINDS
from tests.faults.memory_kinds import MEMORY_KINDS
from tests.faults.nexus_arena import NexusArena
from tests.faults.nexus_kinds import NEXUS_KINDS
from tests.faults.sardana_hang import SardanaHangs
from tests.faults.writer_arena import WriterArena
from tests.faults.writer_kinds import WRITER_KINDS

IMAGE_KINDS = {"B": killed_while_images_are_shown}
FILE_KINDS = WRITER_KINDS | NEXUS_KINDS | IMAGE_KINDS
_ARENAS = (
    dict.fromkeys(WRITER_KINDS, WriterArena)
    | dict.fromkeys(NEXUS_KINDS, NexusArena)
    | dict.fromkeys(IMAGE_KINDS, ImageArena)
)
_MOMENTS = 3
MACROS = Path(__file__).parents[1] / "integration" / "macros"

_TITLES = {
    letter: (kind.__doc__ or "").partition(".")[0]
    for kinds in (KINDS, FILE_KINDS, MEMORY_KINDS)
    for letter, kind in kinds.items()
}


def run_one(
    stack: LocalStack, settings_file: Path, letter: str, seed: int, tally: Tally, *, quick: bool
) -> None:
    """Runs one fault and counts it; raises what is broken.

    A moment at which Sardana itself hangs is told and replaced by another one, twice at most.
    """
    tally.faults += 1
    for attempt in range(_MOMENTS):
        rng = random.Random(f"{letter}{seed}" + f".{attempt}" * bool(attempt))
        try:
            _run_in_arena(stack, settings_file, letter, rng, tally, quick=quick)
        except SardanaHangs as hang:
            if attempt == _MOMENTS - 1:
                raise
            print(f"{letter} seed={seed}: Sardana itself hangs, another moment: {hang}", flush=True)
        else:
            return


def _run_in_arena(
    stack: LocalStack,
    settings_file: Path,
    letter: str,
    rng: random.Random,
    tally: Tally,
    *,
    quick: bool,
) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="sardana-redis-fault-") as folder,
        Arena(stack, rng, Path(folder), settings_file, quick) as arena,
    ):
        try:
            KINDS[letter](arena, Checker(tally))
        finally:
            tally.scans += arena.scans


def run_writer(letter: str, seed: int, tally: Tally, *, quick: bool) -> None:
    """Runs one fault of a writer and counts it; raises what is broken."""
    tally.faults += 1
    with tempfile.TemporaryDirectory(prefix="sardana-redis-fault-") as folder:
        rng = random.Random(f"{letter}{seed}")
        with _ARENAS[letter](rng, Path(folder), quick=quick) as arena:
            try:
                FILE_KINDS[letter](arena, Checker(tally))
            finally:
                tally.scans += arena.scans


def run_memory(letter: str, seed: int, tally: Tally, *, quick: bool) -> None:
    """Runs one of the long faults around memory and counts it; raises what is broken."""
    tally.faults += 1
    with tempfile.TemporaryDirectory(prefix="sardana-redis-fault-") as folder:
        rng = random.Random(f"{letter}{seed}")
        MEMORY_KINDS[letter](Path(folder) / "run", rng, Checker(tally), quick)


@contextmanager
def stack_for_faults() -> Iterator[tuple[LocalStack, Path]]:
    """A stack, and the file from which its recorder takes its settings."""
    with tempfile.TemporaryDirectory(prefix="sardana-redis-faults-") as folder:
        settings_file = Path(folder) / "settings.yaml"
        settings_file.touch()
        with LocalStack(
            macro_path=[MACROS],
            macroserver_variables={"SARDANA_REDIS_CONFIG": str(settings_file)},
        ) as stack:
            yield stack, settings_file


def main() -> int:
    """Runs all kinds with all seeds; 1 when anything was lost, doubled or broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="runs of each kind")
    parser.add_argument("--only", default="", help="letters of the kinds to run")
    parser.add_argument("--seed", type=int, help="this seed only, as an earlier run printed it")
    options = parser.parse_args()
    letters = options.only or "".join(_TITLES)
    base = random.SystemRandom().randrange(10**6)
    seeds = [options.seed] if options.seed is not None else range(base, base + options.seeds)
    tally = Tally()
    # The long ones run once, unless they are asked for.
    runs = [
        (letter, seed)
        for letter in letters
        for seed in (seeds if options.only or letter not in MEMORY_KINDS else seeds[:1])
    ]
    with contextlib.ExitStack() as cleanup:
        beamline = None
        if any(letter in KINDS for letter in letters):
            beamline = cleanup.enter_context(stack_for_faults())
        for letter, seed in runs:
            started = time.monotonic()
            verdict = "ok"
            try:
                if letter in KINDS:
                    assert beamline is not None
                    run_one(*beamline, letter, seed, tally, quick=False)
                elif letter in FILE_KINDS:
                    run_writer(letter, seed, tally, quick=False)
                else:
                    run_memory(letter, seed, tally, quick=False)
            except Exception as error:
                traceback.print_exc()
                tally.broken += 1
                verdict = f"BROKEN: {error}"
            seconds = time.monotonic() - started
            print(
                f"{letter} seed={seed} {seconds:5.1f} s {verdict} ({_TITLES[letter]})", flush=True
            )
    print(tally)
    return 0 if tally.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
