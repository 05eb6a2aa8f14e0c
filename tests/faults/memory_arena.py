"""Where memory runs short: a small Redis, the tracker, writers, and scans that are too fast."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import redis
from silx.io.specfile import SpecFile

from sardana_redis.keys import STREAM_PREFIX
from sardana_redis.local import RedisServer
from sardana_redis.model import WriterProgress
from sardana_redis.publisher import Publisher, ScanFeed
from sardana_redis.settings import PublisherSettings
from sardana_redis.spec_writer._key import GAP_LINE
from sardana_redis.store import FollowStore, RedisStore, initialise_database, read_progress
from tests import scans
from tests.faults.arena import eventually
from tests.faults.check import Checker
from tests.faults.second_writer import NAME as SECOND
from tests.faults.second_writer import SecondWriter
from tests.faults.service import Service

MEGABYTE = 2**20
SPEC, NEXUS = "spec", "nexus"

_IMAGE = (128, 128)
_SPECTRUM = 64
_COUNTERS = 6
_TEMPLATES = 50
_WRITTEN_SECONDS = 300.0
_LOST_LINE = re.compile(rb"^#C (\d+) points have no row", re.MULTILINE)
_GAP_LINE = re.compile(rb"^" + re.escape(GAP_LINE) + rb"(\d+) from index (\d+)", re.MULTILINE)

COLUMNS = (
    *scans.scalar_columns(_COUNTERS + 3),
    scans.column("mca", shape=(_SPECTRUM,)),
    scans.column("image", "uint16", _IMAGE),
)
POINT_BYTES = 2 * _IMAGE[0] * _IMAGE[1] + 8 * (_SPECTRUM + _COUNTERS + 3)


@dataclass
class Offer:
    """What the scan's thread offered, and how long it was kept by each point."""

    bytes: int = 0
    points: dict[str, int] = field(default_factory=dict)
    put_seconds: list[float] = field(default_factory=list)


class Gauge(threading.Thread):
    """Watches how full Redis is, as a share of maxmemory; `peak` is the most that was seen.

    What Redis does not count against maxmemory is not in it: `uncounted` is the most of that.
    """

    def __init__(self, url: str) -> None:
        super().__init__(name="gauge", daemon=True)
        self._client = redis.Redis.from_url(url)
        self.over = threading.Event()
        self.peak = self.uncounted = 0.0

    def run(self) -> None:
        """Looks every 10 ms."""
        while not self.over.wait(0.01):
            found = self._client.info("memory")
            uncounted = found["mem_not_counted_for_evict"] / found["maxmemory"]
            self.uncounted = max(self.uncounted, uncounted)
            self.peak = max(self.peak, found["used_memory"] / found["maxmemory"] - uncounted)
        self._client.close()


