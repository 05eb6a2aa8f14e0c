"""The short form of `make faults`: each kind once, with a seed that is printed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import tango

from sardana_redis.errors import ControlSystemError
from sardana_redis.local import LocalStack
from tests.faults.__main__ import FILE_KINDS, run_memory, run_writer
from tests.faults.arena import Arena
from tests.faults.check import Checker, Tally
from tests.faults.kinds import KINDS

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize("letter", FILE_KINDS)
def test_a_file_survives(letter: str) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"make faults ONLY={letter} SEED={seed}")  # noqa: T201 - to repeat what failed
    tally = Tally()
    run_writer(letter, seed, tally, quick=True)
    assert tally.is_clean, str(tally)
    assert tally.scans > 0


@pytest.mark.parametrize("letter", "z")
def test_what_is_late_is_shown(letter: str) -> None:
    """The others of MEMORY_KINDS take minutes."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"make faults ONLY={letter} SEED={seed}")  # noqa: T201 - to repeat what failed
    tally = Tally()
    run_memory(letter, seed, tally, quick=True)
    assert tally.is_clean, str(tally)
    assert tally.points > 0


@pytest.mark.stack
@pytest.mark.parametrize("letter", KINDS)
def test_a_scan_survives(
    stack: LocalStack, settings_file: Path, tmp_path: Path, letter: str
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"make faults ONLY={letter} SEED={seed}")  # noqa: T201 - to repeat what failed
    tally = Tally(faults=1)
    for attempt in range(2):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        rng = random.Random(f"{letter}{seed}")
        try:
            with Arena(stack, rng, folder, settings_file, quick=True) as arena:
                KINDS[letter](arena, Checker(tally))
            break
        except (ControlSystemError, tango.DevFailed):
            # Sardana's own hang at an abort (see test_scans.py): once, and for an abort only.
            if letter != "m" or attempt:
                raise
            stack.macroserver.kill()
    assert tally.is_clean, str(tally)
    assert tally.points > 0
