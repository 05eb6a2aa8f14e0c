"""kubectl, and a namespace of the tests' own: KUBECONFIG says which cluster it is."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
PREFIX = "sardana-redis-test"
RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
}


def eventually(condition: Callable[[], T], seconds: float, what: str) -> T:
    """The condition's first true value; AssertionError, saying `what`, when none comes in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.5)
    return value


def kubectl(*words: str, stdin: str | None = None, seconds: float = 120) -> str:
    """What kubectl says; CalledProcessError, with its complaint, when it fails."""
    return run("kubectl", *words, stdin=stdin, seconds=seconds).decode()


def run(*command: str, stdin: str | None = None, seconds: float = 120) -> bytes:
    """A program's output; RuntimeError with its last words when it fails."""
    done = subprocess.run(
        command, input=stdin and stdin.encode(), capture_output=True, timeout=seconds, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace")[-4000:]
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{said}")
    return done.stdout


@dataclass(frozen=True)
class Pod:
    """A pod as it was when it was looked up."""

    namespace: str
    document: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.document["metadata"]["name"]

    @property
    def uid(self) -> str:
        return self.document["metadata"]["uid"]

    @property
    def ip(self) -> str:
        return self.document["status"]["podIP"]

    @property
    def is_ready(self) -> bool:
        conditions = self.document["status"].get("conditions", [])
        is_leaving = "deletionTimestamp" in self.document["metadata"]
        return not is_leaving and any(
            c["type"] == "Ready" and c["status"] == "True" for c in conditions
        )

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        """What each container's status says."""
        return self.document["status"].get("containerStatuses", [])

    def exec(self, *command: str, stdin: str | None = None, seconds: float = 60) -> bytes:
        """What a command says that runs in the pod's first container."""
        interactive = ["-i"] if stdin is not None else []
        words = ["exec", *interactive, "-n", self.namespace, self.name, "--", *command]
        return run("kubectl", *words, stdin=stdin, seconds=seconds)

    def delete(self) -> None:
        """Asks for the pod's end, as its node's drain would, and does not wait for it."""
        kubectl("delete", "pod", self.name, "-n", self.namespace, "--wait=false")


@dataclass(frozen=True)
class Namespace:
    """A namespace and what is in it."""

    name: str

    def kubectl(self, *words: str, stdin: str | None = None, seconds: float = 120) -> str:
        return kubectl("-n", self.name, *words, stdin=stdin, seconds=seconds)

    def apply(self, *documents: Mapping[str, Any]) -> None:
        """Makes these objects."""
        items = {"apiVersion": "v1", "kind": "List", "items": documents}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(items))

    def get(self, kind: str, *words: str) -> list[dict[str, Any]]:
        """All objects of a kind, or those that the words select."""
        return json.loads(self.kubectl("get", kind, "-o", "json", *words))["items"]

    def pods(self, selector: str = "") -> list[Pod]:
        words = ["-l", selector] if selector else []
        return [Pod(self.name, document) for document in self.get("pods", *words)]

    def ready_pod(self, selector: str, seconds: float = 90) -> Pod:
        """The pod of these labels, once exactly one is ready."""

        def found() -> Pod | None:
            ready = [pod for pod in self.pods(selector) if pod.is_ready]
            return ready[0] if len(ready) == 1 else None

        return eventually(found, seconds, f"one ready pod of {selector} in {self.name}")

    def secret(self, name: str, **files: str) -> None:
        """A Secret of these files; `__` in a name stands for a dot."""
        data = {key.replace("__", "."): text for key, text in files.items()}
        metadata = {"name": name}
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})

    def collect(self, folder: Path) -> None:
        """Writes what helps to find a fault: objects, events, logs of this and the last run."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, words in {
            "pods.txt": ["get", "pods", "-o", "wide"],
            "describe.txt": ["describe", "pods"],
            "events.txt": ["get", "events", "--sort-by=.lastTimestamp"],
        }.items():
            (folder / name).write_text(self._try("-n", self.name, *words), encoding="utf-8")
        for pod in self.pods():
            is_restarted = any(c["restartCount"] for c in pod.containers)
            previous = [("previous.log", ["--previous"])] if is_restarted else []
            for suffix, more in [("log", []), *previous]:
                text = self._try("-n", self.name, "logs", "--all-containers", pod.name, *more)
                (folder / f"{pod.name}.{suffix}").write_text(text, encoding="utf-8")

    def _try(self, *words: str) -> str:
        try:
            return kubectl(*words)
        except RuntimeError as error:
            return str(error)


OPEN: list[Namespace] = []
"""The namespaces that are there now."""

_leaving: list[Namespace] = []

LOGS = Path(__file__).parents[1] / "build" / "k8s-tests"


def collect_logs(what: str) -> Path:
    """Writes what is known of all namespaces that are there, below build/; returns where."""
    folder = LOGS / what
    for namespace in OPEN:
        namespace.collect(folder / namespace.name)
    return folder


@contextmanager
def fresh_namespace(purpose: str) -> Iterator[Namespace]:
    """A namespace that enforces the `restricted` level, removed afterwards with all in it.

    `wait_until_gone` waits for that.
    """
    name = f"{PREFIX}-{purpose}-{secrets.token_hex(3)}"
    metadata = {"name": name, "labels": RESTRICTED}
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    kubectl("apply", "-f", "-", stdin=json.dumps(document))
    namespace = Namespace(name)
    OPEN.append(namespace)
    try:
        yield namespace
    except BaseException:
        collect_logs(f"setup-{purpose}")
        raise
    finally:
        OPEN.remove(namespace)
        _leaving.append(namespace)
        kubectl("delete", "namespace", name, "--wait=false")


def wait_until_gone() -> None:
    """Returns when all namespaces of these tests are gone."""
    while _leaving:
        name = _leaving.pop().name
        kubectl("wait", "--for=delete", f"namespace/{name}", "--timeout=180s", seconds=200)
