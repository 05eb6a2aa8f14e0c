"""Pods of the tests' own that the `restricted` level admits, and what they are reached by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Document = dict[str, Any]


def pod(
    name: str,
    image: str,
    *command: str,
    labels: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    mounts: Mapping[str, Document] | None = None,
    memory: str = "512Mi",
    port: int | None = None,
    account: str | None = None,
) -> Document:
    """A pod; `mounts` is path -> volume source, beside a /tmp of its own."""
    folders: dict[str, Document] = {"/tmp": {"emptyDir": {}}, **(mounts or {})}
    container: Document = {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": key, "value": value} for key, value in (environment or {}).items()],
        "resources": {
            "requests": {"cpu": "10m", "memory": "64Mi"},
            "limits": {"memory": memory},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": f"v{i}", "mountPath": path} for i, path in enumerate(folders)],
    }
    if command:
        container["command"] = list(command)
    if port is not None:
        container["readinessProbe"] = {"tcpSocket": {"port": port}, "periodSeconds": 1}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name, **(labels or {})}},
        "spec": {
            "automountServiceAccountToken": account is not None,
            **({"serviceAccountName": account} if account else {}),
            "terminationGracePeriodSeconds": 1,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "runAsGroup": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [{"name": f"v{i}", **source} for i, source in enumerate(folders.values())],
        },
    }


def service(name: str, ports: Sequence[int]) -> Document:
    """A Service before the pod of that name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {
            "selector": {"app": name},
            "publishNotReadyAddresses": True,
            "ports": [{"name": f"p{port}", "port": port} for port in ports],
        },
    }
