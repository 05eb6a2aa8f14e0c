"""Writes helm/sardana-redis/values.schema.json: `make chart`."""

from __future__ import annotations

import json

from chart_schema import CHART, values_schema

if __name__ == "__main__":
    text = json.dumps(values_schema(), indent=2, ensure_ascii=False)
    (CHART / "values.schema.json").write_text(f"{text}\n", encoding="utf-8")
