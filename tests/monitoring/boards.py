"""The dashboards as Grafana gets them: panels, queries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "helm" / "sardana-redis" / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))


def load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def panels(path: Path) -> list[dict[str, Any]]:
    """All panels but rows."""
    return [panel for panel in load(path)["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str]]:
    """Where it stands, and the query, for each query of each dashboard."""
    for path in FILES:
        for panel in panels(path):
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}: {target['refId']}", target["expr"]
