"""What the publisher's thread sees of the writers, and whom it tells."""

from __future__ import annotations

import time

import pytest

from sardana_redis.errors import Outage, StoreUnavailable, StoreUnusable
from sardana_redis.model import WriterProgress
from sardana_redis.publisher import _lookout
from sardana_redis.publisher._lookout import Lookout, Question
from sardana_redis.store import MemoryStore, Survey

SEEN = Survey(now_ms=5)


class Counting(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.connect()
        self.writers = SEEN
        self.looks = 0
        self.error: Exception | None = None

    def survey(self) -> Survey:
        self.looks += 1
        if self.error is not None:
            raise self.error
        return super().survey()


@pytest.fixture
def store() -> Counting:
    return Counting()


@pytest.fixture
def lookout(store: Counting) -> Lookout:
    return Lookout(store)


def test_looks_every_two_seconds(store: Counting, lookout: Lookout) -> None:
    assert lookout.survey is None
    now = time.monotonic()
    for passed in (0.0, 1.0, 1.9, 2.1):
        lookout.turn(now + passed, [])
    assert store.looks == 2
    assert lookout.survey is SEEN
    assert lookout.pause_seconds == 2.0


def test_what_was_seen_long_ago_counts_no_more(
    lookout: Lookout, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookout.turn(time.monotonic(), [])
    later = time.monotonic() + 6.5
    monkeypatch.setattr(_lookout.time, "monotonic", lambda: later)
    assert lookout.survey is None


def test_loses_sight_while_redis_is_away_and_looks_at_once_afterwards(
    store: Counting, lookout: Lookout
) -> None:
    now = time.monotonic()
    lookout.turn(now, [])
    lookout.lose_sight()
    assert lookout.survey is None
    lookout.turn(now + 0.1, [])
    assert lookout.survey is SEEN


def test_answers_until_the_question_is_over(store: Counting, lookout: Lookout) -> None:
    now = time.monotonic()
    question = Question(("spec",), "key", now + 10)
    lookout.asked.append(question)
    assert lookout.pause_seconds < 0.1
    lookout.turn(now, [])
    assert question.reports == {}
    store.progress["spec", "key"] = WriterProgress(3)
    lookout.turn(now + 0.05, [])
    assert question.reports == {"spec": WriterProgress(3)}
    question.is_over = True
    lookout.turn(now + 0.1, [])
    assert lookout.pause_seconds == 2.0


def test_a_question_that_nobody_ends_ends_by_itself(lookout: Lookout) -> None:
    now = time.monotonic()
    lookout.asked.append(Question(("spec",), "key", now + 1))
    lookout.turn(now + 2, [])
    assert lookout.pause_seconds == 2.0


def test_a_redis_that_shows_no_writers_takes_scans_all_the_same(
    store: Counting, lookout: Lookout
) -> None:
    store.error = StoreUnusable("NOPERM")
    now = time.monotonic()
    lookout.turn(now, [])
    lookout.turn(now + 3, [])
    assert store.looks == 1, "it is not asked again"
    assert lookout.survey is None


def test_an_outage_is_the_publishers_own_affair(store: Counting, lookout: Lookout) -> None:
    store.error = StoreUnavailable("gone", Outage.LOST)
    with pytest.raises(StoreUnavailable):
        lookout.turn(time.monotonic(), [])
