"""The short form of `make faults`: each kind once, with a seed that is printed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from sardana_redis.local import LocalStack
from tests.faults.__main__ import FILE_KINDS, run_memory, run_one, run_writer
from tests.faults.check import Tally
from tests.faults.kinds import KINDS

pytestmark = pytest.mark.timeout(240)


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
def test_a_scan_survives(stack: LocalStack, settings_file: Path, letter: str) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"make faults ONLY={letter} SEED={seed}")  # noqa: T201 - to repeat what failed
    tally = Tally()
    run_one(stack, settings_file, letter, seed, tally, quick=True)
    assert tally.is_clean, str(tally)
    assert tally.points > 0
