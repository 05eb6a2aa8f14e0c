"""The chart's network policies let through what the parts need, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from beamline import Operator
from kube import fresh_namespace
from pods import pod
from reach import Port, ports_of, reached, reached_in_time
from release import COMPONENTS, Release, image_of

CLIENTS_COME_TO = {"redis:6379", "tango-db:10000", "pool:45450", "macroserver:45451"}

MUST_REACH = {
    "redis": set(),
    "tango-db": set(),
    "pool": {"tango-db"},
    "macroserver": {"tango-db", "redis", "pool"},
    "spec-writer": {"redis"},
    "nexus-writer": {"redis"},
    "memory-tracker": {"redis"},
}
MAY_REACH = {**MUST_REACH, "pool": {"tango-db", "macroserver"}}


def test_the_pods_of_another_namespace_reach_nothing(demo: Release, operator: Operator) -> None:
    ports = ports_of(demo)
    reached_in_time(operator.pod, ports, CLIENTS_COME_TO.issubset)
    labels = operator.pod.document["metadata"]["labels"]  # they open nothing from elsewhere
    with fresh_namespace("stranger") as namespace:
        namespace.apply(pod("stranger", image_of("macroserver"), "sleep", "600", labels=labels))
        (selector,) = {f"app={labels['app']}"}
        assert reached(namespace.ready_pod(selector), ports) == set()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[list[Port]]:
    """What no part needs: a port of another namespace.

    The Kubernetes API would be another, but policies of some clusters let through what the node
    itself serves.
    """
    with fresh_namespace("outside") as namespace:
        command = ["python", "-m", "http.server", "8000", "--directory", "/tmp"]
        namespace.apply(pod("outside", image_of("macroserver"), *command, port=8000))
        ip = namespace.ready_pod("app=outside").ip
        yield [Port("outside", ip, 8000)]


@pytest.mark.parametrize("component", COMPONENTS)
def test_egress_ends_at_what_is_needed(
    component: str, demo: Release, elsewhere: list[Port]
) -> None:
    source = demo.pod(component)
    ports = [port for port in ports_of(demo) if port.component != component]
    must = MUST_REACH[component]
    names = reached_in_time(source, [*ports, *elsewhere], lambda found: must <= components(found))
    found = components(names)
    assert found <= MAY_REACH[component]
    if found:
        assert source.exec("getent", "hosts", demo.service("redis")), "names are looked up"


def components(names: set[str]) -> set[str]:
    """Whose ports these are."""
    return {name.partition(":")[0] for name in names}
