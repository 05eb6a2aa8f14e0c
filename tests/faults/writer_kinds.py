"""The faults of the SPEC writer: what is broken, when, and what must hold afterwards."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sardana_redis.keys import progress_key
from tests.faults.check import Checker
from tests.faults.writer_arena import Run, WriterArena

WRITER_KINDS: dict[str, Run] = {}

_KILLS = 10


def kind(letter: str) -> Callable[[Run], Run]:
    """Registers a kind under its letter."""

    def register(function: Run) -> Run:
        WRITER_KINDS[letter] = function
        return function

    return register


@kind("q")
def killed(arena: WriterArena, check: Checker) -> None:
    """The SPEC writer killed with SIGKILL, ten times at any moment, over many scans."""
    with arena.scanning(3 if arena.quick else 8, seconds=2.0):
        for _ in range(3 if arena.quick else _KILLS):
            arena.start()
            time.sleep(arena.rng.uniform(0.02, 0.6))
            arena.kill()
    arena.start()
    arena.wait_written()
    arena.verify(check)


@kind("r")
def redis_restarted(arena: WriterArena, check: Checker) -> None:
    """Redis killed and started again while the SPEC writer follows."""
    arena.start()
    with arena.scanning(3, seconds=2.0):
        for _ in range(2):
            time.sleep(arena.rng.uniform(0.1, 0.8))
            arena.server.kill()
            time.sleep(arena.rng.uniform(0.0, 0.5))
            arena.server.start()
    arena.wait_written()
    arena.verify(check)


@kind("s")
def disk_full(arena: WriterArena, check: Checker) -> None:
    """The SPEC writer's disk full at any byte, and freed later."""
    limit = arena.rng.randint(100, 300_000)
    how = arena.rng.choice([limited_size, small_disk])
    with how(arena, limit) as free:
        with arena.scanning(3, seconds=1.0):
            time.sleep(0.5)
        for path in arena.data.iterdir():
            text = path.read_bytes()
            assert not text or text.endswith(b"\n"), "half a line is in the file"
        time.sleep(arena.rng.uniform(0, 0.5))
        free()
        arena.wait_written()
        arena.verify(check)


@contextmanager
def limited_size(arena: WriterArena, limit: int) -> Iterator[Callable[[], None]]:
    """No file of the writer may be larger than `limit` bytes (EFBIG, in the middle of a write)."""
    arena.start()
    resource.prlimit(arena.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    yield lambda: resource.prlimit(arena.pid, resource.RLIMIT_FSIZE, unlimited)


@contextmanager
def small_disk(arena: WriterArena, limit: int) -> Iterator[Callable[[], None]]:
    """A file system of that size (ENOSPC); where that cannot be had, a limit of the size."""
    size = max(8192, limit)
    options = ("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(arena.data))
    if subprocess.run(["mount", *options], check=False, capture_output=True).returncode:
        with limited_size(arena, limit) as free:
            yield free
        return
    grow = ("mount", "-o", "remount,size=1g", str(arena.data))
    try:
        arena.start()
        yield lambda: subprocess.run(grow, check=True)
    finally:
        arena.kill()
        subprocess.run(["umount", str(arena.data)], check=True)


@kind("t")
def torn(arena: WriterArena, check: Checker) -> None:
    """The last lines of a SPEC file torn at every length, its last scan at some."""
    for _ in range(2):
        arena.scan(points=arena.rng.randint(0, 6), file="a.dat")
    arena.start()
    arena.wait_written()
    arena.terminate()
    path = arena.data / "a.dat"
    whole = path.read_bytes()
    last = arena.keys[-1]
    begin = whole.rindex(b"\n#S ") if b"\n#S " in whole else 0
    last_lines = range(max(begin, len(whole) - 120), len(whole))
    others = range(begin, last_lines.start)
    cuts = [*last_lines, *arena.rng.sample(others, min(len(others), 60))]
    for cut in arena.rng.sample(cuts, 8) if arena.quick else cuts:
        path.write_bytes(whole[:cut])
        arena.forget([last])
        arena.start()
        arena.wait_written()
        arena.terminate()
        assert path.read_bytes() == whole, f"torn at {cut - begin} bytes of its block"
    arena.verify(check)


@kind("u")
def reports_lost(arena: WriterArena, check: Checker) -> None:
    """Redis forgets what the SPEC writer reported, while it is killed and started again."""
    with arena.scanning(4, seconds=1.0):
        for _ in range(3):
            arena.start()
            time.sleep(arena.rng.uniform(0.05, 0.5))
            arena.kill()
            arena.client.delete(progress_key("disturbed"))
    arena.start()
    arena.wait_written()
    arena.verify(check)
