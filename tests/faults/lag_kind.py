"""The lag that the tracker shows against the truth, with the real SPEC writer held up."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from itertools import pairwise
from pathlib import Path

from sardana_redis.local import RedisServer
from sardana_redis.store import FollowStore, initialise_database, read_progress
from tests import scans
from tests.faults.arena import eventually
from tests.faults.check import Checker
from tests.faults.patience import Patience
from tests.faults.service import Service

_RATE = 100.0
_SHARE = 0.1
_SECONDS = 0.2
_NAME = "spec"
_LOOK_SECONDS = 0.02
_RECENT_LOOKS = 20
"""Two a comparison: of the last 0.2 s."""


class Truth:
    """A scan of which it is known when each point was published, and what is in the file.

    A point becomes safe after it was written and before it is reported as safe: so the true
    lag lies between the ages of the oldest point that is not written, and not reported.
    """

    def __init__(self, url: str, file: Path) -> None:
        self.published: list[float] = []
        self.over = threading.Event()
        self._file = file
        self._offset = self._rows = 0
        self._store = FollowStore(url)
        self._store.connect()
        self._own = scans.publisher(url)
        start = scans.scan_start(1, [file], scans.scalar_columns(5))
        self._feed = scans.begin(self._own.__enter__(), start)
        self.key = self._feed.publication.birth.key
        self._thread = threading.Thread(target=self._publish, name="scan")
        self._thread.start()

    def end(self) -> None:
        """Ends the scan."""
        self.over.set()
        self._thread.join()
        scans.end(self._feed)
        self._own.__exit__(None, None, None)
        self._store.disconnect()

    def bounds(self) -> tuple[float, float]:
        """The least and the most that the lag can be now, in seconds."""
        report = read_progress(self._store.link, _NAME).get(self.key)
        reported = report.points if report else 0
        return self._age(self._rows_written()), self._age(reported)

    def _age(self, points: int) -> float:
        unwritten = self.published[points : points + 1]
        return time.time() - unwritten[0] if unwritten else 0.0

    def _rows_written(self) -> int:
        if self._file.exists():
            with self._file.open("rb") as file:
                file.seek(self._offset)
                text = file.read()
            whole = text[: text.rfind(b"\n") + 1]
            self._offset += len(whole)
            self._rows += sum(line[:1].isdigit() for line in whole.splitlines())
        return self._rows

    def _publish(self) -> None:
        while not self.over.wait(1 / _RATE):
            index = len(self.published)
            self._feed.put((index, *[index / 7] * 4))
            self.published.append(time.time())


class Bench:
    """The tracker, the SPEC writer and the truth, and how far they were apart at most."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.url = url
        self.tracker = self.new_tracker()
        self.spec = self.new_writer()
        self.truth = Truth(url, folder / "a.dat")
        self.worst = 0.0
        self.patience = Patience()

    def new_tracker(self) -> Service:
        """A tracker that runs."""
        made = Service("memory-tracker", self.url, self.folder)
        made.start()
        return made

    def new_writer(self) -> Service:
        """A SPEC writer that runs."""
        made = Service("spec-writer", self.url, self.folder, "--writer-name", _NAME)
        made.start()
        return made

    def wait_until_written(self) -> None:
        """Waits until the writer has caught up."""
        eventually(lambda: self.truth.bounds()[1] < 1.0, 15, "the writer catches up")

    def compare(self, seconds: float) -> float:
        """Compares what is shown with the truth for a while; returns what was shown last.

        What was shown last is true: it goes on until then.
        """
        deadline = time.monotonic() + seconds
        recent: deque[tuple[float, float]] = deque(maxlen=_RECENT_LOOKS)
        while True:
            recent.append(self.truth.bounds())
            seen = self.tracker.value("writer_lag_seconds", writer=_NAME)
            recent.append(self.truth.bounds())
            # A report makes the truth fall at once; the tracker looks every 0.1 s.
            low, high = min(one for one, _ in recent), max(most for _, most in recent)
            allowed = max(_SECONDS, _SHARE * high)
            wrong = max(low - seen, seen - high)
            self.worst = max(self.worst, wrong)
            is_right = wrong <= allowed  # never for NaN
            self.patience.look(
                None if is_right else f"shows {seen:.2f} s, true are {low:.2f} to {high:.2f} s"
            )
            if is_right and time.monotonic() >= deadline:
                return seen
            time.sleep(_LOOK_SECONDS)


def lag_is_true(folder: Path, rng: random.Random, check: Checker, quick: bool) -> None:
    """The SPEC writer held up for up to a minute: the lag shown is true, up, down, restarted."""
    folder.mkdir(exist_ok=True)
    with RedisServer(folder / "redis") as server:
        initialise_database(server.url)
        bench = Bench(server.url, folder)
        try:
            eventually(lambda: bench.truth.bounds()[1] < _SECONDS and bench.truth.key in
                       read_keys(server.url), 20, "the writer writes")  # fmt: skip
            held = [hold(bench, delay) for delay in delays(rng, quick=quick)]
            restarts(bench, 1.0 if quick else 5.0)
            bench.patience.judge()
        finally:
            bench.truth.end()
            bench.spec.process.kill()
            bench.tracker.process.kill()
        shown = ", ".join(f"{delay:.1f} s: {seen:.2f}" for delay, seen in held)
        print(f"  held up for and shown: {shown}; wrong by {bench.worst:.2f} s at most")
        check.tally.scans += 1
        check.tally.points += len(bench.truth.published)
        assert all(later[1] > earlier[1] for earlier, later in pairwise(held))


def delays(rng: random.Random, *, quick: bool) -> list[float]:
    """How long the writer is held up: from 0.2 to 60 s, with others in between."""
    if quick:
        return [0.3, rng.uniform(2.5, 3.5)]
    return [0.2, rng.uniform(2, 3), rng.uniform(5, 7), rng.uniform(15, 25), 60]


def read_keys(url: str) -> set[str]:
    """The scans of which the writer has reported."""
    store = FollowStore(url)
    store.connect()
    try:
        return set(read_progress(store.link, _NAME))
    finally:
        store.disconnect()


def hold(bench: Bench, delay: float) -> tuple[float, float]:
    """Holds the writer up for so long; returns that and what was shown at the end of it."""
    bench.spec.process.pause()
    shown = bench.compare(delay)
    bench.spec.process.resume()
    bench.compare(1.0)
    bench.wait_until_written()
    return delay, shown


def restarts(bench: Bench, seconds: float) -> None:
    """The tracker starts again while the writer is held up, the writer while nobody writes."""
    bench.spec.process.pause()
    bench.tracker.process.kill()
    bench.tracker = bench.new_tracker()
    bench.compare(seconds)
    bench.spec.process.kill()
    bench.compare(seconds)
    bench.spec = bench.new_writer()
    bench.compare(1.0)
    bench.wait_until_written()
