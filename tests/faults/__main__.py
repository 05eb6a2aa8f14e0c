"""`python -m tests.faults [--seeds N] [--only LETTERS] [--seed SEED]`: `make faults`."""

from __future__ import annotations

import argparse
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
from tests.faults.kinds import KINDS

MACROS = Path(__file__).parents[1] / "integration" / "macros"


def run_one(
    stack: LocalStack, settings_file: Path, letter: str, seed: int, tally: Tally, *, quick: bool
) -> None:
    """Runs one fault and counts it; raises what is broken."""
    tally.faults += 1
    with tempfile.TemporaryDirectory(prefix="sardana-redis-fault-") as folder:
        rng = random.Random(f"{letter}{seed}")
        with Arena(stack, rng, Path(folder), settings_file, quick) as arena:
            try:
                KINDS[letter](arena, Checker(tally))
            finally:
                tally.scans += arena.scans


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
    letters = options.only or "".join(KINDS)
    base = random.SystemRandom().randrange(10**6)
    seeds = [options.seed] if options.seed is not None else range(base, base + options.seeds)
    tally = Tally()
    with stack_for_faults() as (stack, settings_file):
        for letter in letters:
            for seed in seeds:
                started = time.monotonic()
                verdict = "ok"
                try:
                    run_one(stack, settings_file, letter, seed, tally, quick=False)
                except Exception as error:
                    traceback.print_exc()
                    tally.broken += 1
                    verdict = f"BROKEN: {error}"
                seconds = time.monotonic() - started
                title = (KINDS[letter].__doc__ or "").partition(".")[0]
                print(f"{letter} seed={seed} {seconds:5.1f} s {verdict} ({title})", flush=True)
    print(tally)
    return 0 if tally.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
