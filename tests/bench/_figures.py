"""One line of the table: two numbers, what they are, and the goal that they have to meet."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

__all__ = ["Figure", "print_tables", "write_json"]

_NAME_WIDTH = 40


@dataclass(frozen=True, slots=True)
class Figure:
    """`name` says what is compared with what; `goal` None where a figure only informs.

    The goal bounds the ratio of ours to other, or `ours` itself where `is_absolute`: other
    is then the goal. NaN stands for what could not be measured, and misses any goal.
    """

    name: str
    columns: int
    ours: float
    other: float
    unit: str
    goal: float | None = None
    goal_is: Literal["max", "min"] = "max"
    is_absolute: bool = False

    @property
    def ratio(self) -> float:
        """Ours to other."""
        return self.ours / self.other if self.other else math.nan

    @property
    def met(self) -> bool:
        """Whether the goal is met, as it is where there is none."""
        if self.goal is None:
            return True
        value = self.ours if self.is_absolute else self.ratio
        return value <= self.goal if self.goal_is == "max" else value >= self.goal

    def as_json(self) -> dict[str, Any]:
        """The object in bench.json."""
        return {
            "name": self.name,
            "columns": self.columns,
            "ours": _finite(self.ours),
            "other": _finite(self.other),
            "unit": self.unit,
            "ratio": _finite(self.ratio),
            "goal": self.goal,
            "goal_is": self.goal_is,
            "met": self.met,
        }


def write_json(figures: Sequence[Figure], path: Path) -> None:
    """Writes the list of objects."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([figure.as_json() for figure in figures], indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def print_tables(figures: Sequence[Figure], console: Console) -> None:
    """Prints what only informs, then what has a goal; what misses its goal is red."""
    for title, has_goal in (("For information", False), ("Goals", True)):
        chosen = [figure for figure in figures if (figure.goal is not None) is has_goal]
        if chosen:
            console.print(_table(title, chosen))


def _table(title: str, figures: Sequence[Figure]) -> Table:
    table = Table(title=title)
    table.add_column("what is compared", overflow="fold", min_width=_NAME_WIDTH)
    for heading in ("columns", "ours", "other", "unit", "ratio", "goal", "met"):
        table.add_column(heading, justify="right", no_wrap=True)
    for figure in figures:
        table.add_row(*_row(figure), style=None if figure.met else "bold red")
    return table


def _row(figure: Figure) -> tuple[str, ...]:
    goal = met = ""
    if figure.goal is not None:
        sign = "<=" if figure.goal_is == "max" else ">="
        goal = f"{sign} {figure.goal:.3g}"
        met = "yes" if figure.met else "NO"
    numbers = (f"{figure.ours:.4g}", f"{figure.other:.4g}", figure.unit, f"{figure.ratio:.3g}")
    return (figure.name, str(figure.columns), *numbers, goal, met)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
