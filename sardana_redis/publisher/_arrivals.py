"""When points came, as the publisher's thread sees it: the scan's thread looks at no clock."""

from __future__ import annotations

__all__ = ["Arrivals"]

_MOST_LOOKS = 256


class Arrivals:
    """What was seen of the number of points of one scan; times are monotonic, in seconds.

    A point came after the last look that did not see it. So `not_before` never tells a time
    that is too late, and one that is too early by the time between two looks at most: while
    many points wait, these are a hundredth of the wait apart.
    """

    def __init__(self, now: float) -> None:
        self._looks = [(0, now)]
        self._spacing = 0.0

    def stay(self, until: float) -> None:
        """Notes that no point came since the last look."""
        points, time = self._looks[-1]
        self._looks[-1] = (points, max(time, until))

    def look(self, points: int, now: float) -> None:
        """Notes how many points had come."""
        if points == self._looks[-1][0]:
            self.stay(now)
        elif now - self._looks[-1][1] >= self._spacing:
            self._looks.append((points, now))
            if len(self._looks) > _MOST_LOOKS:
                self._spacing = 2 * (now - self._looks[0][1]) / len(self._looks)
                del self._looks[1:-1:2]

    def not_before(self, index: int) -> float:
        """The time before which the point had not come; forgets what earlier points needed."""
        while len(self._looks) > 1 and self._looks[1][0] <= index:
            del self._looks[0]
        if len(self._looks) == 1:
            self._spacing = 0.0
        return self._looks[0][1]