class MemoryArena:
    """One run: `with` starts Redis, the tracker, the writers and a publisher, and ends them.

    Beside the SPEC writer and a slow reader, the NeXus writer follows where `with_nexus` says so.
    """

    def __init__(
        self,
        folder: Path,
        *,
        megabytes: int = 256,
        second_rate: float,
        with_nexus: bool = False,
        **publisher: Any,
    ) -> None:
        self.folder = folder
        self._with_nexus = with_nexus
        self.limit = megabytes * MEGABYTE
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        self._nexus_data = folder / "nexus"
        self._nexus_data.mkdir()
        arguments = ("--maxmemory", f"{megabytes}mb")
        self.server = RedisServer(folder / "redis", arguments=arguments)
        self.offer = Offer()
        self._second_rate = second_rate
        self._settings = PublisherSettings(**publisher)

    def __enter__(self) -> MemoryArena:
        self.server.start()
        url = self.server.url
        initialise_database(url)
        self.client = redis.Redis.from_url(url)
        self.tracker = Service("memory-tracker", url, self.folder)
        self.spec = Service("spec-writer", url, self.folder, "--writer-name", SPEC)
        self.nexus = Service("nexus-writer", url, self.folder, "--writer-name", NEXUS)
        self.second = SecondWriter(url, self.folder, points_per_second=self._second_rate)
        self.publisher = Publisher(RedisStore(url), self._settings, url=url, macroserver="tests")
        self.gauge = Gauge(url)
        for part in (self.gauge, self.tracker, self.spec, self.second):
            part.start()
        writers = {SPEC, SECOND}
        if self._with_nexus:
            self.nexus.start()
            writers.add(NEXUS)
        eventually(lambda: writers <= self.writers(), 30, "all writers are registered")
        return self

    def __exit__(self, *_: object) -> None:
        self.spec.process.kill()
        self.nexus.process.kill()
        self.second.kill()
        self.publisher.shutdown(0.0)
        self.tracker.process.kill()
        self.gauge.over.set()
        self.gauge.join()
        self.client.close()
        self.server.kill()

    def writers(self) -> set[str]:
        """The names of the registered writers."""
        return {name.decode() for name in self.client.hkeys("sardana_redis:writers")}

    @property
    def refusals(self) -> int:
        """How often Redis answered that it is full."""
        return sum(
            int(found["count"])
            for name, found in self.client.info("errorstats").items()
            if name == "errorstat_OOM"
        )

    @property
    def is_braking(self) -> bool:
        """Whether the publisher holds points back."""
        return self.publisher._worker.delivery.brake.is_full

    def offering(self, total_bytes: int, rate: float, *, scan_bytes: int) -> threading.Thread:
        """Begins to scan in a thread of its own, `rate` bytes a second, until all is offered."""
        thread = threading.Thread(
            target=self._offer, args=(total_bytes, rate, scan_bytes), name="scans"
        )
        thread.start()
        return thread

    def _offer(self, total_bytes: int, rate: float, scan_bytes: int) -> None:
        offer = self.offer
        rows = _rows()
        clock, began = time.perf_counter, time.perf_counter()
        until = offer.bytes + total_bytes
        begun_with = offer.bytes
        while offer.bytes < until:
            feed, key = self._begin(len(offer.points) + 1)
            points = min(scan_bytes, until - offer.bytes) // POINT_BYTES + 1
            for index in range(points):
                ahead = began + (offer.bytes - begun_with) / rate - clock()
                if ahead > 0.002:
                    time.sleep(ahead)
                row = (index, *rows[index % _TEMPLATES])
                before = clock()
                feed.put(row)
                offer.put_seconds.append(clock() - before)
                offer.bytes += POINT_BYTES
                offer.points[key] = index + 1
            scans.end(feed)

    def _begin(self, number: int) -> tuple[ScanFeed, str]:
        stem = "b" if number % 3 == 0 else "a"
        paths = [self.data / f"{stem}.dat"]
        if self._with_nexus:
            paths.append(self._nexus_data / f"{stem}.h5")
        feed = scans.begin(self.publisher, scans.scan_start(number, paths, COLUMNS))
        return feed, feed.publication.birth.key

    def reports(self, writer: str) -> dict[str, WriterProgress]:
        """What a writer has reported."""
        store = FollowStore(self.server.url)
        store.connect()
        try:
            return read_progress(store.link, writer)
        finally:
            store.disconnect()

    def first_points(self) -> dict[str, int]:
        """The first point that Redis has of each scan, by the scan's key."""
        found = {}
        for key in self.offer.points:
            stream = self.client.json().get(key, '$.data_streams["#Pt No"].pk')[0]
            entries = self.client.xrange(f"{STREAM_PREFIX}{stream}", count=1)
            found[key] = int(entries[0][0].split(b"-")[0]) if entries else 0
        return found

    def tracker_losses(self, writer: str) -> list[int]:
        """The points that the tracker's log calls lost."""
        lines = map(json.loads, self.tracker.log.read_text(encoding="utf-8").splitlines())
        return [
            line["points"]
            for line in lines
            if "still needed" in line["event"] and line["writer"] == writer
        ]

    def wait_written(self, writer: str) -> dict[str, WriterProgress]:
        """Returns the writer's reports once it is through with all scans."""

        def is_done() -> bool:
            reports = self.reports(writer)
            return all(k in reports and reports[k].state == "done" for k in self.offer.points)

        eventually(is_done, _WRITTEN_SECONDS, f"all scans written by {writer}")
        return self.reports(writer)

    def rows_in_files(self) -> dict[str, list[int]]:
        """The numbers of the points that the SPEC files hold, by the scan's key."""
        found: dict[str, list[int]] = {}
        for path in sorted(self.data.iterdir()):
            for scan in SpecFile(str(path)):
                header = "".join(scan.scan_header)
                key = next(key for key in self.offer.points if key in header)
                numbers = scan.data[0] if scan.data.size else ()
                found.setdefault(key, []).extend(int(number) for number in numbers)
        return found

    def lost_in_files(self) -> tuple[int, list[tuple[int, int]]]:
        """What the files say is missing: the sum of their `#C` lines, and each gap."""
        text = b"".join(path.read_bytes() for path in sorted(self.data.iterdir()))
        gaps = [(int(length), int(first)) for length, first in _GAP_LINE.findall(text)]
        return sum(map(int, _LOST_LINE.findall(text))), gaps

    def count(self, check: Checker) -> None:
        """Each point that was offered is in the files once."""
        found = self.rows_in_files()
        for key, points in self.offer.points.items():
            check.count(found.get(key, []), list(range(points)))


def _rows() -> Sequence[tuple[Any, ...]]:
    """Values behind the point number; as they are told apart by that, they need not differ."""
    rng = np.random.default_rng(7)
    return [
        (
            *rng.random(_COUNTERS + 2).tolist(),
            rng.random(_SPECTRUM),
            rng.integers(0, 2**16, _IMAGE, dtype=np.uint16),
        )
        for _ in range(_TEMPLATES)
    ]
