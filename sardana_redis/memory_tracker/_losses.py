"""What was trimmed although a registered writer still needed it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from sardana_redis.memory_tracker._snapshot import Positions
from sardana_redis.model import WriterProgress, WriterScanState

__all__ = ["Losses"]


class Losses:
    """Counts lost points once, and only after the writers could say what they had written.

    While Redis is full no writer can report: what was written meanwhile is not lost.
    """

    def __init__(self) -> None:
        self._cuts: dict[str, int] = {}
        self._counted: dict[tuple[str, str], int] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether something was cut that is not settled."""
        return bool(self._cuts)

    def note(self, cuts: Mapping[str, int]) -> None:
        """Takes how far each scan was cut."""
        for key, up_to in cuts.items():
            self._cuts[key] = max(up_to, self._cuts.get(key, 0))

    def settle(self, positions: Positions) -> dict[tuple[str, str], int]:
        """The points that are lost, by writer and scan; those counted before are not in it."""
        lost = {}
        for writer, done in positions.items():
            for key, up_to in self._cuts.items():
                progress = done.get(key, WriterProgress(0))
                if progress.state is not WriterScanState.OPEN:
                    continue
                counted = max(progress.points, self._counted.get((writer, key), 0))
                if up_to > counted:
                    lost[writer, key] = up_to - counted
                    self._counted[writer, key] = up_to
        self._cuts.clear()
        return lost

    def forget(self, scan_key: str) -> None:
        """Drops what is known of a scan that is gone."""
        self._cuts.pop(scan_key, None)
        for pair in [pair for pair in self._counted if pair[1] == scan_key]:
            del self._counted[pair]
