"""A Prometheus in a namespace of its own that finds the release's pods by their annotations."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml
from kube import Namespace
from pods import pod, service
from release import Release

IMAGE = os.environ.get("K8S_PROMETHEUS_IMAGE", "localhost/sardana-redis/prometheus:test")
PORT = 9090
INSIDE = Path(__file__).parent / "inside"
_META = "__meta_kubernetes_pod_"

RELABELLING: list[dict[str, Any]] = [
    {
        "action": "keep",
        "source_labels": [f"{_META}annotation_prometheus_io_scrape"],
        "regex": "true",
    },
    {
        "source_labels": [f"{_META}annotation_prometheus_io_path"],
        "regex": "(.+)",
        "target_label": "__metrics_path__",
    },
    {
        "source_labels": [f"{_META}ip", f"{_META}annotation_prometheus_io_port"],
        "separator": ":",
        "target_label": "__address__",
    },
    {"source_labels": [f"{_META}label_beamline"], "target_label": "beamline"},
    {
        "source_labels": [f"{_META}label_app_kubernetes_io_component"],
        "target_label": "component",
    },
]


class Prometheus:
    """Scrapes each second what annotations tell it to, and evaluates the chart's rules."""

    def __init__(self, namespace: Namespace, release: Release, rules: dict[str, Any]) -> None:
        self.namespace = namespace
        _allow_to_list_pods(namespace, release.namespace)
        discovery = {"url": "http://discovery:8000", "refresh_interval": "1s"}
        every = "1s"
        config = {
            "global": {
                "scrape_interval": every,
                "scrape_timeout": every,
                "evaluation_interval": every,
            },
            "rule_files": ["/etc/prometheus/rules.yml"],
            "scrape_configs": [
                {
                    "job_name": "sardana-redis",
                    "http_sd_configs": [discovery],
                    "relabel_configs": RELABELLING,
                }
            ],
        }
        namespace.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "prometheus"},
                "data": {
                    "prometheus.yml": yaml.safe_dump(config),
                    "rules.yml": yaml.safe_dump(rules),
                },
            },
            service("discovery", [8000]),
            pod(
                "discovery", IMAGE, "python3", "-c", (INSIDE / "discovery.py").read_text(),
                release.namespace.name,
                port=8000,
                account="prometheus",
            ),
            pod(
                "prometheus", IMAGE, "prometheus",
                "--config.file=/etc/prometheus/prometheus.yml",
                "--storage.tsdb.path=/tmp/data",
                mounts={"/etc/prometheus": {"configMap": {"name": "prometheus"}}},
                port=PORT,
            ),
        )  # fmt: skip
        self.pod = namespace.ready_pod("app=prometheus")

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series that the expression gives now, each with labels and value."""
        url = f"http://localhost:{PORT}"
        said = self.pod.exec("promtool", "query", "instant", "-o", "json", url, expr)
        return json.loads(said)

    def label_values(self, label: str, expr: str) -> set[str]:
        return {series["metric"].get(label, "") for series in self.query(expr)}


def _allow_to_list_pods(own: Namespace, other: Namespace) -> None:
    verbs = ["get", "list", "watch"]
    api = "rbac.authorization.k8s.io"
    own.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "prometheus"}})
    other.apply(
        {
            "apiVersion": f"{api}/v1",
            "kind": "Role",
            "metadata": {"name": "prometheus"},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": verbs}],
        },
        {
            "apiVersion": f"{api}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "prometheus"},
            "roleRef": {"apiGroup": api, "kind": "Role", "name": "prometheus"},
            "subjects": [{"kind": "ServiceAccount", "name": "prometheus", "namespace": own.name}],
        },
    )  # fmt: skip
