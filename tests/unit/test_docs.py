"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sardana_redis.briefing import (
    Duty,
    duties,
    end_line,
    refusal_line,
    start_line,
    wrong_require_line,
)
from sardana_redis.errors import Outage, StoreUnavailable, StoreUnusable
from sardana_redis.model import WriterProgress, WriterScanState
from sardana_redis.publisher import bug_line, dropped_line, misfit_line, nexus_options_line
from sardana_redis.publisher._lines import (
    continued_line,
    full_line,
    held_back_line,
    outage_line,
    still_waiting_line,
)
from sardana_redis.settings import Settings, nested_settings
from sardana_redis.vitals import Disk, Trouble
from tests.unit.briefing._worlds import record, scan, survey

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "operator-guide.md").read_text(encoding="utf-8")
QUOTED = [line.removeprefix("> ") for line in GUIDE.splitlines() if line.startswith("> ")]

W, FILE = "WRITER", "/FOLDER/FILE.dat"
DUTY = Duty(W, FILE)


def sentences(*, is_full: bool = False, uptime: int = 100, **facts: Any) -> list[str]:
    """What is told of a writer that is so."""
    world = survey(is_full=is_full, uptime=uptime, WRITER=record(**facts))
    (duty,) = duties(world, scan(FILE))
    return [obstacle.sentence for obstacle in duty.obstacles]


def ends(duty: Duty, report: WriterProgress) -> str:
    """The line at the end of a scan of nine points."""
    return end_line(5, 9, [duty], {W: report}) or ""


def as_quoted(line: str) -> str:
    """The line with words for what changes."""
    line = line.replace("/FOLDER/FILE.dat", "FILE").replace("FILE.dat", "FILE")
    return re.sub(r"\b\d+\b", "N", line).replace("/FOLDER", "FOLDER")


KEPT_OFF = duties(survey(WRITER=record(troubles=(Trouble(FILE, "REASON"),))), scan(FILE))[0]
WRITER_LINES = [
    start_line([DUTY, DUTY], "s"),
    start_line([Duty(W, None, "REASON")], "s"),
    start_line([], "SESSION"),
    *sentences(silent=60),
    *sentences(silent=60, uptime=1),
    *sentences(silent=60, is_full=True),
    *sentences(
        troubles=(Trouble(FILE, "REASON"),),
        disks=(Disk("/FOLDER", 45_000_000),),
        least_free_bytes=200_000_000,
        parked=2,
        lag_seconds=50.0,
    ),
    ends(DUTY, WriterProgress(9, WriterScanState.DONE)),
    ends(DUTY, WriterProgress(4)),
    ends(DUTY, WriterProgress(4, waits=True)),
    ends(KEPT_OFF, WriterProgress(4)),
    ends(DUTY, WriterProgress(9, WriterScanState.DONE, lost=2)),
    ends(DUTY, WriterProgress(4, WriterScanState.FAILED, reason="REASON")),
    ends(DUTY, WriterProgress(0, WriterScanState.SKIPPED, reason="REASON")),
    refusal_line(["REASON."]),
    wrong_require_line("VALUE"),
]

LINES = [
    *map(as_quoted, WRITER_LINES),
    *(outage_line("URL", StoreUnavailable("", reason)) for reason in Outage),
    outage_line("URL", StoreUnusable("REASON")),
    still_waiting_line(1).replace("1 points", "N points"),
    held_back_line("URL", 1).replace("1 points", "N points"),
    dropped_line(1, 2).replace("1 points", "N points").replace("of 2 more", "of N more"),
    misfit_line({"STREAMS": 3}).replace("3 values", "N values"),
    full_line(),
    continued_line(4, 5).replace("#4", "#N").replace("number 5", "number N"),
    bug_line("WHERE"),
    nexus_options_line("REASON"),
    "This scan is not published in Redis: REASON",
]


@pytest.mark.parametrize("line", LINES)
def test_the_guide_quotes_every_line_that_an_operator_may_read(line: str) -> None:
    assert line in QUOTED


def test_the_guide_quotes_no_line_that_does_not_exist() -> None:
    assert sorted(QUOTED) == sorted(LINES)


def settings_table() -> list[str]:
    sections = nested_settings()
    models = [("", Settings), *((f"{name}.", model) for name, model in sections.items())]
    rows = []
    for prefix, model in models:
        for name, field in model.model_fields.items():
            if name in sections:
                continue
            variable = f"SARDANA_REDIS_{prefix.replace('.', '__')}{name}".upper()
            default = "unset" if field.default in (None, ()) else f"`{field.default}`"
            rows.append(f"| `{prefix}{name}` | `{variable}` | {default} | {field.description} |")
    return rows


def test_the_settings_page_lists_every_setting_as_it_is() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if re.match(r"\| `", line)]
    assert rows == settings_table()


def test_the_documents_link_to_files_that_exist() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    assert pages
    for page in pages:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
