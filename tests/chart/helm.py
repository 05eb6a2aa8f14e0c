"""Helm, and what it makes of the chart. `tests/chart/install-tools` fetches it."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from sardana_redis.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "sardana-redis"
TOOLS = ROOT / "build" / "tools"
CASES = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*.yaml"))
NAMESPACE = "beamlines"
RELEASE = "demo"

Document = dict[str, Any]
Values = Mapping[str, Any]


def tool(name: str) -> str | None:
    """The path of a tool: of build/tools, else of the machine."""
    found = TOOLS / name
    return str(found) if found.exists() else shutil.which(name)


HELMS = {name: tool(name) for name in ("helm4", "helm3")}
HELM = HELMS["helm4"] or HELMS["helm3"] or tool("helm")

needs_helm = pytest.mark.skipif(
    HELM is None, reason="no helm: tests/chart/install-tools fetches it, as make test does"
)


def run_helm(helm: str, *words: str, values: Values | None = None) -> subprocess.CompletedProcess:
    """Helm with these words, and with values on its standard input."""
    given = [] if values is None else ["--values", "-"]
    return subprocess.run(
        [helm, *words, *given],
        input=None if values is None else json.dumps(dict(values)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def template_words(case: str | None = None, release: str = RELEASE) -> list[str]:
    words = ["template", release, str(CHART), "--namespace", NAMESPACE]
    return (
        words if case is None else [*words, "--values", str(CHART / "ci" / f"{case}-values.yaml")]
    )


@functools.cache
def case_text(case: str, helm: str | None = None) -> str:
    """What a case of ci/ is rendered to."""
    done = run_helm(helm or str(HELM), *template_words(case))
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def case_documents(case: str) -> list[Document]:
    return documents(case_text(case))


def rendered(values: Values, release: str = RELEASE) -> list[Document]:
    """The objects that these values make."""
    done = run_helm(str(HELM), *template_words(release=release), values=values)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


def notes(values: Values) -> str:
    """What an install with these values says in the end."""
    if HELMS["helm4"] is None:
        pytest.skip("needs Helm 4 of build/tools: Helm 3 asks a cluster for that")
    words = ["install", "--dry-run=client", *template_words()[1:]]
    done = run_helm(HELMS["helm4"], *words, values=values)
    assert done.returncode == 0, done.stderr
    return str(done.stdout).partition("NOTES:")[2]


def refusal(values: Values, release: str = RELEASE) -> str:
    """Why helm refuses these values."""
    done = run_helm(str(HELM), *template_words(release=release), values=values)
    assert done.returncode != 0, "helm took them"
    return str(done.stderr)


def documents(text: str) -> list[Document]:
    return [found for found in yaml.load_all(text, yaml.CSafeLoader) if found]


def named(found: list[Document], kind: str, component: str) -> Document:
    """The one object of that kind and component."""
    (document,) = [
        item
        for item in found
        if item["kind"] == kind and item["metadata"]["name"].endswith(f"-{component}")
    ]
    return document


def pods(found: list[Document]) -> Iterator[tuple[str, Document]]:
    """Component -> pod (metadata and spec), also of `helm test`."""
    for item in found:
        pod = item if item["kind"] == "Pod" else item.get("spec", {}).get("template")
        if pod:
            yield item["metadata"]["labels"]["app.kubernetes.io/component"], pod


def pod_of(found: list[Document], component: str) -> Document:
    return dict(pods(found))[component]


def settings_of(found: list[Document], component: str, folder: Path) -> Settings:
    """The settings that a component reads from its ConfigMap, by our own code."""
    path = folder / f"{component}.yaml"
    path.write_text(named(found, "ConfigMap", component)["data"]["config.yaml"], encoding="utf-8")
    return load_settings(path)
