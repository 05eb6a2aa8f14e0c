"""Where a fault happens: Redis behind the proxy, a MacroServer that scans, a follower."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
import tango
import yaml

from sardana_redis.errors import ControlSystemError, StoreUnavailable, StoreUnusable
from sardana_redis.local import Door, LocalStack, MacroRun, RedisServer
from sardana_redis.local.capture import Capture, captures
from sardana_redis.store import ReadScan, RedisStore, list_scans, read_scan
from tests.faults.follower import Follower
from tests.faults.proxy import Proxy

PROMPT_SECONDS = 11.0
"""A scan's prompt may come this much later than without us: `flush_timeout` and a second."""

_RATE = 500.0


def eventually(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Waits for the condition; AssertionError, saying `what`, when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


def free_the_door(stack: LocalStack) -> None:
    """Starts MacroServer, again if it hangs in an abort, as Sardana 3.7.1 does now and then.

    Its executor then waits for ever in `_waitAbortDone`, and the Door may not even answer.
    """
    stack.macroserver.start()
    try:
        hangs = stack.door().state == "RUNNING"
    except (tango.DevFailed, ControlSystemError):
        hangs = True
    if hangs:
        stack.macroserver.kill()
        stack.macroserver.start()


@dataclass
class Arena:
    """One fault run. `rng` is seeded by the run; `folder` is empty and its own."""

    stack: LocalStack
    rng: random.Random
    folder: Path
    settings_file: Path
    quick: bool = False
    scans: int = 0
    points: int = 0
    _cleanup: list[Callable[[], Any]] = field(default_factory=list)

    def __enter__(self) -> Arena:
        self.server = RedisServer(self.folder / "redis")
        self.server.start()
        self._cleanup.append(self._end_server)
        RedisStore(self.server.url).connect()
        self.proxy = Proxy(self.server.port)
        self._cleanup.append(self.proxy.close)
        self.captures = self.folder / "captures"
        self.captures.mkdir()
        free_the_door(self.stack)
        self.stack.reset_environment()
        self.door: Door = self.stack.door()
        self._cleanup.append(self._end_scan)
        self.door.set_environment("RedisURL", self.proxy.url)
        self.door.set_environment("CaptureDir", str(self.captures))
        self.door.set_environment("ScanRecorder", ["RedisBlissRecorder"])
        self.door.set_environment("DataRecorder", ["CaptureRecorder"])
        return self

    def __exit__(self, *_: object) -> None:
        while self._cleanup:
            self._cleanup.pop()()

    @property
    def client(self) -> redis.Redis:
        """A client of Redis itself, past the proxy."""
        return redis.Redis.from_url(self.server.url)

    def follow(self) -> Follower:
        """A blissdata reader of the next scan."""
        follower = Follower(self.server.url)
        self._cleanup.append(lambda: follower.stop(0.0))
        return follower

    def start_scan(self, points: int = 500) -> None:
        """Starts a scan of so many points, 500 of them a second."""
        self.scans += 1
        self._expected_seconds = points / _RATE
        self._started = time.monotonic()
        self.door.start("synthetic_scan", str(points), str(_RATE))

    def sleep_into_scan(self, longest: float = 0.9) -> None:
        """Lets a random part of a second pass: the moment of the fault."""
        time.sleep(self.rng.uniform(0.1, longest))

    def configure(self, settings: dict[str, Any]) -> None:
        """Gives MacroServer's recorder these settings for the scans that follow."""
        self.settings_file.write_text(yaml.safe_dump(settings))
        self._cleanup.append(lambda: self.settings_file.write_text(""))

    def prompt(self, *, state: str = "ON", seconds: float = 60.0, most_lines: int = 1) -> MacroRun:
        """The run of the scan once its prompt is back: in time, with at most one line of ours."""
        run = self.door.wait(timeout=seconds)
        late = time.monotonic() - self._started - 4 * self._expected_seconds
        assert late < PROMPT_SECONDS, f"the prompt came {late:.1f} s late"
        assert run.state == state, run.text()
        lines = self.lines(run)
        assert len(lines) <= most_lines, f"more than {most_lines} line: {lines}"
        return run

    @staticmethod
    def lines(run: MacroRun) -> list[str]:
        """What the operator read about Redis."""
        return [text for level, text in run.lines if level == "warning" and "Redis" in text]

    def capture(self, index: int = -1) -> Capture:
        """What the second recorder captured of a scan."""
        return captures(self.captures)[index]

    def keys_of(self, capture: Capture) -> list[str]:
        """The keys of the scans that were published under the number of that one."""
        title = capture.start["title"]
        try:
            found = list_scans(self.server.url, limit=1000)
        except (StoreUnusable, StoreUnavailable):  # it came back empty, or is still loading
            return []
        return [
            scan.key
            for scan in reversed(found)
            if scan.number == capture.number and scan.title == title
        ]

    def wait_until_published(self) -> None:
        """Waits until a scan is in Redis; its capture, which begins as late, may be half there."""

        def is_published() -> bool:
            return any(found.start and self.keys_of(found) for found in captures(self.captures))

        eventually(is_published, 20, "the scan is in Redis")

    def published(self, capture: Capture, seconds: float = 30.0) -> ReadScan:
        """The one scan that was published for the captured one, once it is CLOSED."""
        eventually(lambda: bool(self.keys_of(capture)), seconds, "the scan is in Redis")
        keys = self.keys_of(capture)
        assert len(keys) == 1, f"published {len(keys)} times"
        return read_scan(self.server.url, keys[0], seconds=seconds)

    def _end_scan(self) -> None:
        """Makes the Door free for the next run, also when this one broke."""
        if self.stack.macroserver.is_running:
            free_the_door(self.stack)

    def _end_server(self) -> None:
        if self.server.is_running:
            self.server.resume()
        self.server.kill()
