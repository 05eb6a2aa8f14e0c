"""An upgrade restarts exactly the pods that it concerns, MacroServer's least of all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.chart.helm import CHART, HELM, documents, needs_helm, pods, rendered, run_helm

pytestmark = needs_helm

CHANGES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "a setting of the tracker": (
        {"memoryTracker": {"config": {"monitoring_period": 7}}},
        {"memory-tracker"},
    ),
    "a setting of a writer": ({"specWriter": {"config": {"park_seconds": 5}}}, {"spec-writer"}),
    "memory of Redis": ({"redis": {"resources": {"limits": {"memory": "2Gi"}}}}, {"redis"}),
    "a writer less": ({"specWriter": {"enabled": False}}, set()),
    "a setting of the recorder": (
        {"macroserver": {"config": {"publisher": {"flush_timeout": 3}}}},
        {"macroserver"},
    ),
    "memory of MacroServer": (
        {"macroserver": {"resources": {"limits": {"memory": "2Gi"}}}},
        {"macroserver"},
    ),
    "network policies": ({"networkPolicy": {"metricsFrom": [{"podSelector": {}}]}}, set()),
    "alerts and monitors": (
        {"metrics": {"prometheusRule": {"enabled": True}, "serviceMonitor": {"enabled": True}}},
        set(),
    ),
    "a budget": ({"macroserver": {"podDisruptionBudget": {"enabled": False}}}, set()),
    "the level of logs": (
        {"config": {"log_level": "debug"}},
        {"pool", "macroserver", "spec-writer", "nexus-writer", "memory-tracker"},
    ),
    "a password": (
        {"redis": {"auth": {"existingSecret": "redis"}}},
        {"redis", "macroserver", "spec-writer", "nexus-writer", "memory-tracker"},
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_restarts_exactly(what: str) -> None:
    values, expected = CHANGES[what]
    before, after = dict(pods(rendered({}))), dict(pods(rendered(values)))
    there = (before.keys() & after.keys()) - {"test"}
    assert {name for name in there if before[name] != after[name]} == expected


def test_a_newer_chart_with_the_same_images_restarts_nothing(tmp_path: Path) -> None:
    newer = shutil.copytree(CHART, tmp_path / "sardana-redis")
    chart = newer / "Chart.yaml"
    chart.write_text(chart.read_text().replace("version: 0.1.0", "version: 0.2.0", 1))
    done = run_helm(str(HELM), "template", "demo", str(newer), "--namespace", "beamlines")
    assert "sardana-redis-0.2.0" in done.stdout
    before, after = dict(pods(rendered({}))), dict(pods(documents(done.stdout)))
    assert {name: before[name] for name in after} == {
        name: {**pod, "metadata": before[name]["metadata"]} if name == "test" else pod
        for name, pod in after.items()
    }
