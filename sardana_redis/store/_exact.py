"""Numbers as they were, although RedisJSON rounds: one double in ten by its last bit.

The snapshot's numbers stay numbers, for all readers; those that would be rounded are in
`info["sardana"]["exact"]` once more, as JSON text, which Redis leaves alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from sardana_redis.model import Info

__all__ = ["EXACT", "add_exact_texts", "restore_exact", "survives_redis"]

EXACT: Final = "exact"
_MOST_VALUES: Final = 64


def survives_redis(value: float) -> bool:
    """Whether RedisJSON gives the number back as it is: it rounds many of more digits."""
    is_plain = value == 0 or 1e-9 < abs(value) < 1e15
    return math.isfinite(value) and is_plain and float(f"{value:.12g}") == value


def add_exact_texts(info: Info) -> None:
    """Adds the texts of the snapshot to an info of plain values; of longer arrays none."""
    snapshot = info.get("snapshot")
    if not isinstance(snapshot, dict):
        return
    texts = {
        label: json.dumps(item["value"])
        for label, item in snapshot.items()
        if _is_rounded(item.get("value"))
    }
    if texts:
        info.setdefault("sardana", {})[EXACT] = texts


def restore_exact(info: Info) -> Info:
    """The info, whose snapshot and positions are as they were before they went to Redis."""
    sardana = info.get("sardana")
    texts = sardana.get(EXACT) if isinstance(sardana, Mapping) else None
    if not isinstance(texts, Mapping):
        return info
    values = {label: value for label, text in texts.items() if (value := _parsed(text)) is not None}
    snapshot = info.get("snapshot")
    for label, item in snapshot.items() if isinstance(snapshot, dict) else ():
        if label in values and isinstance(item, dict) and item.get("value") is not None:
            item["value"] = values[label]
    positioners = info.get("positioners")
    start = positioners.get("positioners_start") if isinstance(positioners, Mapping) else None
    if isinstance(start, dict):
        start.update({label: values[label] for label in start.keys() & values.keys()})
    return info


def _parsed(text: Any) -> Any:
    """The number or numbers; None where somebody else wrote something else there."""
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        return None
    return value if isinstance(value, float | list) else None


def _is_rounded(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return len(values) <= _MOST_VALUES and any(
        isinstance(item, float) and not survives_redis(item) for item in values
    )
