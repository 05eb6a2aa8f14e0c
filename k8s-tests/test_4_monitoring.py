"""Prometheus gets everything by annotations, and a writer that is gone is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from beamline import SCAN, Operator
from kube import Namespace, eventually, fresh_namespace
from prometheus import Prometheus
from reach import ports_of, reached_in_time
from release import Release, rendered

from sardana_redis.metrics import series_names

SOON = "5s"


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    with fresh_namespace("prometheus") as namespace:
        yield namespace


@pytest.fixture(scope="module")
def prometheus(demo: Release, operator: Operator, namespace: Namespace) -> Prometheus:
    """Its namespace is let in by the release's values."""
    chosen = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name}}}
    demo.upgrade({"networkPolicy": {"metricsFrom": [chosen]}})
    found = Prometheus(namespace, demo, rules_of_the_chart())
    operator.scan(*SCAN)
    return found


def rules_of_the_chart() -> dict[str, Any]:
    """What the chart's PrometheusRule holds, with WriterDown in a hurry."""
    rule = "metrics.prometheusRule"
    made = rendered("--set", f"{rule}.enabled=true", "--set", f"{rule}.for.WriterDown={SOON}")
    found = [item for item in made if item["kind"] == "PrometheusRule"]
    return {"groups": [group for item in found for group in item["spec"]["groups"]]}


def test_every_metric_of_every_component_arrives(prometheus: Prometheus) -> None:
    def missing() -> set[str]:
        there = prometheus.label_values("__name__", '{job="sardana-redis", beamline="demo"}')
        return series_names() - there

    eventually(lambda: not missing(), 60, f"all metrics in Prometheus, without {missing()}")
    components = {"macroserver", "spec-writer", "nexus-writer", "memory-tracker"}

    def labelled() -> tuple[set[str], set[str]]:
        return (
            prometheus.label_values("component", "sardana_redis_build_info"),
            prometheus.label_values("writer", "sardana_redis_writer_up"),
        )

    # A scrape that a busy machine misses takes its series away until the next one
    eventually(lambda: labelled() == (components, {"spec", "nexus"}), 30, "parts and writers")
    (used,) = eventually(
        lambda: prometheus.query("sardana_redis_memory_used_bytes"), 30, "the memory in use"
    )
    assert float(used["value"][1]) > 0


def test_nothing_fires_while_all_is_well(prometheus: Prometheus) -> None:
    firing = 'ALERTS{alertstate="firing"}'
    eventually(lambda: not prometheus.query(firing), 60, "no alert fires")
    assert prometheus.label_values("beamline", "sardana_redis:threshold:memory_used_ratio") == {
        "demo"
    }


def test_writer_down_fires_without_the_spec_writer(prometheus: Prometheus, demo: Release) -> None:
    firing = 'ALERTS{alertname="WriterDown",alertstate="firing"}'
    demo.namespace.kubectl("delete", "deployment", "-l", demo.selector("spec-writer"))
    eventually(lambda: prometheus.query(firing), 60, "WriterDown fires")
    assert prometheus.label_values("writer", firing) == {"spec"}
    demo.upgrade({})
    eventually(lambda: not prometheus.query(firing), 60, "WriterDown resolves")


def test_prometheus_reaches_the_metrics_and_nothing_else(
    prometheus: Prometheus, demo: Release
) -> None:
    ports = ports_of(demo)
    metrics = {port.name for port in ports if port.is_metrics}
    assert reached_in_time(prometheus.pod, ports, metrics.issubset) == metrics
