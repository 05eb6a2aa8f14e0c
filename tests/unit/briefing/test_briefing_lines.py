"""The lines about writers: one each, and a warning only where something is wrong."""

from __future__ import annotations

import pytest

from sardana_redis.briefing import (
    Duty,
    Remark,
    duties,
    end_line,
    outcome,
    refusal_line,
    start_line,
)
from sardana_redis.model import WriterProgress, WriterScanState

from ._worlds import record, scan, survey

DONE, OPEN = WriterScanState.DONE, WriterScanState.OPEN
SPEC = Duty("spec", "/d/a.dat")
NEXUS = Duty("nexus", "/d/a.h5")
DOWN = duties(survey(spec=record(silent=60)), scan("/d/a.dat"))[0]


def test_a_start_without_trouble_is_no_warning() -> None:
    line = start_line([NEXUS, SPEC], "s")
    assert line == "This scan goes into /d/a.h5 (nexus) and /d/a.dat (spec)."
    assert isinstance(line, Remark)


def test_three_files_are_listed() -> None:
    line = start_line([NEXUS, SPEC, Duty("c", "/d/c.dat")], "s")
    assert "/d/a.h5 (nexus), /d/a.dat (spec) and /d/c.dat (c)." in line


def test_a_start_with_trouble_is_a_warning_that_names_the_file_all_the_same() -> None:
    line = start_line([DOWN], "s")
    assert line.startswith("This scan goes into /d/a.dat (spec). spec is down for 60 s")
    assert not isinstance(line, Remark)


def test_a_writer_without_a_file_says_why() -> None:
    line = start_line([Duty("nexus", None, "the scan names no file")], "s")
    assert line == "nexus writes no file of it: the scan names no file."
    assert isinstance(line, Remark)


def test_no_writer_at_all_is_a_warning_with_the_session() -> None:
    line = start_line([], "tuesday")
    assert "session tuesday" in line
    assert not isinstance(line, Remark)


def test_an_end_that_is_safe_everywhere_is_no_warning() -> None:
    line = end_line(7, 5, [NEXUS, SPEC], {"nexus": WriterProgress(5, DONE),
                                          "spec": WriterProgress(5, DONE)})  # fmt: skip
    assert line == "Scan #7: all 5 points safe in a.h5 (nexus); all 5 points safe in a.dat (spec)."
    assert isinstance(line, Remark)


def test_an_end_that_is_not_safe_somewhere_is_a_warning() -> None:
    line = end_line(7, 5, [NEXUS, SPEC], {"nexus": WriterProgress(5, DONE)})
    assert line is not None
    assert not isinstance(line, Remark)
    assert "0 of 5 points safe in a.dat (spec), still writing." in line


def test_nobody_writes_and_there_is_no_end_line() -> None:
    assert end_line(7, 5, [Duty("nexus", None, "why")], {}) is None


@pytest.mark.parametrize(
    ("duty", "report", "words"),
    [
        (SPEC, None, "0 of 5 points safe in a.dat (spec), still writing"),
        (SPEC, WriterProgress(3), "3 of 5 points safe in a.dat (spec), still writing"),
        (SPEC, WriterProgress(5), "5 of 5 points safe in a.dat (spec), still writing"),
        (SPEC, WriterProgress(0, waits=True), "which waits for another scan of that file"),
        (SPEC, WriterProgress(5, DONE, lost=2), "3 of 5 points safe in a.dat (spec), the others"),
        (SPEC, WriterProgress(2, WriterScanState.FAILED, reason="gone"), "given up: gone"),
        (SPEC, WriterProgress(2, WriterScanState.FAILED), "given up: see its log"),
        (SPEC, WriterProgress(0, WriterScanState.SKIPPED, reason="no"), "not written into a.dat"),
        (DOWN, WriterProgress(3), "3 of 5 points safe in a.dat (spec), but spec is down for 60 s"),
    ],
)
def test_what_is_not_safe_is_told_with_its_reason(
    duty: Duty, report: WriterProgress | None, words: str
) -> None:
    text, is_done = outcome(5, duty, report)
    assert words in text
    assert not is_done
    assert text[-1] != "."


def test_a_writer_that_went_down_after_its_work_is_done_all_the_same() -> None:
    assert outcome(5, DOWN, WriterProgress(5, DONE)) == ("all 5 points safe in a.dat (spec)", True)


def test_a_refusal_names_the_reasons_and_the_way_out() -> None:
    line = refusal_line(["Because."])
    assert " Because. " in line
    assert line.endswith("senv RedisRequireWriters warn")
