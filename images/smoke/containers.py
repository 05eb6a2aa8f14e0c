"""Containers of our images, run as Kubernetes runs them where it is strict."""

from __future__ import annotations

import json
import os
import subprocess
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ENGINE = os.environ.get("ENGINE") or "podman"
PREFIX = os.environ.get("IMAGE_PREFIX") or "localhost/sardana-redis"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
TAG = os.environ.get("IMAGE_TAG") or VERSION
LIMIT_SECONDS = 120.0

# Read-only root, no capability, no home, memory for /tmp: the `restricted` level and more.
STRICT = (
    "--read-only",
    "--read-only-tmpfs=false",
    "--tmpfs=/tmp:rw,mode=1777",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--unsetenv=HOME",
)
_ASK = """
import sys, urllib.error, urllib.request
try:
    page = urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}{sys.argv[2]}", timeout=5)
    print(page.status, page.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
except OSError as error:
    print(0, error)
"""


def image(name: str) -> str:
    """The full name of one of our images."""
    return f"{PREFIX}/{name}:{TAG}"


def engine(*words: str, check: bool = True, text: str | None = None) -> str:
    """What the engine says; AssertionError, with all of it, where it fails."""
    done = subprocess.run(
        [ENGINE, *words],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert not check or done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}"
    return done.stdout


def inspect(kind: str, name: str) -> Any:
    """What the engine knows of an image or a container."""
    return json.loads(engine(kind, "inspect", name))[0]


def eventually(condition: Callable[[], bool], what: Callable[[], str]) -> float:
    """The seconds until the condition held."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < LIMIT_SECONDS, what()
        time.sleep(0.2)
    return time.monotonic() - began


@dataclass
class Container:
    """One container; `network` is that of another one, whose loopback it shares, or none."""

    name: str
    words: tuple[str, ...]
    user: str
    network: str = "none"
    volumes: Mapping[Path, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    ident: str = ""

    def start(self) -> None:
        """Starts it and returns at once."""
        options = [*STRICT, f"--user={self.user}", f"--network={self.network}"]
        options += [f"--volume={host}:{inside}" for host, inside in self.volumes.items()]
        options += [f"--env={name}={value}" for name, value in self.variables.items()]
        self.ident = engine("run", "--detach", *options, *self.words).splitlines()[-1]

    def page(self, path: str, *, port: int | None = None) -> tuple[int, str]:
        """The status and text of a page of its; 0 where it does not answer."""
        words = ("exec", self.ident, "python", "-c", _ASK, str(port or self.port), path)
        said = engine(*words, check=False)
        status, _, text = said.partition(" ")
        return (int(status), text.strip()) if status.isdigit() else (0, said)

    @property
    def is_ready(self) -> bool:
        """Whether it says so."""
        return self.page("/readyz")[0] == 200

    def log(self) -> str:
        """All that it said."""
        return engine("logs", self.ident, check=False)

    def run(self, *words: str, text: str | None = None) -> str:
        """What a command says in it."""
        return engine("exec", *(["--interactive"] if text else []), self.ident, *words, text=text)

    def succeeds(self, *words: str) -> bool:
        """Whether a command ends well in it."""
        done = subprocess.run(
            [ENGINE, "exec", self.ident, *words], capture_output=True, check=False
        )
        return done.returncode == 0

    def stop(self) -> int:
        """Its exit code after SIGTERM."""
        engine("stop", "--time=60", self.ident)
        return int(inspect("container", self.ident)["State"]["ExitCode"])

    def remove(self) -> None:
        """Removes it, also while it runs."""
        if self.ident:
            engine("rm", "--force", "--time=1", self.ident, check=False)
