"""Every value is documented and has a schema; what is generated is what stands there."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from chart_schema import values_schema
from tests.chart.helm import CASES, CHART, ROOT, tool

SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
VALUES = CHART / "values.yaml"


def node_paths(node: yaml.Node, path: tuple[str, ...] = ()) -> Iterator[tuple[str, yaml.Node, int]]:
    """Path, value and line of all values, without those below one with a comment."""
    assert isinstance(node, yaml.MappingNode)
    for key, value in node.value:
        here = (*path, key.value)
        yield ".".join(here), value, key.start_mark.line
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            yield from node_paths(value, here)


def leaves() -> dict[str, int]:
    """The values that somebody sets, with their lines: no mapping but those that may be empty."""
    root = yaml.compose(VALUES.read_text(encoding="utf-8"))
    return {
        name: line
        for name, value, line in node_paths(root)
        if not isinstance(value, yaml.MappingNode) or value.flow_style
    }


def test_every_value_has_a_comment() -> None:
    lines = VALUES.read_text(encoding="utf-8").splitlines()
    silent = []
    for name, line in leaves().items():
        if name.startswith(("networkPolicy.dns.peers", "networkPolicy.metricsFrom")):
            continue
        if re.search(r"\.resources\.(requests|limits)$", name):
            continue  # one comment above both
        if not lines[line - 1].lstrip().startswith("# "):
            silent.append(name)
    assert silent == []


def schema_at(path: str) -> Any:
    """The schema of one value, references followed."""
    found: Any = SCHEMA
    for part in path.split("."):
        found = found["properties"][part]
        while "$ref" in found:
            found = followed(found["$ref"])
    return found


def followed(reference: str) -> Any:
    found: Any = SCHEMA
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_every_value_has_a_schema() -> None:
    without = []
    for name in leaves():
        path = re.sub(r"\.resources\..*", ".resources", name)
        try:
            assert schema_at(path)
        except KeyError:
            without.append(name)
    assert [name for name in without if not name.startswith("podSecurityContext.")] == []


def test_the_schema_is_generated_from_our_settings() -> None:
    assert values_schema() == SCHEMA, "make chart"
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "path", [VALUES, *sorted((CHART / "ci").glob("*.yaml"))], ids=lambda p: p.stem
)
def test_the_schema_takes_values_and_cases(path: Path) -> None:
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(SCHEMA).validate(values)


def objects_in(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The parts of the schema whose names are known."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            yield path, schema
        for name, part in schema.items():
            yield from objects_in(part, f"{path}/{name}")


def test_unknown_names_are_refused_everywhere() -> None:
    open_ones = {
        path for path, part in objects_in(SCHEMA) if part.get("additionalProperties", True)
    }
    # Kubernetes checks these
    kubernetes = {"/definitions/resources", "/definitions/resources/properties/limits"}
    assert open_ones == kubernetes


def test_the_cases_cover_every_value() -> None:
    """A value that no case sets is rendered in one way only."""
    used: set[str] = set()
    for case in CASES:
        text = (CHART / "ci" / f"{case}-values.yaml").read_text(encoding="utf-8")
        used |= {".".join(path) for path in flat(yaml.safe_load(text))}
    unused = {
        name
        for name in leaves()
        if not any(
            f"{path}.".startswith(f"{name}.") or f"{name}.".startswith(f"{path}.") for path in used
        )
    }
    # Of one kind with those of `redis`, which a case sets
    alike = re.compile(
        r"\.(image|resources\..*|nodeSelector|tolerations|affinity|priorityClassName|podAnnotations"
        r"|podLabels|env|extra\w+|persistence\.\w+)$"
    )
    assert {name for name in unused if not alike.search(name)} <= NOT_IN_CASES


NOT_IN_CASES = {
    "data.fsGroup",  # test_pods.py
    "redis.maxmemory",  # test_refusals.py
    "redis.auth.passwordKey",  # test_pods.py
    "redis.tls.caKey",  # test_pods.py
    "podSecurityContext.runAsNonRoot",
    "podSecurityContext.seccompProfile.type",
    "pool.config.device_server",  # test_settings.py
    "metrics.dashboards.label",  # test_monitoring.py
}


def flat(values: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(values, dict) and values:
        for name, value in values.items():
            yield from flat(value, (*path, name))
    elif path:
        yield path


@pytest.mark.skipif(tool("helm-docs") is None, reason="no helm-docs: install-tools all builds it")
def test_the_readme_is_generated() -> None:
    command = [
        str(tool("helm-docs")),
        "--dry-run",
        "--chart-search-root",
        str(CHART.parent.resolve()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=ROOT)
    readme = (CHART / "README.md").read_text(encoding="utf-8")
    assert done.stdout.strip() == readme.strip(), "make chart"
