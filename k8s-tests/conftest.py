"""One release that most tests share, an operator before it, and what is kept of a failure."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from beamline import Operator
from kube import LOGS, collect_logs, fresh_namespace, kubectl, wait_until_gone
from release import Release, image_of

LIMIT_SECONDS = 600


@pytest.fixture(scope="session", autouse=True)
def cluster() -> Iterator[None]:
    """Without the cluster that KUBECONFIG names nothing is run; afterwards it is as it was."""
    shutil.rmtree(LOGS, ignore_errors=True)
    kubectl("version", seconds=30)
    yield
    wait_until_gone()


@pytest.fixture(scope="session")
def demo() -> Iterator[Release]:
    """`helm install demo` with no values."""
    with fresh_namespace("demo") as namespace:
        release = Release(namespace, "demo")
        release.install()
        yield release


@pytest.fixture(scope="session")
def operator(demo: Release, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    return Operator(demo, image_of("macroserver"), tmp_path_factory.mktemp("demo"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """An installation may be part of a test's time."""
    for item in items:
        item.add_marker(pytest.mark.timeout(LIMIT_SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Any:
    """Logs of all pods lie in build/k8s-tests after a failure."""
    report = yield
    if report.failed:
        folder = collect_logs(item.name)
        report.sections.append(("pods", f"objects, events and logs are in {folder}"))
    return report
