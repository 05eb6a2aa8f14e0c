"""Rules, dashboards and what Prometheus is told about the pods."""

from __future__ import annotations

import json
from typing import Any

from tests.chart.helm import CHART, case_documents, named, needs_helm, pods, rendered
from tests.rules.chart_rules import release_rules

pytestmark = needs_helm

SERVING = {"macroserver", "spec-writer", "nexus-writer", "memory-tracker"}


def groups_of(rules: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [group for name in sorted(rules) for group in rules[name]["groups"]]


def str_of(rule: dict[str, Any]) -> str:
    return json.dumps(rule, sort_keys=True)


def in_order(groups: list[dict[str, Any]]) -> list[Any]:
    """With the rules of a group, each of which stands for itself, in one order."""
    return [(group["name"], sorted(group["rules"], key=str_of)) for group in groups]


def test_the_rule_is_what_the_files_say() -> None:
    (rule,) = [
        item
        for item in rendered({"metrics": {"prometheusRule": {"enabled": True}}})
        if item["kind"] == "PrometheusRule"
    ]
    assert rule["spec"]["groups"] == groups_of(release_rules("demo"))


def test_a_tracker_that_is_not_installed_is_not_missed() -> None:
    rule = {"metrics": {"prometheusRule": {"enabled": True}}, "memoryTracker": {"enabled": False}}
    expected = release_rules("demo")
    del expected["MemoryTrackerDown.yaml"]
    assert "absent" not in str(expected), "a part of the release that may be missing too"
    found = named(rendered(rule), "PrometheusRule", "alerts")
    assert found["spec"]["groups"] == groups_of(expected)


def test_a_release_has_its_own_numbers() -> None:
    rule = named(case_documents("monitoring"), "PrometheusRule", "alerts")
    expected = release_rules(
        "bl22",
        thresholds={
            "memory_used_ratio": 0.92,
            "writer_lag_seconds": {"*": 20, "nexus": 120, "spec": 10.5},
        },
        durations={"WriterDown": "5m"},
        runbooks="https://docs.example/runbooks",
    )
    assert in_order(rule["spec"]["groups"]) == in_order(groups_of(expected))
    assert rule["metadata"]["labels"]["release"] == "prometheus"


def test_dashboards_are_the_files() -> None:
    maps = [item for item in rendered({}) if "grafana_dashboard" in item["metadata"]["labels"]]
    found = {name: text for item in maps for name, text in item["data"].items()}
    files = {path.name: path.read_text(encoding="utf-8") for path in CHART.glob("dashboards/*")}
    assert {name: json.loads(text) for name, text in found.items()} == {
        name: json.loads(text) for name, text in files.items()
    }
    other = rendered({"metrics": {"dashboards": {"label": "mine"}}})
    assert sum("mine" in item["metadata"]["labels"] for item in other) == len(files)


def test_prometheus_finds_the_pods_by_annotations() -> None:
    found = dict(pods(rendered({})))
    for component, pod in found.items():
        notes = pod["metadata"].get("annotations", {})
        assert ("prometheus.io/scrape" in notes) == (component in SERVING)
        if component in SERVING:
            (container,) = pod["spec"]["containers"]
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            assert notes["prometheus.io/port"] == str(ports["metrics"])
            assert pod["metadata"]["labels"]["beamline"] == "demo"


def test_a_service_monitor_finds_the_same_pods() -> None:
    found = case_documents("monitoring")
    monitor = named(found, "ServiceMonitor", "metrics")["spec"]
    assert monitor["targetLabels"] == ["beamline"]
    (endpoint,) = monitor["endpoints"]
    wanted = monitor["selector"]["matchLabels"].items()
    services = [
        item
        for item in found
        if item["kind"] == "Service"
        and wanted <= item["metadata"]["labels"].items()
        and endpoint["port"] in [port["name"] for port in item["spec"]["ports"]]
    ]
    components = {item["metadata"]["labels"]["app.kubernetes.io/component"] for item in services}
    assert components == SERVING
    assert {item["metadata"]["labels"]["beamline"] for item in services} == {"bl22"}
    assert all("prometheus.io/scrape" not in str(pod["metadata"]) for _, pod in pods(found))
