"""One scan and its writers: what the operator is told of them, and whether it may start."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sardana_redis.briefing import (
    Duty,
    RequireWriters,
    ScanFacts,
    duties,
    end_line,
    full_line,
    no_writer_line,
    refusal_line,
    require_writers,
    start_line,
    wrong_require_line,
)
from sardana_redis.model import WriterProgress, WriterScanState
from sardana_redis.publisher import Publisher, Question, ScanFeed
from sardana_redis.store import Survey

__all__ = ["ScanWriters", "wanted"]

_REPORT_SECONDS: Final = 0.8
"""Longest wait for reports: with all else at a scan's end the prompt comes within a second."""

_SIGHT_SECONDS: Final = 1.0
"""Longest wait for a first look at the writers where a scan is not to start without them."""

_SLICE_SECONDS: Final = 0.005

_told: set[str] = set()


def wanted(value: Any) -> tuple[RequireWriters, str | None]:
    """What `RedisRequireWriters` asks for, and a line where it makes no sense, once a value."""
    found = require_writers(value)
    if found is not None:
        return found, None
    is_new = repr(value) not in _told
    _told.add(repr(value))
    return RequireWriters.WARN, wrong_require_line(value) if is_new else None


class ScanWriters:
    """The writers of one scan, as its publisher sees them. Nothing here waits for Redis itself."""

    def __init__(
        self,
        publisher: Publisher,
        scan: ScanFacts,
        mode: RequireWriters,
        *,
        report_seconds: float = _REPORT_SECONDS,
        sight_seconds: float = _SIGHT_SECONDS,
    ) -> None:
        self._publisher = publisher
        self._scan = scan
        self._mode = mode
        self._report_seconds = report_seconds
        self._sight_seconds = sight_seconds

    def refusal(self) -> str | None:
        """Why the scan must not start, as the operator wants it; None where it may.

        Waits for a first look at the writers, 1 s at most, and not while Redis is away.
        """
        if self._mode is not RequireWriters.REFUSE:
            return None
        survey = self._awaited_survey()
        reasons = [self._publisher.away_line()] if survey is None else self._reasons(survey)
        return refusal_line(reasons) if reasons else None

    def brief(self, feed: ScanFeed) -> None:
        """Leaves the line about the writers, now or as soon as they were looked at."""
        if self._mode is RequireWriters.OFF:
            return
        survey = self._publisher.survey
        if survey is None:
            feed.briefing = lambda survey: start_line(self._duties(survey), self._session)
        else:
            feed.tell("writers", start_line(self._duties(survey), self._session))

    def report(self, feed: ScanFeed) -> None:
        """Leaves the line that says what of a delivered scan is safe in which file.

        Waits for it, 0.8 s at most, as long as somebody writes.
        """
        survey = self._publisher.survey
        is_continued = bool(feed.publication.base)
        if self._mode is RequireWriters.OFF or survey is None or is_continued:
            return
        names = tuple(duty.writer for duty in self._duties(survey) if duty.path is not None)
        if not names:
            return
        points = feed.intake.points
        question = self._publisher.ask(names, feed.publication.birth.key, self._report_seconds)
        known = self._await_reports(question)
        if known is not None:
            line = end_line(feed.number, points, *known)
            if line is not None:
                feed.tell("safe", line)

    @property
    def _session(self) -> str:
        return str(self._scan.identity.get("session"))

    def _duties(self, survey: Survey) -> tuple[Duty, ...]:
        return duties(survey, self._scan)

    def _awaited_survey(self) -> Survey | None:
        deadline = time.monotonic() + self._sight_seconds
        while (survey := self._publisher.survey) is None:
            if self._publisher.is_away or time.monotonic() > deadline:
                return None
            time.sleep(_SLICE_SECONDS)
        return None if self._publisher.is_away else survey

    def _reasons(self, survey: Survey) -> list[str]:
        found = self._duties(survey)
        if not found:
            return [no_writer_line(self._session)]
        reasons = [item.sentence for duty in found for item in duty.obstacles if item.keeps_off]
        return [*([full_line()] if survey.is_full else []), *reasons]

    def _await_reports(
        self, question: Question
    ) -> tuple[Sequence[Duty], Mapping[str, WriterProgress]] | None:
        """The duties and the reports of them as they are at last; None where nobody knows."""
        try:
            while True:
                survey, reports = self._publisher.survey, question.reports
                if survey is None or self._publisher.is_away:
                    return None
                found = self._duties(survey)
                is_late = time.monotonic() > question.until
                if reports is not None and (is_late or _is_settled(found, reports)):
                    return found, reports
                if is_late:
                    return None
                time.sleep(_SLICE_SECONDS)
        finally:
            question.is_over = True


def _is_settled(found: Sequence[Duty], reports: Mapping[str, WriterProgress]) -> bool:
    """Whether nothing more is to be expected soon of any writer."""
    for duty in found:
        report = reports.get(duty.writer, WriterProgress(0))
        is_open = report.state is WriterScanState.OPEN and not report.waits
        if is_open and duty.path is not None and not duty.is_kept_off:
            return False
    return True
