"""A scan and its writers: lines left, waits bounded, scans forbidden."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from sardana_redis.briefing import RequireWriters
from sardana_redis.model import WriterProgress, WriterScanState
from sardana_redis.publisher import Question
from sardana_redis.recorder._writers import ScanWriters, wanted
from sardana_redis.store import Survey
from tests.unit.briefing._worlds import record, scan, survey

WELL = survey(spec=record())
DONE = WriterProgress(5, WriterScanState.DONE)


@dataclass
class Publisher:
    """What a scan's thread sees of a publisher."""

    survey: Survey | None = WELL
    is_away: bool = False
    reports: Any = None
    asked: list[Question] = field(default_factory=list)

    def away_line(self) -> str:
        return "Redis is away."

    def ask(self, writers: tuple[str, ...], scan_key: str, seconds: float) -> Question:
        question = Question(writers, scan_key, time.monotonic() + seconds, reports=self.reports)
        self.asked.append(question)
        return question


class Feed:
    """What a scan's thread sees of its feed."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.briefing: Any = None
        self.number = 7
        self.intake = SimpleNamespace(points=5)
        self.publication = SimpleNamespace(base=0, birth=SimpleNamespace(key="key"))

    def tell(self, _kind: str, line: str) -> None:
        self.told.append(line)


def writers(
    publisher: Publisher,
    mode: RequireWriters = RequireWriters.WARN,
    *,
    report_seconds: float = 0.1,
) -> ScanWriters:
    return ScanWriters(
        publisher, scan("/d/a.dat"), mode, report_seconds=report_seconds, sight_seconds=0.1
    )


def report(
    publisher: Publisher,
    mode: RequireWriters = RequireWriters.WARN,
    *,
    seconds: float = 2.0,
) -> list[str]:
    """What is told at the end, where reports are waited for that long."""
    feed = Feed()
    writers(publisher, mode, report_seconds=seconds).report(feed)
    assert all(question.is_over for question in publisher.asked)
    return feed.told


def test_the_start_is_told_at_once_where_the_writers_were_seen() -> None:
    feed = Feed()
    writers(Publisher()).brief(feed)
    assert feed.told == ["This scan goes into /d/a.dat (spec)."]


def test_the_start_is_told_later_where_nobody_has_looked_yet() -> None:
    feed = Feed()
    writers(Publisher(survey=None)).brief(feed)
    assert feed.told == []
    assert feed.briefing(WELL) == "This scan goes into /d/a.dat (spec)."


def test_off_tells_and_asks_nothing() -> None:
    publisher, feed = Publisher(), Feed()
    writers(publisher, RequireWriters.OFF).brief(feed)
    assert (feed.told, feed.briefing) == ([], None)
    assert report(publisher, RequireWriters.OFF) == []
    assert publisher.asked == []


def test_the_end_is_told_as_soon_as_it_is_known() -> None:
    began = time.monotonic()
    assert report(Publisher(reports={"spec": DONE})) == [
        "Scan #7: all 5 points safe in a.dat (spec)."
    ]
    assert time.monotonic() - began < 1.5


def test_the_end_is_told_after_its_time_if_the_writer_still_writes() -> None:
    began = time.monotonic()
    (line,) = report(Publisher(reports={"spec": WriterProgress(2)}), seconds=0.1)
    assert "2 of 5 points safe in a.dat (spec), still writing" in line
    assert 0.09 < time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("world", "reports"),
    [
        (survey(spec=record(silent=60)), {}),
        (WELL, {"spec": WriterProgress(0, waits=True)}),
    ],
)
def test_nobody_is_waited_for_who_cannot_write_now(world: Survey, reports: Any) -> None:
    began = time.monotonic()
    assert len(report(Publisher(survey=world, reports=reports))) == 1
    assert time.monotonic() - began < 1.5


def test_without_an_answer_there_is_no_line() -> None:
    assert report(Publisher(reports=None), seconds=0.1) == []


@pytest.mark.parametrize("facts", [{"is_away": True}, {"survey": None}])
def test_redis_that_is_away_is_not_waited_for(facts: dict[str, Any]) -> None:
    began = time.monotonic()
    assert report(Publisher(reports={}, **facts)) == []
    assert time.monotonic() - began < 1.5


def test_a_scan_that_was_continued_has_no_end_line() -> None:
    feed = Feed()
    feed.publication.base = 3
    writers(Publisher(reports={"spec": DONE})).report(feed)
    assert feed.told == []


@pytest.mark.parametrize("mode", [RequireWriters.OFF, RequireWriters.WARN])
def test_only_refuse_forbids_a_scan(mode: RequireWriters) -> None:
    assert writers(Publisher(survey=survey(), is_away=True), mode).refusal() is None


@pytest.mark.parametrize(
    ("publisher", "reason"),
    [
        (Publisher(survey=survey()), "No writer for the session s"),
        (Publisher(survey=survey(spec=record(silent=60))), "spec is down"),
        (Publisher(survey=survey(spec=record(), is_full=True)), "no memory left"),
        (Publisher(survey=None), "Redis is away."),
        (Publisher(is_away=True), "Redis is away."),
    ],
)
def test_refuse_forbids_a_scan_that_would_not_be_written(publisher: Publisher, reason: str) -> None:
    line = writers(publisher, RequireWriters.REFUSE).refusal()
    assert line is not None
    assert reason in line


def test_refuse_lets_a_scan_start_that_will_be_written_later_than_usual() -> None:
    world = survey(spec=record(parked=1, lag_seconds=60.0))
    assert writers(Publisher(survey=world), RequireWriters.REFUSE).refusal() is None


def test_a_wrong_value_is_told_once() -> None:
    value = object()
    assert wanted(value)[0] is RequireWriters.WARN
    assert wanted(value)[1] is None
    assert wanted("refuse") == (RequireWriters.REFUSE, None)
