"""Runbooks: what they are made of, and that their commands exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from sardana_redis.cli import app
from sardana_redis.settings import Settings, nested_settings
from tests.rules.chart_rules import ROOT, RUNBOOKS, alert_files, alert_of

SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
PAGES = sorted(RUNBOOKS.glob("*.md"))
per_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def commands(text: str) -> list[list[str]]:
    """Each `sardana-redis ...` of a page, in a block or in a sentence."""
    lines = re.findall(r"^\$ (sardana-redis .+)$", text, re.MULTILINE)
    return [shlex.split(line)[1:] for line in (*lines, *re.findall(r"`(sardana-redis .+?)`", text))]


@per_page
def test_a_runbook_has_its_four_sections(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS


@per_page
def test_commands_in_a_runbook_exist(page: Path) -> None:
    found = commands(page.read_text(encoding="utf-8"))
    assert found
    for words in found:
        command = typer.main.get_command(app)
        while hasattr(command, "commands"):
            name = words.pop(0)
            assert name in command.commands, f"{page.stem}: no command {name}"
            command = command.commands[name]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options


@per_page
def test_settings_in_a_runbook_exist(page: Path) -> None:
    known = {f"{name}.{field}" for name, m in nested_settings().items() for field in m.model_fields}
    names = "|".join(nested_settings())
    assert set(re.findall(rf"`((?:{names})\.\w+)`", page.read_text(encoding="utf-8"))) <= known
    assert Settings().memory_tracker.orphan_timeout == 600


def test_the_page_of_metrics_lists_every_alert() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\w+)\]\(runbooks/\1\.md\) \| (\w+) \|", page, re.MULTILINE)
    alerts = [alert_of(path) for path in alert_files()]
    assert sorted(rows) == sorted((rule["alert"], rule["labels"]["severity"]) for rule in alerts)
