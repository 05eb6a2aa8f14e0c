"""The way from where a scan's streams say that its columns are to where they are."""

from __future__ import annotations

from typing import Any

import h5py

from sardana_redis.nexus import MEASUREMENT, entry_name, part_of, way_name
from sardana_redis.store import FollowedScan

__all__ = ["show_way"]


def show_way(tree: Any, scan: FollowedScan, entry: str) -> None:
    """Links the columns of a scan from the entry of its number, where that is another scan's.

    The streams were published before anybody looked into the file (decision 15). Where there
    is no room for the link there is none: readers then find nothing, as without the file.
    """
    born = entry_name(int(scan.identity.get("number") or 0), part_of(scan.info))
    if born == entry or not isinstance(tree.get(born), h5py.Group):
        return
    folder, name = way_name(scan.key).split("/")
    if folder in tree[born] and not isinstance(tree[born].get(folder), h5py.Group):
        return
    links = tree[born].require_group(folder)
    if name not in links:
        links[name] = h5py.SoftLink(f"/{entry}/{MEASUREMENT}")
