"""What must be equal after a fault, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from sardana_redis.local import differences
from sardana_redis.local.capture import Capture
from sardana_redis.store import ReadScan
from tests.faults.follower import Follower


@dataclass
class Tally:
    """The last line of a run of faults."""

    faults: int = 0
    scans: int = 0
    points: int = 0
    lost: int = 0
    doubled: int = 0
    broken: int = 0

    def __str__(self) -> str:
        return (
            f"faults={self.faults} scans={self.scans} points={self.points} "
            f"lost={self.lost} doubled={self.doubled} broken={self.broken}"
        )

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled or broken, and something was tried."""
        return self.faults > 0 and not (self.lost or self.doubled or self.broken)


class Checker:
    """Compares what was published with what was captured, and keeps the tally."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally

    def equal(self, scan: ReadScan, capture: Capture, reason: str = "SUCCESS") -> None:
        """The published scan is the captured one, value by value, sealed, CLOSED."""
        self.count(numbers(scan), [record["point_nb"] for record in capture.records])
        found = differences(capture, scan.streams)
        assert not found, found
        self.ended(scan, reason)

    def prefix(self, scan: ReadScan, capture: Capture, announced: int) -> None:
        """The published scan is the captured one but for `announced` points that are missing."""
        got = numbers(scan)
        recorded = [record["point_nb"] for record in capture.records]
        assert got == recorded[: len(got)], "a gap"
        assert len(recorded) - len(got) == announced, f"{len(recorded) - len(got)} are missing"
        self.count(got, recorded[: len(got)])

    def ended(self, scan: ReadScan, reason: str) -> None:
        """All streams are sealed at the same length, and the end reason is right."""
        assert scan.state == "CLOSED"
        assert {len(stream.points) for stream in scan.streams.values()} == {len(numbers(scan))}
        assert scan.info["end_reason"] == reason, scan.info["end_reason"]

    def count(self, published: list[int], recorded: list[int]) -> None:
        """Counts lost and doubled points by their numbers."""
        often = Counter(published)
        lost = sum(1 for point in recorded if often[point] == 0)
        doubled = sum(count - 1 for count in often.values() if count > 1)
        self.tally.points += len(recorded)
        self.tally.lost += lost
        self.tally.doubled += doubled
        assert not lost, f"{lost} points lost"
        assert not doubled, f"{doubled} points doubled"

    @staticmethod
    def followed(follower: Follower, scan: ReadScan) -> None:
        """The follower saw each point of the scan once, in order, to the end."""
        assert follower.stop(), "the follower never came to the end of all streams"
        assert follower.key == scan.key
        for name, stream in scan.streams.items():
            seen = follower.seen[name]
            assert len(seen) == len(stream.points), (
                f"the follower saw {len(seen)} of {len(stream.points)} points of {name}"
            )
            assert all(map(_same, seen, stream.points)), f"other values of {name}"


def numbers(scan: ReadScan) -> list[int]:
    """The point numbers of a published scan."""
    return [int(value) for value in scan.streams["#Pt No"].points]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray | np.generic):
        return bool(np.array_equal(one, other, equal_nan=np.asarray(one).dtype.kind == "f"))
    return bool(one == other)
