"""The rule files, and what the chart makes of them for one release.

`release_rules` is the contract with the chart, in Python: docs/decisions/0009.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "helm" / "sardana-redis" / "rules"
RUNBOOKS = ROOT / "docs" / "runbooks"
TESTS = Path(__file__).parent
TABLES = ("thresholds", "limits")
THRESHOLD = "sardana_redis:threshold:"

Rule = dict[str, Any]
Thresholds = Mapping[str, float | Mapping[str, float]]


def rule_files() -> list[Path]:
    return sorted(RULES.glob("*.yaml"))


def alert_files() -> list[Path]:
    return [path for path in rule_files() if path.stem not in TABLES]


def rules_of(document: dict[str, Any]) -> Iterator[Rule]:
    for group in document["groups"]:
        yield from group["rules"]


def load(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def all_rules() -> list[Rule]:
    return [rule for path in rule_files() for rule in rules_of(load(path))]


def alert_of(path: Path) -> Rule:
    (rule,) = rules_of(load(path))
    return rule


def default_thresholds() -> dict[str, dict[str, float]]:
    """Name -> writer (or "") -> number, as `thresholds.yaml` has them."""
    found: dict[str, dict[str, float]] = {}
    for rule in rules_of(load(RULES / "thresholds.yaml")):
        name = rule["record"].removeprefix(THRESHOLD)
        number = float(rule["expr"].removeprefix("vector(").removesuffix(")"))
        found.setdefault(name, {})[rule["labels"].get("writer", "")] = number
    return found


def release_rules(
    beamline: str,
    *,
    thresholds: Thresholds | None = None,
    durations: Mapping[str, str] | None = None,
    runbooks: str = "docs/runbooks",
) -> dict[str, dict[str, Any]]:
    """File name -> rules of one release; what is not given stays as the files have it."""
    made = {path.name: load(path) for path in rule_files()}
    for name, document in made.items():
        for group in document["groups"]:
            if name == "thresholds.yaml":
                group["rules"] = _with_thresholds(group["rules"], thresholds or {})
            for rule in group["rules"]:
                _select(rule, beamline)
                if rule.get("alert") in (durations or {}):
                    rule["for"] = durations[rule["alert"]]
                if "alert" in rule:
                    notes = rule["annotations"]
                    notes["runbook_url"] = notes["runbook_url"].replace("docs/runbooks", runbooks)
    return made


def _with_thresholds(rules: list[Rule], given: Thresholds) -> list[Rule]:
    kept = [rule for rule in rules if rule["record"].removeprefix(THRESHOLD) not in given]
    for name, value in given.items():
        by_writer = value if isinstance(value, Mapping) else {"": value}
        kept += [
            {
                "record": THRESHOLD + name,
                "expr": f"vector({number:g})",
                "labels": {"beamline": "demo", **({"writer": writer} if writer else {})},
            }
            for writer, number in by_writer.items()
        ]
    return kept


def _select(rule: Rule, beamline: str) -> None:
    rule["expr"] = rule["expr"].replace('beamline="demo"', f'beamline="{beamline}"')
    rule["labels"]["beamline"] = beamline
