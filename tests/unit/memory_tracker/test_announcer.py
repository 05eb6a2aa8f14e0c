"""One line of many steps, and none of what is over in a moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from sardana_redis.memory_tracker._announcer import Announcer
from sardana_redis.memory_tracker._policy import Reason
from sardana_redis.memory_tracker._snapshot import Limits
from sardana_redis.metrics import TrackerMetrics

Lines = list[Any]


class Stage:
    """An announcer, its clock and its metrics."""

    def __init__(self) -> None:
        self.now = 100.0
        self.registry = CollectorRegistry()
        metrics = TrackerMetrics(self.registry)
        self.announcer = Announcer(Limits(), metrics, clock=lambda: self.now)

    def stuck(self, seconds: float, reason: Reason = Reason.NEEDED) -> None:
        for _ in range(round(10 * seconds)):
            self.announcer.stuck(reason, ["spec"])
            self.now += 0.1

    @property
    def failures(self) -> float | None:
        return self.registry.get_sample_value("sardana_redis_memory_reclaim_failures_total")


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def lines() -> Iterator[Lines]:
    with capture_logs() as found:
        yield found


def test_trims_in_quick_succession_are_one_line(stage: Stage, lines: Lines) -> None:
    for _ in range(100):
        stage.announcer.trimmed(Reason.WRITTEN, 3)
        stage.now += 0.1
    assert len(lines) == 2
    labels = {"reason": "written"}
    assert stage.registry.get_sample_value("sardana_redis_memory_reclaims_total", labels) == 100


def test_what_is_over_in_a_moment_is_no_failure(stage: Stage, lines: Lines) -> None:
    for _ in range(20):
        stage.stuck(1.5)
        stage.announcer.trimmed(Reason.WRITTEN, 1)
    assert not [line for line in lines if line["log_level"] == "critical"]
    assert stage.failures == 0


def test_a_standstill_is_told_and_counted(stage: Stage, lines: Lines) -> None:
    stage.stuck(10)
    assert [line["writers"] for line in lines] == [["spec"]]
    assert 7 <= (stage.failures or 0) <= 9
    stage.stuck(30)
    assert len(lines) == 2


def test_another_reason_is_another_line(stage: Stage, lines: Lines) -> None:
    for reason in (Reason.NEEDED, Reason.TOO_RECENT, Reason.NOTHING_LEFT):
        stage.stuck(3, reason)
    assert len({line["event"] for line in lines}) == 3
