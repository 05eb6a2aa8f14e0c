"""Writes the dashboards into the chart."""

from __future__ import annotations

from pathlib import Path

from dashboards import engineer, scans
from dashboards.board import as_json

FOLDER = Path(__file__).parents[1] / "helm" / "sardana-redis" / "dashboards"
BUILT = {"sardana-redis.json": engineer.dashboard, "scans.json": scans.dashboard}


def main() -> None:
    """Writes each dashboard's file anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, build in BUILT.items():
        (FOLDER / name).write_text(as_json(build()), encoding="utf-8")


if __name__ == "__main__":
    main()
