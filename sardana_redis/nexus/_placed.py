"""The tree of a scan at its place in a file, as exact as it was published.

RedisJSON rounds: one double in ten comes back from a scan's info off by its last bit. The
values in a published tree are packed, so that they come back as they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sardana_redis.model import Identity, StreamSpec
from sardana_redis.nexus._items import Tree, children_of, is_group, link
from sardana_redis.nexus._map import part_of, scan_tree
from sardana_redis.nexus._names import entry_name

__all__ = ["placed_tree"]

_OF_THE_END: Final = ("end_time", "end_reason", "writer")
"""What the info decides: who closes an orphan changes the info and leaves the tree alone."""


def placed_tree(
    identity: Identity,
    info: Mapping[str, Any],
    streams: Iterable[StreamSpec],
    part: int,
    key: str,
) -> Tree:
    """The root of a file with the entry `<scan number>.<part>`, see `scan_tree`.

    It has what was published of the scan, in `info["h5maps"]`, and what has to be added.
    """
    made = scan_tree(identity, info, streams, part, key)
    entry, born = (entry_name(identity.number, n) for n in (part, part_of(info)))
    published = _published(info, born)
    if published is not None:
        known = {n: i for n, i in children_of(published).items() if n not in _OF_THE_END}
        moved = _moved(published | {"children": known}, f"/{born}/", f"/{entry}/")
        children_of(made)[entry] = _joined(children_of(made)[entry], moved)
    return made


def _published(info: Mapping[str, Any], entry: str) -> Tree | None:
    for root in (info.get("h5maps") or {}).values():
        found = root.get("children", {}).get(entry)
        if is_group(found):
            tree: Tree = found
            return tree
    return None


def _moved(tree: Tree, old: str, new: str) -> Tree:
    """The group with its links turned from below one entry to below another."""
    children = {}
    for name, item in tree.get("children", {}).items():
        if is_group(item):
            children[name] = _moved(item, old, new)
        elif _is_link_below(item, old):
            children[name] = link(new + item["target_path"].removeprefix(old))
        else:
            children[name] = item
    return tree | {"children": children}


def _is_link_below(item: Any, place: str) -> bool:
    is_link = isinstance(item, dict) and item.get("type") == "soft_link"
    return is_link and str(item["target_path"]).startswith(place)


def _joined(made: Tree, published: Tree) -> Tree:
    """All of both groups; of what is in both, what was published."""
    children = dict(made.get("children", {}))
    for name, item in published.get("children", {}).items():
        both = is_group(item) and is_group(children.get(name))
        children[name] = _joined(children[name], item) if both else item
    attributes = {**made.get("attributes", {}), **published.get("attributes", {})}
    return {"type": "group", "attributes": attributes, "children": children}
