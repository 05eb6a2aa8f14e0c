"""Which ports a pod reaches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kube import Pod
from release import Release

_ASK = "(timeout 3 bash -c '</dev/tcp/{host}/{port}' 2>/dev/null && echo {name}) &"


@dataclass(frozen=True)
class Port:
    """A port of a component's pod; `is_metrics` where Prometheus comes in."""

    component: str
    host: str
    number: int
    is_metrics: bool = False

    @property
    def name(self) -> str:
        return f"{self.component}:{self.number}"


def ports_of(release: Release) -> list[Port]:
    """All ports that the release's pods declare."""
    found = []
    for pod in release.pods():
        metadata = pod.document["metadata"]
        component = metadata["labels"].get("app.kubernetes.io/component", "")
        scraped = metadata.get("annotations", {}).get("prometheus.io/port")
        for container in pod.document["spec"]["containers"]:
            for port in container.get("ports", []):
                number = port["containerPort"]
                found.append(Port(component, pod.ip, number, str(number) == scraped))
    return found


def reached(pod: Pod, ports: Iterable[Port]) -> set[str]:
    """The names of those ports that a connection from this pod gets to."""
    asks = [_ASK.format(host=p.host, port=p.number, name=p.name) for p in ports]
    said = pod.exec("bash", "-c", "\n".join([*asks, "wait"]))
    return set(said.decode().split())
