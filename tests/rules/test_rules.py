"""Rules, runbooks and promtool's tests belong together, and name only what exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from sardana_redis.metrics import METRICS, series_names
from tests.rules.chart_rules import (
    RULES,
    RUNBOOKS,
    TABLES,
    TESTS,
    THRESHOLD,
    alert_files,
    alert_of,
    all_rules,
    default_thresholds,
    load,
    release_rules,
    rule_files,
    rules_of,
)

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed; `make monitoring-test` installs it"
)
LABELS = {"beamline", "instance", "writer", "seen_by", "severity"}
SELECTOR = re.compile(r"(sardana_redis[_:][a-z_:]+)(\{[^}]*\})?")
per_alert = pytest.mark.parametrize("path", alert_files(), ids=lambda path: path.stem)


def promtool(*arguments: str | Path) -> None:
    command = [str(PROMTOOL), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_takes_the_files_as_they_stand() -> None:
    promtool("check", "rules", *rule_files())


@needs_promtool
@per_alert
def test_the_alert_comes_and_goes_as_its_test_says(path: Path) -> None:
    promtool("test", "rules", TESTS / path.name)


@needs_promtool
def test_promtool_takes_the_rules_of_any_release(tmp_path: Path) -> None:
    thresholds = {"memory_used_ratio": 0.5, "writer_lag_seconds": {"*": 5, "spec-2": 7.5}}
    made = release_rules("p04-eh1", thresholds=thresholds, durations={"WriterDown": "5s"})
    for name, document in made.items():
        (tmp_path / name).write_text(yaml.safe_dump(document), encoding="utf-8")
    promtool("check", "rules", *sorted(tmp_path.iterdir()))


def test_a_release_selects_on_itself_alone() -> None:
    made = release_rules("p04", thresholds={"writer_lag_seconds": {"*": 5}})
    assert "demo" not in yaml.safe_dump(made)
    lag = [r for r in rules_of(made["thresholds.yaml"]) if r["record"].endswith("lag_seconds")]
    assert lag == [
        {
            "record": "sardana_redis:threshold:writer_lag_seconds",
            "expr": "vector(5)",
            "labels": {"beamline": "p04", "writer": "*"},
        }
    ]


def test_a_release_without_values_is_the_files_themselves() -> None:
    assert release_rules("demo") == {path.name: load(path) for path in rule_files()}


def test_a_file_a_runbook_and_a_test_for_each_alert() -> None:
    names = {path.stem for path in alert_files()}
    assert names == {path.stem for path in RUNBOOKS.glob("*.md")}
    assert names == {path.stem for path in TESTS.glob("*.yaml")}
    assert {path.stem for path in rule_files()} == names | set(TABLES)


@per_alert
def test_an_alert_has_all_that_its_reader_needs(path: Path) -> None:
    rule = alert_of(path)
    assert rule["alert"] == path.stem
    assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["beamline"] == "demo"
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{path.stem}.md"
    shown = set(re.findall(r"\$labels\.(\w+)", yaml.safe_dump(rule["annotations"])))
    assert shown <= LABELS


@per_alert
def test_a_test_shows_the_silence_before_and_after(path: Path) -> None:
    (case,) = load(TESTS / path.name)["tests"]
    asked = case["alert_rule_test"]
    assert {step["alertname"] for step in asked} == {path.stem}
    fired = [bool(step["exp_alerts"]) for step in asked]
    assert any(fired)
    assert not fired[0]
    last = asked[-1]["exp_alerts"]
    first = next(step["exp_alerts"] for step in asked if step["exp_alerts"])
    assert not [a for a in last if a["exp_labels"] in [b["exp_labels"] for b in first]]
    for step in asked:
        for alert in step["exp_alerts"]:
            assert set(alert["exp_labels"]) <= LABELS, "the label sets are bounded"
            assert set(alert["exp_annotations"]) == {"summary", "description", "runbook_url"}


@pytest.mark.parametrize(
    "rule", all_rules(), ids=lambda rule: rule.get("alert", rule.get("record"))
)
def test_a_rule_selects_on_its_own_beamline(rule: dict) -> None:
    assert rule["labels"]["beamline"] == "demo"
    for name, selector in SELECTOR.findall(rule["expr"]):
        assert 'beamline="demo"' in selector, f"{name} is taken of every beamline"
    assert rule["expr"].count("demo") == rule["expr"].count('beamline="demo"')


def test_rules_name_only_series_that_exist() -> None:
    recorded = {rule["record"] for rule in all_rules() if "record" in rule}
    used = {name for rule in all_rules() for name, _ in SELECTOR.findall(rule["expr"])}
    assert used <= series_names() | recorded
    assert {name for name in recorded if name.startswith(THRESHOLD)} <= used


def test_label_values_in_rules_are_those_of_the_table() -> None:
    labels = {m.name: m.labels for metrics in METRICS.values() for m in metrics}
    for rule in all_rules():
        for name, selector in SELECTOR.findall(rule["expr"]):
            for label, value in re.findall(r'(\w+)="([^"]*)"', selector):
                known = labels.get(name, {})
                if label != "beamline" and name in labels:
                    assert value in known[label]


def test_thresholds_are_a_table_of_numbers() -> None:
    thresholds = default_thresholds()
    for name, by_writer in thresholds.items():
        assert set(by_writer) == {""} or "*" in by_writer, f"{name} lacks a default"
    assert thresholds["writer_lag_seconds"]["nexus"] > thresholds["writer_lag_seconds"]["*"]


def test_an_alert_of_used_memory_fires_before_the_recorder_brakes() -> None:
    from sardana_redis.settings import Settings

    settings = Settings()
    tracker, publisher = settings.memory_tracker, settings.publisher
    takes_all_written = (tracker.cleaning_threshold + tracker.hard_threshold) / 200
    threshold = default_thresholds()["memory_used_ratio"][""]
    assert takes_all_written < threshold < publisher.brake_ratio
    assert default_thresholds()["recorder_buffered_bytes"][""] < publisher.buffer_bytes / 8


def test_rule_files_hold_nothing_that_helm_would_take_for_its_own() -> None:
    for path in rule_files():
        text = path.read_text(encoding="utf-8")
        for used in re.findall(r"\{\{(.*?)\}\}", text):
            assert re.search(r"\$(labels|value)|end", used), f"{path.name}: {used}"
    assert RULES.is_dir()
