"""A beamline of our own, and other people's programs beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sardana_redis.local import Door, LocalStack
from sardana_redis.store import initialise_database
from tests.faults.arena import free_the_door

_MACROS = Path(__file__).parents[1] / "integration" / "macros"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """One stack for the whole session."""
    with LocalStack(
        tmp_path_factory.mktemp("stack"),
        macro_path=[_MACROS],
        redis_arguments=("--maxmemory", "4gb"),
    ) as stack:
        initialise_database(stack.redis.url)  # none of the programs waits for that
        yield stack


@pytest.fixture
def door(stack: LocalStack) -> Iterator[Door]:
    """The first Door, with Sardana's environment as after the start."""
    free_the_door(stack)
    stack.reset_environment()
    yield stack.door()
    free_the_door(stack)
