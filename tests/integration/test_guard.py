"""The one guard around the recorder's hooks: nothing of ours harms somebody's scan."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from sardana_redis.errors import SettingsError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pint, through taurus


class FakeScan:
    """Stands for a ScanRecorder whose every method raises `error`."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.recorded: list[Any] = []
        self.caught_up: list[Any] = []
        self.failed = 0

    def record(self, record: Any) -> None:
        if self.error is not None:
            raise self.error
        self.recorded.append(record.data)

    def catch_up(self, latest: Any) -> None:
        self.caught_up.append(latest)

    def end(self, environ: Any) -> None:
        if self.error is not None:
            raise self.error

    def fail(self) -> None:
        self.failed += 1


class RecordList(dict[int, Any]):
    """Stands for Sardana's, which holds its records by number."""

    def getEnviron(self) -> dict[str, Any]:  # noqa: N802  # Sardana's name
        return {}


class FakeMacro:
    """Stands for a macro, which can be referred to weakly."""


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the operator reads."""
    from sardana_redis.recorder import redis_bliss_recorder as plugin

    told: list[str] = []
    monkeypatch.setattr(plugin, "warn", lambda _macro, line: told.append(line))
    return told


def recorder(scan: FakeScan | None) -> Any:
    from sardana_redis.recorder.redis_bliss_recorder import RedisBlissRecorder

    macro = FakeMacro()
    made = RedisBlissRecorder("/data/scan.h5", macro=macro)
    made._scan = scan
    made.keep_macro = macro  # the recorder holds it weakly
    return made


def hooks(made: Any) -> list[Any]:
    record = SimpleNamespace(data={"point_nb": 0})
    recordlist = RecordList({0: record})
    return [lambda: made._writeRecord(record), lambda: made._endRecordList(recordlist)]


@pytest.mark.parametrize("hook", [0, 1])
def test_a_bug_costs_one_line_a_traceback_and_no_scan(
    lines: list[str], caplog: pytest.LogCaptureFixture, hook: int
) -> None:
    scan = FakeScan(ZeroDivisionError("a bug of ours"))
    made = recorder(scan)
    with caplog.at_level(logging.ERROR):
        hooks(made)[hook]()
    assert len(lines) == 1
    assert "is off for this scan" in lines[0]
    assert "ZeroDivisionError" in caplog.text
    assert scan.failed == 1, "the scan is closed as FAILURE"
    for again in hooks(made):
        again()
    assert len(lines) == 1, "the recorder stays off"


@pytest.mark.parametrize("hook", [0, 1])
def test_a_stop_of_the_operator_passes(lines: list[str], hook: int) -> None:
    from sardana.macroserver.msexception import AbortException, StopException

    for interrupt in (StopException("stopped"), AbortException("aborted")):
        scan = FakeScan(interrupt)
        made = recorder(scan)
        with pytest.raises(type(interrupt)):
            hooks(made)[hook]()
        assert lines == []
        assert scan.failed == 0
        assert not made.is_off


def test_a_wrong_setting_is_said_as_it_is(lines: list[str]) -> None:
    made = recorder(FakeScan(SettingsError("url: must begin with redis://.")))
    hooks(made)[0]()
    assert lines == ["This scan is not published in Redis: url: must begin with redis://."]


def test_a_recorder_that_did_not_start_takes_nothing(lines: list[str]) -> None:
    made = recorder(None)
    for hook in hooks(made):
        hook()
    made._addCustomData(1, "name")
    assert lines == []


def test_records_go_through_while_nothing_fails(lines: list[str]) -> None:
    scan = FakeScan(None)
    for hook in hooks(recorder(scan)):
        hook()
    assert scan.recorded == [{"point_nb": 0}]
    assert lines == []


def test_the_last_record_is_caught_up_with_at_the_end_also_after_a_second_abort() -> None:
    from sardana.macroserver.msexception import AbortException

    class StruckOnce(FakeScan):
        def catch_up(self, latest: Any) -> None:
            super().catch_up(latest)
            if len(self.caught_up) == 1:
                raise AbortException("again")

    scan = StruckOnce(None)
    made = recorder(scan)
    record, value = SimpleNamespace(data={}), SimpleNamespace(data={}, completed=1)
    with pytest.raises(AbortException):
        made._endRecordList(RecordList({0: record}))
    made._endRecordList(RecordList({0: record, 1: value}))
    made._endRecordList(RecordList())
    assert scan.caught_up == [record, record, None, None]
