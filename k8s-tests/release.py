"""A release of the chart, as the one who installed it sees it."""

from __future__ import annotations

import functools
import json
import os
import shlex
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kube import Namespace, Pod, run

CHART = Path(__file__).parents[1] / "helm" / "sardana-redis"
HELM = os.environ.get("K8S_HELM", "helm")
HELM3 = shutil.which(os.environ.get("K8S_HELM3", "helm3"))
EXTRA = shlex.split(os.environ.get("K8S_HELM_ARGS", ""))
"""Arguments that every install needs here, a registry say."""

READY_SECONDS = 180.0
COMPONENTS = (
    "redis", "tango-db", "pool", "macroserver", "spec-writer", "nexus-writer", "memory-tracker"
)  # fmt: skip


@dataclass
class Release:
    """One release; its components are found by their labels."""

    namespace: Namespace
    name: str
    helm: str = HELM
    install_seconds: float = 0

    def install(self, values: Mapping[str, Any] | None = None, *, seconds: float = 180) -> None:
        """`helm install --wait`; `install_seconds` tells how long it took."""
        began = time.monotonic()
        self._put("install", values, seconds)
        self.install_seconds = time.monotonic() - began

    def upgrade(self, values: Mapping[str, Any], *, seconds: float = READY_SECONDS) -> None:
        """`helm upgrade --wait` to these values and those of before."""
        self._put("upgrade", values, seconds, "--reuse-values")

    def rollback(self) -> None:
        """`helm rollback --wait` to the revision before."""
        self._helm("rollback", self.name, "--wait", "--timeout", f"{READY_SECONDS:g}s")

    def test(self) -> str:
        """What `helm test` says; it fails when a test of the chart does."""
        return self._helm("test", self.name, "--timeout", "120s")

    def uninstall(self) -> None:
        """`helm uninstall --wait`."""
        self._helm("uninstall", self.name, "--wait", "--timeout", "120s")

    def objects(self) -> list[dict[str, Any]]:
        """What helm put into the cluster."""
        return list(yaml.safe_load_all(self._helm("get", "manifest", self.name)))

    def pod(self, component: str, *, seconds: float = READY_SECONDS) -> Pod:
        """The component's pod, once it is ready."""
        return self.namespace.ready_pod(self.selector(component), seconds)

    def pods(self, component: str | None = None) -> list[Pod]:
        return self.namespace.pods(self.selector(component))

    def selector(self, component: str | None = None) -> str:
        mine = f"app.kubernetes.io/instance={self.name}"
        return f"{mine},app.kubernetes.io/component={component}" if component else mine

    def service(self, component: str) -> str:
        """The component's name in the cluster's DNS."""
        return f"{self.name}-{component}.{self.namespace.name}.svc.cluster.local"

    def scale(self, component: str, replicas: int) -> None:
        """Sets how many pods the component has."""
        kinds = self.namespace.get("statefulset,deployment", "-l", self.selector(component))
        (owner,) = [f"{item['kind']}/{item['metadata']['name']}".lower() for item in kinds]
        self.namespace.kubectl("scale", owner, f"--replicas={replicas}")

    def uids(self) -> dict[str, str]:
        """Component -> uid of its pod."""
        return {component: self.pod(component).uid for component in COMPONENTS}

    def _put(self, verb: str, values: Any, seconds: float, *words: str) -> None:
        text = json.dumps(dict(values or {}))
        given = ["--values", "-"] if values else []
        wait = ["--wait", "--timeout", f"{seconds:g}s"]
        command = [verb, self.name, str(CHART), *words, *EXTRA, *wait, *given]
        self._helm(*command, stdin=text if values else None, seconds=seconds + 60)

    def _helm(self, *words: str, stdin: str | None = None, seconds: float = 300) -> str:
        command = [self.helm, "--namespace", self.namespace.name, *words]
        return run(*command, stdin=stdin, seconds=seconds).decode()


def rendered(*words: str) -> list[dict[str, Any]]:
    """What `helm template demo` makes of the chart."""
    text = run(HELM, "template", "demo", str(CHART), *EXTRA, *words).decode()
    return [document for document in yaml.safe_load_all(text) if document]


@functools.cache
def image_of(component: str) -> str:
    """The image of a component of the chart."""
    for item in rendered():
        template = item.get("spec", {}).get("template") if isinstance(item, dict) else None
        labels = item["metadata"].get("labels", {})
        if template and labels.get("app.kubernetes.io/component") == component:
            return template["spec"]["containers"][0]["image"]
    raise LookupError(component)
