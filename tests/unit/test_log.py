"""One format for all lines in our processes; none of our making in somebody else's."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime
from typing import Any

import pytest
import structlog

from sardana_redis import log

Captured = pytest.CaptureFixture[str]


def lines(capsys: Captured) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_lines_are_json_where_nobody_reads_them_on_a_terminal(capsys: Captured) -> None:
    log.configure()
    log.get_logger("ours").info("scan closed", points=3)
    (line,) = lines(capsys)
    assert line["event"] == "scan closed"
    assert line["points"] == 3
    assert line["level"] == "info"
    assert line["logger"] == "ours"
    assert datetime.fromisoformat(line["timestamp"])


def test_a_terminal_gets_lines_for_people(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    log.configure()
    log.get_logger("ours").info("scan closed", points=3)
    shown = capsys.readouterr().err
    assert "scan closed" in shown
    assert not shown.startswith("{")


def test_json_can_be_asked_for(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    log.configure(json=True)
    log.get_logger("ours").info("scan closed")
    assert lines(capsys)[0]["event"] == "scan closed"


def test_other_libraries_loggers_write_the_same_format(capsys: Captured) -> None:
    log.configure()
    log.get_logger("ours").warning("ours")
    logging.getLogger("redis.connection").warning("theirs: %s of %d", "one", 2)
    ours, theirs = lines(capsys)
    assert theirs["event"] == "theirs: one of 2"
    assert theirs["logger"] == "redis.connection"
    assert theirs.keys() == ours.keys()


def test_a_traceback_is_one_line_of_json(capsys: Captured) -> None:
    log.configure()
    try:
        raise ValueError("boom")
    except ValueError:
        log.get_logger("ours").exception("cycle failed")
        logging.getLogger("theirs").exception("cycle failed")
    for line in lines(capsys):
        assert "ValueError: boom" in line["exception"]


def test_what_is_bound_is_in_every_line(capsys: Captured) -> None:
    log.configure()
    structlog.contextvars.bind_contextvars(scan="esrf:scan:1")
    log.get_logger("ours").bind(writer="spec").info("began")
    logging.getLogger("theirs").warning("began")
    ours, theirs = lines(capsys)
    assert (ours["scan"], ours["writer"]) == ("esrf:scan:1", "spec")
    assert theirs["scan"] == "esrf:scan:1"


def test_less_severe_messages_than_the_level_are_left_out(capsys: Captured) -> None:
    log.configure("warning")
    for logger in (log.get_logger("ours"), logging.getLogger("theirs")):
        logger.info("no")
        logger.warning("yes")
    assert [line["event"] for line in lines(capsys)] == ["yes", "yes"]


def test_configuring_twice_writes_each_line_once(capsys: Captured) -> None:
    log.configure()
    log.configure()
    log.get_logger("ours").info("once")
    assert len(lines(capsys)) == 1


def test_values_that_json_does_not_know_are_written_all_the_same(capsys: Captured) -> None:
    log.configure()
    log.get_logger("ours").info("odd", value={1, 2}, thing=object)
    assert lines(capsys)[0]["event"] == "odd"


def test_a_guest_configures_and_prints_nothing(capsys: Captured) -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.getLogger("guest").handlers[:])
    log.guest_logger("guest").warning("Redis is away", url="redis://x")
    assert (root.handlers[:], root.level, logging.getLogger("guest").handlers[:]) == before
    assert not structlog.is_configured()
    assert capsys.readouterr() == ("", "")


def test_a_guest_writes_through_the_loggers_that_it_finds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log.guest_logger("guest").warning("Redis is away", url="redis://x", share="100%s")
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("guest", "WARNING")
    assert record.getMessage() == "event='Redis is away' url='redis://x' share='100%s'"


def test_a_guest_keeps_to_the_level_of_its_host(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("ERROR", "guest")
    log.guest_logger("guest").warning("too little")
    log.guest_logger("guest").error("enough")
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_guest_does_not_depend_on_what_its_host_made_of_structlog(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("the host's processor was used")

    structlog.configure(processors=[refuse])
    log.guest_logger("guest").warning("Redis is away")
    assert "Redis is away" in caplog.text


def test_a_guest_logs_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("boom")
    except ValueError:
        log.guest_logger("guest").exception("recorder failed")
    assert caplog.records[0].levelname == "ERROR"
    assert "ValueError: boom" in caplog.text
