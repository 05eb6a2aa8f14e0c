"""Where the sides meet: one Redis, a process for each side, rounds in which they take turns."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Self

import redis
from rich.console import Console

from sardana_redis.keys import SCAN_INDEX, SCAN_PREFIX, STREAM_PREFIX
from sardana_redis.local import RedisServer
from sardana_redis.store import initialise_database
from tests.bench._child import Child, ChildError
from tests.bench._sides import BLISSDATA, NEXUS, SPEC
from tests.bench._workload import Workload

__all__ = ["Arena", "Samples", "middle"]

_HEAVY_COLUMNS = 1000
_HEAVY_SIDES = (BLISSDATA, SPEC, NEXUS)
_QUICK = 0.25
_REDIS = (
    ("--maxmemory", "8gb"),
    # A rewrite of the AOF takes a whole core in the middle of somebody's measurement.
    ("--auto-aof-rewrite-percentage", "0"),
)

Samples = dict[str, list[Any]]
"""What each side measured, one item a round; a side that failed has none."""


class Arena:
    """Starts all parts; leaving it ends them."""

    def __init__(self, console: Console, *, is_quick: bool) -> None:
        self.console = console
        self._is_quick = is_quick
        self._children: dict[str, Child] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        folder = tempfile.TemporaryDirectory(
            prefix="sardana-redis-bench-", ignore_cleanup_errors=True
        )
        self._folder = Path(self._stack.enter_context(folder))
        arguments = [word for option in _REDIS for word in option]
        server = RedisServer(self._folder / "redis", arguments=arguments)
        self.url = self._stack.enter_context(server).url
        initialise_database(self.url)
        self.client = redis.Redis.from_url(self.url)
        self._stack.callback(self.client.close)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.renew()
        finally:
            self._stack.close()

    def seconds(self, full: float) -> float:
        """The length of a run, shorter where only a quick look is wanted."""
        return full * _QUICK if self._is_quick else full

    def child(self, name: str) -> Child:
        """The process of that side, a new one where it broke."""
        child = self._children.get(name)
        if child is None or child.is_broken:
            if child is not None:
                child.stop()
            child = self._children[name] = Child(
                name, self.url, self.folder(name.partition(" ")[0])
            )
        return child

    def renew(self) -> None:
        """Ends all processes of sides, so that each begins afresh."""
        for child in self._children.values():
            child.stop()
        self._children.clear()

    def rounds(
        self,
        sides: Sequence[str],
        workload: Workload,
        run: Callable[[str], Any],
        *,
        rounds: int = 3,
        once: Sequence[str] = (),
    ) -> Samples:
        """What `run` returns for each side in each round; the sides take turns.

        Those named in `once` have a single round, as have at 1000 columns the sides that
        take many seconds to open and close so many.
        """
        if workload.columns >= _HEAVY_COLUMNS:
            once = (*once, *_HEAVY_SIDES)
        samples: Samples = {side: [] for side in sides}
        failed: set[str] = set()
        for number in range(1 if self._is_quick else rounds):
            for side in sides:
                if side in failed or (number > 0 and side in once):
                    continue
                try:
                    samples[side].append(run(side))
                except ChildError as error:
                    failed.add(side)
                    samples[side].clear()
                    self.console.print(f"[red]{side} at {workload.title} is skipped[/]: {error}")
                self.clean()
        return samples

    def clean(self) -> None:
        """Removes all scans from Redis."""
        for pattern in (f"{STREAM_PREFIX}*", f"{SCAN_PREFIX}*"):
            keys = [
                key
                for key in self.client.scan_iter(pattern, count=5000)
                if not key.startswith(SCAN_INDEX.encode())
            ]
            for start in range(0, len(keys), 1000):
                self.client.unlink(*keys[start : start + 1000])

    def folder(self, name: str) -> Path:
        """A new folder, removed at the end."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._folder))

    def tell(self, text: str) -> None:
        """Shows a line of progress."""
        self.console.print(f"  {text}", highlight=False)


def middle(samples: Samples, side: str, value: Callable[[Any], float]) -> float:
    """The median over the rounds of a side; NaN where it has no figure."""
    values = [value(sample) for sample in samples.get(side, ())]
    return median(values) if values else math.nan
