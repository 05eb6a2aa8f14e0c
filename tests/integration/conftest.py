"""The real parts that the integration tests run against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from sardana_redis.keys import STREAM_PREFIX
from sardana_redis.local import Door, LocalStack, RedisServer
from tests.faults.arena import eventually, free_the_door

_HERE = Path(__file__).parent
_LARGE_BYTES = 2**20


@pytest.fixture(scope="session")
def settings_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The YAML file from which the stack's recorder takes its settings; empty."""
    path = tmp_path_factory.mktemp("settings") / "settings.yaml"
    path.touch()
    return path


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, settings_file: Path) -> Iterator[LocalStack]:
    """One stack for the whole session; `door` makes its environment what it was.

    Macros and recorders for tests lie in the folders `macros` and `recorders` beside this
    file. Its logs stay in pytest's temporary folder, under `stack0/log`.
    """
    with LocalStack(
        tmp_path_factory.mktemp("stack"),
        macro_path=_existing("macros"),
        recorder_path=_existing("recorders"),
        # Nobody trims here, and a 2D channel of sar_demo makes 8 MB a point.
        redis_arguments=("--maxmemory", "4gb"),
        # Else a module that starts them has the scans of all modules before it to write.
        writer_arguments=("--first-start", "new"),
        macroserver_variables={"SARDANA_REDIS_CONFIG": str(settings_file)},
    ) as stack:
        _running.append(stack)
        yield stack
        _running.remove(stack)


_running: list[LocalStack] = []


@pytest.fixture(scope="module", autouse=True)
def room_for_the_next_module() -> Iterator[None]:
    """Takes the points of old scans from the stack's Redis: above 90 % the publisher brakes."""
    yield
    for stack in _running:
        if not stack.redis.is_running:
            continue
        with redis.Redis.from_url(stack.redis.url) as client:
            if _trim_large_streams(client):
                _shorten_append_only_file(client)


def _trim_large_streams(client: redis.Redis) -> int:
    """Takes all but the last entry, the seal, of each large stream; returns of how many."""
    trimmed = 0
    for key in client.scan_iter(f"{STREAM_PREFIX}*", count=1000):
        if client.memory_usage(key) > _LARGE_BYTES:
            trimmed += client.xtrim(key, maxlen=1, approximate=False) > 0
    return trimmed


def _shorten_append_only_file(client: redis.Redis) -> None:
    """Takes what was trimmed from Redis' file too: the next start has to read all of it."""

    def is_over() -> bool:
        state = client.info("persistence")
        return not (state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"])

    eventually(is_over, 60, "the end of what Redis began itself")
    client.bgrewriteaof()
    eventually(is_over, 60, "the new append-only file")


@pytest.fixture
def door(stack: LocalStack) -> Iterator[Door]:
    """The first Door, with all parts up and Sardana's environment as after the start."""
    stack.redis.resume()
    stack.redis.start()
    free_the_door(stack)
    stack.reset_environment()
    door = stack.door()
    yield door
    if stack.macroserver.is_running:
        free_the_door(stack)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """An empty Redis for one test."""
    with RedisServer(tmp_path / "redis") as server:
        yield server


def _existing(name: str) -> list[Path]:
    folder = _HERE / name
    return [folder] if folder.is_dir() else []
