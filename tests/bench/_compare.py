"""From what the sides measured to figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from tests.bench._arena import Samples, middle
from tests.bench._figures import Figure
from tests.bench._sides import OURS
from tests.bench._workload import Workload

__all__ = ["Goals", "against", "compare", "held_rates"]

Goals = Mapping[tuple[str, int], float]
"""Goals by the name of the other side and the number of columns."""

_HELD_SHARE = 0.95


def compare(
    name: str,
    workload: Workload,
    samples: Samples,
    value: Callable[[Any], float],
    unit: str,
    *,
    others: Sequence[str],
    goals: Goals | None = None,
    goal_is: Literal["max", "min"] = "max",
    remarks: Mapping[str, str] | None = None,
) -> list[Figure]:
    """Ours beside each of the others; `remarks` are added to the others' names.

    Without a goal a pair is left out where one of the two could not be measured.
    """
    ours = middle(samples, OURS, value)
    figures = []
    for other in others:
        theirs = middle(samples, other, value)
        goal = (goals or {}).get((other, workload.columns))
        if goal is None and (math.isnan(ours) or math.isnan(theirs)):
            continue
        title = f"{name}: ours to {other}{(remarks or {}).get(other, '')}{workload.suffix}"
        figures.append(Figure(title, workload.columns, ours, theirs, unit, goal, goal_is))
    return figures


def against(name: str, workload: Workload, ours: float, goal: float, unit: str) -> list[Figure]:
    """Ours beside the goal itself."""
    title = f"{name}: ours to the goal{workload.suffix}"
    return [Figure(title, workload.columns, ours, goal, unit, goal, is_absolute=True)]


def held_rates(samples: Samples, rate: float) -> dict[str, str]:
    """Remarks on the sides that did not hold the rate in points/s; samples have a `rate`."""
    held = {side: middle(samples, side, lambda sample: sample.rate) for side in samples}
    return {
        side: f", which held {found:.3g} points/s"
        for side, found in held.items()
        if found < _HELD_SHARE * rate
    }
