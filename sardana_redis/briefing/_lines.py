"""The lines about writers. One line says which file, who writes it, and what to do.

They are quoted in docs/operator-guide.md, and tests/unit/test_docs.py compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from sardana_redis.briefing._duties import Duty
from sardana_redis.model import WriterProgress, WriterScanState

__all__ = [
    "Remark",
    "end_line",
    "full_line",
    "no_writer_line",
    "outcome",
    "refusal_line",
    "start_line",
]


class Remark(str):
    """A line that is no warning."""

    __slots__ = ()


def start_line(duties: Sequence[Duty], session: str) -> str:
    """Says which writer writes which file of the scan, and what stands in its way."""
    if not duties:
        return no_writer_line(session)
    files = [f"{duty.path} ({duty.writer})" for duty in duties if duty.path is not None]
    sentences = [f"This scan goes into {_listed(files)}."] if files else []
    sentences += [
        f"{duty.writer} writes no file of it: {duty.reason}."
        for duty in duties
        if duty.path is None
    ]
    obstacles = [obstacle.sentence for duty in duties for obstacle in duty.obstacles]
    line = " ".join([*sentences, *obstacles])
    return line if obstacles else Remark(line)


def no_writer_line(session: str) -> str:
    """Says that none of our writers puts scans of this session into files."""
    return (
        f"No writer for the session {session} is registered in this Redis: start one. If others "
        "write the files: senv RedisRequireWriters off."
    )


def full_line() -> str:
    """Says that Redis cannot take points, to somebody who needs it now."""
    return "Redis has no memory left: is the memory tracker running?"


def end_line(
    number: int, points: int, duties: Sequence[Duty], reports: Mapping[str, WriterProgress]
) -> str | None:
    """Says how many points of an ended scan are safe in which file; None where there is none."""
    writing = [duty for duty in duties if duty.path is not None]
    if not writing:
        return None
    parts = [outcome(points, duty, reports.get(duty.writer)) for duty in writing]
    line = f"Scan #{number}: {'; '.join(part for part, _ in parts)}."
    return Remark(line) if all(is_done for _, is_done in parts) else line


def outcome(
    points: int, duty: Duty, report: WriterProgress | None, *, place: str | None = None
) -> tuple[str, bool]:
    """How far a writer is with a scan of so many points, and whether all of it is safe.

    `place` is what the file is called; by default its name without its folder.
    """
    place = f"{place or PurePosixPath(str(duty.path)).name} ({duty.writer})"
    report = report or WriterProgress(0)
    safe = report.points - report.lost
    if report.state is WriterScanState.SKIPPED:
        return f"not written into {place}: {report.reason or 'see its log'}", False
    if report.state is WriterScanState.FAILED:
        reason = report.reason or "see its log"
        return f"{safe} of {points} points safe in {place}, given up: {reason}", False
    if report.state is WriterScanState.DONE and safe >= points:
        return f"all {points} points safe in {place}", True
    if report.state is WriterScanState.DONE:
        return f"{safe} of {points} points safe in {place}, the others were lost", False
    return f"{safe} of {points} points safe in {place}, {_what_goes_on(duty, report)}", False


def refusal_line(reasons: Sequence[str]) -> str:
    """Says that a scan does not start for its writers' sake."""
    return (
        f"This scan is not started, as RedisRequireWriters is refuse. {' '.join(reasons)} To scan "
        "all the same: senv RedisRequireWriters warn"
    )


def _what_goes_on(duty: Duty, report: WriterProgress) -> str:
    for obstacle in duty.obstacles:
        if obstacle.keeps_off:
            return f"but {obstacle.sentence.rstrip('.')}"
    return "which waits for another scan of that file" if report.waits else "still writing"


def _listed(items: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1])))
