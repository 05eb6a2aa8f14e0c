"""compose.yaml runs: podman-compose, in a network of its own that needs no name server."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from containers import ROOT, engine, eventually
from nexus_files import ended_points
from silx.io.specfile import SpecFile

COMPOSE = ROOT / "build" / "podman-compose" / "bin" / "podman-compose"
SERVICES = tuple(yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"])
POINTS = 11

pytestmark = pytest.mark.timeout(900)


class Project:
    """The containers of compose.yaml; they share one network and know each other's names."""

    def __init__(self, folder: Path) -> None:
        self.name = f"sardana-redis-{os.getpid()}"
        self.data = folder / "data"
        self.data.mkdir()
        self.data.chmod(0o777)
        self._own = folder / "override.yaml"
        hosts = folder / "hosts"
        hosts.write_text(f"127.0.0.1 localhost {' '.join(SERVICES)}\n", encoding="utf-8")
        hosts.chmod(0o644)
        services = {
            name: {
                "network_mode": "none" if name == "redis" else "service:redis",
                "volumes": [f"{hosts}:/etc/hosts:ro"],
            }
            for name in SERVICES
        }
        self._own.write_text(yaml.safe_dump({"services": services}), encoding="utf-8")

    def compose(self, *words: str, text: str | None = None) -> str:
        """What podman-compose says; AssertionError, with all of it, where it fails."""
        files = ("-f", str(ROOT / "compose.yaml"), "-f", str(self._own))
        done = subprocess.run(
            [COMPOSE, "-p", self.name, *files, *words],
            env={**os.environ, "DATA": str(self.data)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            input=text, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    def up(self) -> None:
        """Starts all and waits until each says that it is healthy."""
        self.compose("up", "--detach")
        for name in SERVICES:
            container = f"{self.name}_{name}_1"
            eventually(lambda c=container: is_healthy(c), lambda c=container: engine("logs", c))

    def scan(self) -> str:
        """What spock says to a scan."""
        words = ("exec", "-T", "macroserver", "spock", "--no-banner", "--colors=NoColor")
        return self.compose(*words, text=f"ascan mot01 0 1 {POINTS - 1} .1\nexit\n")


def is_healthy(container: str) -> bool:
    """Whether the container's own check ends well; asked, for not every engine asks by itself."""
    done = subprocess.run(["podman", "healthcheck", "run", container], check=False)
    return done.returncode == 0


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path)
    try:
        yield project
    finally:
        project.compose("down", "--volumes", "--timeout", "10")


def test_a_beamline_scans_and_is_the_same_after_down_and_up(project: Project) -> None:
    project.up()
    assert "Scan #1 ended" in project.scan()
    project.compose("down")
    project.up()
    assert "Scan #2 ended" in project.scan()
    eventually(lambda: points(project.data) == [POINTS, POINTS], lambda: project.compose("logs"))
    nexus = project.data / "demo.h5"
    eventually(
        lambda: {"1.1": POINTS, "2.1": POINTS}.items() <= ended_points(nexus, "mot01").items(),
        lambda: project.compose("logs"),
    )
    listed = project.compose("exec", "-T", "spec-writer", "sardana-redis", "scans")
    assert listed.count("SUCCESS") == 2


def points(folder: Path) -> list[int]:
    """The number of points of each scan in the SPEC file; none while it is not there."""
    try:
        scans = SpecFile(str(folder / "demo.dat"))
    except OSError:
        return []
    return [len(scan.data_column_by_name("mot01")) for scan in scans]
