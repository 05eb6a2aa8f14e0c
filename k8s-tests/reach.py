"""Which ports a pod reaches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kube import Pod, eventually
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


def reached_in_time(
    pod: Pod, ports: Iterable[Port], is_enough: Callable[[set[str]], bool], seconds: float = 30
) -> set[str]:
    """What the pod reached when that was enough for the first time.

    On a busy machine an open port may answer after the three seconds that one look waits. What must
    not be reached shows in any look.
    """
    asked = list(ports)

    def look() -> list[set[str]]:
        found = reached(pod, asked)
        return [found] if is_enough(found) else []

    (found,) = eventually(look, seconds, f"{pod.name} reaches all that it has to")
    return found
