"""What the publisher's thread sees of the writers, for scans that ask about them.

Hooks read what was seen, leave questions and look at their answers: no lock, no I/O of theirs.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sardana_redis.errors import StoreUnusable
from sardana_redis.log import guest_logger
from sardana_redis.model import WriterProgress
from sardana_redis.publisher._feed import ScanFeed
from sardana_redis.store import PublishStore, Survey

__all__ = ["Lookout", "Question"]

_PERIOD_SECONDS: Final = 2.0
_BELIEVED_SECONDS: Final = 6.0
_ANSWER_SECONDS: Final = 0.03

_log = guest_logger(__name__)


@dataclass(slots=True)
class Question:
    """How far these writers are with a scan; `reports` come anew until `until`, or it is over.

    None of them: nobody has looked yet. Whoever asked sets `is_over`.
    """

    writers: tuple[str, ...]
    scan_key: str
    until: float
    is_over: bool = False
    reports: Mapping[str, WriterProgress] | None = field(default=None)


class Lookout:
    """Looks at the writers every 2 s, and at their reports while somebody asks.

    The publisher's thread calls `turn` and `lose_sight`; others append to `asked` and read.
    """

    def __init__(self, store: PublishStore) -> None:
        self._store = store
        self._seen: tuple[Survey, float] | None = None
        self._due_at = 0.0
        self._can_look = True
        self._open: tuple[Question, ...] = ()
        self.asked: list[Question] = []

    @property
    def survey(self) -> Survey | None:
        """The writers as they were seen at most 6 s ago; None where nobody knows."""
        seen = self._seen
        if seen is None or time.monotonic() - seen[1] > _BELIEVED_SECONDS:
            return None
        return seen[0]

    @property
    def pause_seconds(self) -> float:
        """How long nothing has to be looked at."""
        return _ANSWER_SECONDS if self._open or self.asked else _PERIOD_SECONDS

    def lose_sight(self) -> None:
        """Notes that Redis is away: what was seen counts no more."""
        self._seen = None
        self._due_at = 0.0
        self._can_look = True

    def turn(self, now: float, feeds: Iterable[ScanFeed]) -> None:
        """Looks at what is due, answers, and leaves the scans the lines that they wait for."""
        while self.asked:
            self._open = (*self._open, self.asked.pop(0))
        self._open = tuple(q for q in self._open if not q.is_over and now < q.until)
        if not self._can_look:
            return
        try:
            if self._open or now >= self._due_at:
                self._due_at = now + _PERIOD_SECONDS
                self._seen = self._store.survey(), time.monotonic()
            for question in self._open:
                question.reports = self._store.reports(question.writers, question.scan_key)
        except StoreUnusable as error:  # scans are published all the same
            self._can_look = False
            _log.warning("writers cannot be looked at", reason=str(error))
        if (survey := self.survey) is not None:
            for feed in feeds:
                feed.brief(survey)
