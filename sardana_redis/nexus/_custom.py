"""Where a macro's custom data go, by the rules of Sardana's own HDF5 recorder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sardana_redis.nexus._items import Item, Tree, children_of, dataset, group, is_group
from sardana_redis.nexus._names import h5_name, unique_names

__all__ = ["add_custom_data"]

_DEFAULT_PATH: Final = "custom_data:NXcollection"


def add_custom_data(entry: Tree, items: Iterable[Mapping[str, Any]]) -> None:
    """Adds each item below the entry, at its `nxpath` (`a:NXcollection/b`).

    Nothing that is there already is replaced: another name is found for what would.
    """
    for item in items:
        made = dataset(item.get("value"))
        if made is None:
            continue
        place = entry
        for step in str(item.get("nxpath") or _DEFAULT_PATH).split("/"):
            if step:
                place = _step(place, step)
        _add(place, h5_name(str(item.get("name", "data"))), made)


def _step(place: Tree, step: str) -> Tree:
    """The group within `place` that `name` or `name:class` means, made where it is missing."""
    text, _, nx_class = step.partition(":")
    name = h5_name(text)
    found = children_of(place).get(name)
    if found is not None and is_group(found):
        tree: Tree = found
        return tree
    made = group(nx_class or "NXcollection")
    _add(place, name, made)
    return made


def _add(place: Tree, name: str, item: Item) -> None:
    (free,) = unique_names([name], children_of(place))
    children_of(place)[free] = item
