"""From the hand-written schema and the models of our settings to values.schema.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel

from sardana_redis.settings import Settings, nested_settings

__all__ = ["CHART", "CHART_SETS", "values_schema"]

CHART: Final = Path(__file__).parents[1] / "helm" / "sardana-redis"

CHART_SETS: Final = {
    "http_host",
    "http_port",
    "instance",
    "public_host",
    "port",
    "heartbeat_port",
    "event_port",
}
"""Settings that the chart gives itself, from its other values; nobody sets them in `config`."""

_NOISE: Final = ("title", "default")


def values_schema() -> dict[str, Any]:
    """The whole schema, draft 7."""
    source = Path(__file__).with_name("schema.yaml")
    schema: dict[str, Any] = yaml.safe_load(source.read_text(encoding="utf-8"))
    models: dict[str, type[BaseModel]] = {"tree": Settings, **nested_settings()}
    for name, model in models.items():
        schema["definitions"][f"settings.{name}"] = _definition(model)
    return schema


def _definition(model: type[BaseModel]) -> dict[str, Any]:
    found = model.model_json_schema()
    shared = found.pop("$defs", {})
    sections = nested_settings()
    properties = {
        name: _plain(_inlined(part, shared))
        for name, part in found["properties"].items()
        if name not in CHART_SETS and name not in (sections if model is Settings else ())
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _inlined(part: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    reference = part.get("$ref")
    if reference is None:
        return part
    rest = {name: value for name, value in part.items() if name != "$ref"}
    return {**shared[reference.rpartition("/")[2]], **rest}


def _plain(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in _NOISE}
