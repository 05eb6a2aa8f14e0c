"""A Prometheus of its own, which scrapes a beamline every second."""

from __future__ import annotations

import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sardana_redis.local._ports import HOST, free_port
from sardana_redis.local._process import Process

PROMETHEUS = shutil.which("prometheus")
JOB = "sardana-redis"


class Prometheus:
    """The program on a free port; its files lie in `folder`."""

    def __init__(
        self, folder: Path, *, rules: Mapping[str, Any], targets: Mapping[str, list[str]]
    ) -> None:
        self.url = f"http://{HOST}:{free_port()}"
        folder.mkdir()
        for name, document in rules.items():
            (folder / name).write_text(yaml.safe_dump(document), encoding="utf-8")
        static = [{"targets": t, "labels": {"beamline": b}} for b, t in targets.items()]
        config = {
            "global": {
                "scrape_interval": "1s",
                "scrape_timeout": "1s",
                "evaluation_interval": "1s",
            },
            "rule_files": [str(folder / name) for name in rules],
            "scrape_configs": [{"job_name": JOB, "static_configs": static}],
        }
        file = folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        command = [
            str(PROMETHEUS),
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
        ]
        self.process = Process("Prometheus", command, folder=folder, log=folder / "prometheus.log")

    def start(self) -> None:
        self.process.start()
        self.process.wait_until(self._is_ready, seconds=30, purpose="become ready")

    def query(self, expr: str) -> list[dict[str, Any]]:
        return self._get("query", query=expr)["result"]

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def firing(self) -> dict[str, list[dict[str, str]]]:
        """Alert -> labels of each one that fires."""
        found: dict[str, list[dict[str, str]]] = {}
        for alert in self._get("alerts")["alerts"]:
            if alert["state"] == "firing":
                labels = dict(alert["labels"])
                found.setdefault(labels.pop("alertname"), []).append(labels)
        return found

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def _get(self, what: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{what}?{query}", timeout=10) as answer:
            return json.load(answer)["data"]
