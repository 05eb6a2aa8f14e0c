"""The short form of `make faults`: each kind once, with a seed that is printed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from sardana_redis.local import LocalStack
from tests.faults.arena import Arena
from tests.faults.check import Checker, Tally
from tests.faults.kinds import KINDS

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]


@pytest.mark.parametrize("letter", KINDS)
def test_a_scan_survives(
    stack: LocalStack, settings_file: Path, tmp_path: Path, letter: str
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"make faults ONLY={letter} SEED={seed}")  # noqa: T201 - to repeat what failed
    tally = Tally(faults=1)
    rng = random.Random(f"{letter}{seed}")
    with Arena(stack, rng, tmp_path, settings_file, quick=True) as arena:
        KINDS[letter](arena, Checker(tally))
    assert tally.is_clean, str(tally)
    assert tally.points > 0
