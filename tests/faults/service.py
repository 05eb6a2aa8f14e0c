"""A service of ours as users start it: a process of its own, watched over its `/metrics`."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from sardana_redis.local._ports import HOST, free_port
from sardana_redis.local._process import Process
from sardana_redis.local._tango import without_foreign_settings
from tests.faults.arena import eventually

_START_SECONDS = 30.0


class Service:
    """`sardana-redis NAME` on the Redis at `url`; `log` is the path of its log."""

    def __init__(self, name: str, url: str, folder: Path, *options: str) -> None:
        self._port = free_port()
        self.log = folder / f"{name}.log"
        command = [sys.executable, "-m", "sardana_redis", name, "--url", url]
        self.process = Process(
            name,
            [*command, "--http-port", str(self._port), *options],
            folder=folder,
            log=self.log,
            environment=without_foreign_settings(),
        )

    def start(self) -> None:
        """Starts it and waits until it is ready."""
        self.process.start()
        eventually(self._is_ready, _START_SECONDS, f"{self.process.name} is ready; see {self.log}")

    def value(self, name: str, **labels: str) -> float:
        """The sum of the series of a metric that have these labels; NaN where there is none."""
        found = [
            sample.value
            for sample in self.samples()
            if sample.name == f"sardana_redis_{name}" and labels.items() <= sample.labels.items()
        ]
        return sum(found) if found else float("nan")

    def samples(self) -> list[Any]:
        """All series of its `/metrics`."""
        families = text_string_to_metric_families(self._get("/metrics"))
        return [sample for family in families for sample in family.samples]

    def _is_ready(self) -> bool:
        try:
            self._get("/readyz")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://{HOST}:{self._port}{path}", timeout=5) as reply:
            text: str = reply.read().decode()
            return text
