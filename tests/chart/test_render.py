"""Both Helms take the chart, say the same each time, and every Kubernetes takes what they say."""

from __future__ import annotations

import functools
import json

import kubernetes_validate
import pytest
from kubernetes_validate import utils

from tests.chart.helm import (
    CASES,
    CHART,
    HELMS,
    case_documents,
    case_text,
    needs_helm,
    run_helm,
    template_words,
)

KUBERNETES = [f"1.{minor}" for minor in range(25, 38)]
# Their schemas are not Kubernetes' own: test_monitoring.py looks at them.
FOREIGN = {"ServiceMonitor", "PrometheusRule"}

pytestmark = needs_helm


@pytest.fixture(params=HELMS)
def helm(request: pytest.FixtureRequest) -> str:
    found = HELMS[request.param]
    if found is None:
        pytest.skip(f"{request.param} is not in build/tools")
    return found


@pytest.mark.parametrize("case", CASES)
def test_helm_finds_nothing_to_complain_about(case: str, helm: str) -> None:
    values = str(CHART / "ci" / f"{case}-values.yaml")
    done = run_helm(helm, "lint", "--strict", str(CHART), "--values", values)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("case", CASES)
def test_helm_3_and_helm_4_say_the_same(case: str) -> None:
    first, second = HELMS.values()
    if first is None or second is None:
        pytest.skip("needs both, from build/tools")
    assert case_text(case, first) == case_text(case, second)


def test_a_render_depends_on_values_only(helm: str) -> None:
    texts = {run_helm(helm, *template_words("auth-acl")).stdout for _ in range(2)}
    assert len(texts) == 1
    sources = "".join(path.read_text() for path in (CHART / "templates").rglob("*.*"))
    for word in ("lookup ", "randAlpha", "randBytes", "uuidv4", "now ", "genCA", "genSigned"):
        assert word not in sources


@pytest.fixture(scope="module")
def objects() -> list[dict]:
    """All objects of all cases, each once."""
    found = [item for case in CASES for item in case_documents(case)]
    unique = {json.dumps(item, sort_keys=True): item for item in found}
    return [item for item in unique.values() if item["kind"] not in FOREIGN]


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_field(
    version: str, objects: list[dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    # It reads its files anew for each object otherwise.
    monkeypatch.setattr(utils, "schema_contents", functools.cache(utils.schema_contents))
    for item in objects:
        used = kubernetes_validate.validate(item, version, strict=True)
        assert used == version, f"no schemas of Kubernetes {version}"
