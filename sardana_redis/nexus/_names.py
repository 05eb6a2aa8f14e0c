"""Names in an HDF5 file that are legal, unique and close to what the operator reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

__all__ = ["entry_name", "h5_name", "nx_name", "renamed", "unique_names"]

_T = TypeVar("_T")

_NOT_IN_HDF5 = re.compile(r"[/\x00-\x1f\x7f]")
_NOT_IN_NEXUS = re.compile(r"[^A-Za-z0-9_]")


def entry_name(number: int, part: int = 1) -> str:
    """`<scan number>.<part>`: the name of a scan's NXentry; parts count what shares a number."""
    return f"{number}.{part}"


def h5_name(text: str) -> str:
    """The text itself but for what HDF5 takes for a path; for groups that NeXus leaves free."""
    name = _NOT_IN_HDF5.sub("_", text)
    return name if name.strip(".") else "_" * max(1, len(name))


def nx_name(text: str) -> str:
    """The text as NeXus allows it, by the rule of Sardana's own recorder: `#Pt No` is `Pt_No`."""
    name = _NOT_IN_NEXUS.sub("", text.replace(" ", "_"))
    return f"_{name}" if not name or name[0].isdigit() else name


def unique_names(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """The names in their order; one that was taken before gets `_2`, `_3`, ... behind it."""
    used = set(taken)
    result = []
    for name in names:
        unique, number = name, 2
        while unique in used:
            unique, number = f"{name}_{number}", number + 1
        used.add(unique)
        result.append(unique)
    return result


def renamed(values: Mapping[str, _T], rule: Callable[[str], str]) -> dict[str, _T]:
    """The values under names made by the rule, none lost where two names become one."""
    names = unique_names(rule(str(name)) for name in values)
    return dict(zip(names, values.values(), strict=True))
