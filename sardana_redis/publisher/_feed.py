"""A scan as its recorder sees it: points in, notices for the operator out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from sardana_redis.model import EndReason, Info, ScanEnd
from sardana_redis.publisher._intake import Intake, Row
from sardana_redis.publisher._lines import bug_line
from sardana_redis.publisher._publication import Publication
from sardana_redis.store import Survey

__all__ = ["ScanFeed", "Verdict"]

Verdict = Callable[[], EndReason | None]
"""Says why the scan is over although nobody ended it, or None while it may go on."""

_WAIT_SLICE_SECONDS = 0.005


class _Host(Protocol):
    """What a feed needs of the publisher that made it."""

    @property
    def is_away(self) -> bool:
        """Whether points have to wait for Redis: it cannot be used, or is nearly full."""

    def waiting_line(self, points: int) -> str:
        """Why so many points of an ended scan wait."""

    def revisit(self, feed: ScanFeed) -> None:
        """Makes the publisher look at the scan at once, also after it was delivered."""


class ScanFeed:
    """One published scan. `put`, `add_custom`, `end` and `wait` belong to the scan's thread.

    `briefing` makes, of the writers as they are, the line that the scan still waits for.
    """

    def __init__(
        self, host: _Host, publication: Publication, *, number: int, door: str, verdict: Verdict
    ) -> None:
        self.publication = publication
        self.intake: Intake = publication.intake
        self.number = number
        self.began = time.monotonic()
        self.door = door
        self.verdict = verdict
        self.owner: int | None = None
        self.notices: deque[str] = deque()
        self.custom: list[dict[str, Any]] = []
        self.scan_end: ScanEnd | None = None
        self.is_delivered = False
        self.is_given_up = False
        self.is_broken = False
        self.delivered_at = 0.0
        self.written_custom = 0
        self.late_points = 0
        self.counted_drops = 0
        self.put: Callable[[Row], None] = self.intake.put
        self.briefing: Callable[[Survey], str] | None = None
        self._host = host
        self._told: set[str] = set()

    @property
    def taken_points(self) -> int:
        """Points that `put` has dealt with, whatever became of them."""
        return self.intake.taken_points + self.late_points

    def add_custom(self, item: dict[str, Any]) -> None:
        """Takes custom data, written when the scan is closed; later ones are added behind it."""
        self.custom.append(item)
        if self.scan_end is not None:
            self._host.revisit(self)

    def end(self, end: ScanEnd) -> None:
        """Ends the scan; a second end changes nothing."""
        if self.scan_end is None:
            self.scan_end = end
        self._host.revisit(self)

    def wait(self, timeout: float) -> bool:
        """Whether the ended scan was delivered within `timeout` seconds.

        Does not wait while Redis is away. Sleeps in short slices, between which an
        asynchronous exception of Sardana can strike.
        """
        deadline = time.monotonic() + timeout
        while not self.is_delivered and not self.is_given_up:
            if self._host.is_away or time.monotonic() > deadline:
                return False
            time.sleep(_WAIT_SLICE_SECONDS)
        return self.is_delivered

    def tell(self, kind: str, text: str) -> None:
        """Leaves one line for the operator; only the first of its kind in a scan."""
        if kind not in self._told:
            self._told.add(kind)
            self.notices.append(text)

    def brief(self, survey: Survey) -> None:
        """Leaves the line about the scan's writers if it still waits for that; by the publisher."""
        briefing, self.briefing = self.briefing, None
        if briefing is not None:
            self.tell("writers", briefing(survey))

    def tell_waiting(self) -> None:
        """Leaves the line that says why points of the ended scan still wait."""
        self.tell("waiting", self._host.waiting_line(self.publication.points_waiting))

    def was_told(self, kind: str) -> bool:
        """Whether a line of that kind was left."""
        return kind in self._told

    def final_info(self, end: ScanEnd) -> Info:
        """The info that the closed scan has, with everything that was dropped or lost named."""
        born = self.publication.birth.info
        if self.is_broken:
            return self._least_info(born, end)
        sardana = {**born.get("sardana", {}), **end.info.get("sardana", {})}
        sardana["custom"] = list(self.custom)
        sardana["points"] = self.publication.points
        shortfalls = self.shortfalls()
        sardana.update(shortfalls)
        if misfits := self.misfits():
            sardana["misfits"] = misfits
        reason = EndReason.FAILURE if shortfalls else end.reason
        positioners = {**born.get("positioners", {}), **end.info.get("positioners", {})}
        return {
            **born,
            **end.info,
            **({"positioners": positioners} if positioners else {}),
            "end_time": end.time.isoformat(),
            "end_reason": str(reason),
            "sardana": sardana,
        }

    def _least_info(self, born: Info, end: ScanEnd) -> Info:
        """What a scan that could not be closed as it should have been is closed with."""
        return {
            **born,
            "end_time": end.time.isoformat(),
            "end_reason": str(EndReason.FAILURE),
            "sardana": {**born.get("sardana", {}), **self.shortfalls()},
        }

    def shortfalls(self) -> dict[str, int]:
        """What of the scan is missing in the store, by name; empty when nothing is."""
        counts = {
            "dropped_points": self.intake.dropped_points,
            "dropped_arrays": self.intake.dropped_arrays,
            "lost_points": self.publication.lost_points + self.late_points,
        }
        return {name: count for name, count in counts.items() if count}

    def misfits(self) -> dict[str, int]:
        """How many values did not fit their stream's declaration, by stream."""
        publication = self.publication
        pairs = zip(publication.birth.streams, publication.encoders, strict=True)
        return {spec.name: encoder.misfits for spec, encoder in pairs if encoder.misfits}

    def abandon(self, end: ScanEnd) -> None:
        """Ends a scan that its recorder did not end; called by the publisher."""
        if self.scan_end is None:
            self.scan_end = end
            self.put = self._count_late

    def discard(self, end: ScanEnd) -> None:
        """Ends a scan that cannot be published on; what is not confirmed is lost."""
        self.is_broken = True
        self.put = self._count_late
        self.scan_end = end
        self.publication.discard_rest()

    def _count_late(self, _row: Row) -> None:
        """Counts a point of a scan that is over for the publisher, and says so once."""
        self.late_points += 1
        self.tell("bug", bug_line("points came after the end"))
