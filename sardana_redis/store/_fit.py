"""Keeping a scan's info within blissdata's limit of 1 MiB.

blissdata's readers take any size, but its writers refuse more than 2**20 characters of
JSON (`Scan._filter_nan_values`, 2.4.5). What is left out is named in
`info["sardana"]["left_out"]`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from sardana_redis.errors import ScanInfoTooLargeError
from sardana_redis.keys import DETECTORS_LEFT_OUT, MAPS_LEFT_OUT
from sardana_redis.model import Info
from sardana_redis.store._document import plain
from sardana_redis.store._exact import EXACT, add_exact_texts

__all__ = ["SOFT_LIMIT_BYTES", "fit_info"]

SOFT_LIMIT_BYTES = 900_000
_HARD_LIMIT_BYTES = 2**20
_LONGEST_ARRAY = 64
_MOST_PLOT_ITEMS = 20

EXACT_LEFT_OUT = f"sardana.{EXACT}"

_Reduction = Callable[[Info], list[str]]


def _nothing(_info: Info) -> Info:
    return {}


def fit_info(info: Info, derive: Callable[[Info], Info] = _nothing) -> Info:
    """The info as plain JSON values, with as much left out as the limit demands.

    `derive` makes the file trees for `info["h5maps"]`, plain ones, from what the rest holds.
    """
    fitting: Info = plain(info)
    if EXACT_LEFT_OUT not in fitting.get("sardana", {}).get("left_out", ()):
        add_exact_texts(fitting)
    _add_maps(fitting, derive)
    if _size(fitting) <= SOFT_LIMIT_BYTES:
        return fitting
    left_out: list[str] = fitting.setdefault("sardana", {}).setdefault("left_out", [])
    for reduce in _REDUCTIONS:
        named = [name for name in reduce(fitting) if name not in left_out]
        if not named:
            continue
        left_out += named
        _add_maps(fitting, derive)
        if _size(fitting) <= SOFT_LIMIT_BYTES:
            return fitting
    size = _size(fitting)
    if size > _HARD_LIMIT_BYTES:
        raise ScanInfoTooLargeError(
            f"The scan's info takes {size} bytes of {_HARD_LIMIT_BYTES}, with all left out that "
            "may be: scan with fewer columns or shorter names."
        )
    return fitting


def _add_maps(fitting: Info, derive: Callable[[Info], Info]) -> None:
    maps = (
        {} if MAPS_LEFT_OUT in fitting.get("sardana", {}).get("left_out", ()) else derive(fitting)
    )
    if maps:
        fitting["h5maps"] = maps


def _size(info: Info) -> int:
    """How blissdata measures it: characters of JSON as Python writes it by default."""
    return len(json.dumps(info))


def _drop_exact_texts(info: Info) -> list[str]:
    """Leaves out what the snapshot says as well, but for the last bits."""
    return [EXACT_LEFT_OUT] * (info.get("sardana", {}).pop(EXACT, None) is not None)


def _drop_long_snapshots(info: Info) -> list[str]:
    snapshot: dict[str, Any] = info.get("snapshot", {})
    long = [name for name, item in snapshot.items() if _is_long(item.get("value"))]
    for name in long:
        # Set, not deleted: fioblisswriter gives up all items behind one without it.
        snapshot[name]["value"] = None
    return [f"snapshot.{name}" for name in long]


def _drop_long_custom_data(info: Info) -> list[str]:
    items: list[dict[str, Any]] = info["sardana"].get("custom", [])
    long = [item for item in items if _is_long(item.get("value"))]
    for item in long:
        item["value"] = None
    return [f"custom.{item['name']}" for item in long]


def _drop_plot_items(info: Info) -> list[str]:
    dropped = []
    for plot in info.get("plots", []):
        items = plot.get("items", [])
        dropped += [f"plots.{plot.get('name', plot['kind'])}"] * (len(items) > _MOST_PLOT_ITEMS)
        del items[_MOST_PLOT_ITEMS:]
    return dropped


def _drop_chain_lists(info: Info) -> list[str]:
    """Empties the lists of channels that blissdata calls deprecated; `channels` says the same."""
    dropped = False
    for chain in info.get("acquisition_chain", {}).values():
        for lists in (chain, chain.get("master", {})):
            for name in ("scalars", "spectra", "images"):
                if lists.get(name):
                    lists[name] = []
                    dropped = True
    return ["acquisition_chain"] * dropped


def _drop_long_names(info: Info) -> list[str]:
    dropped = {
        f"datadesc.*.{name}": None
        for item in info.get("datadesc", {}).values()
        for name in ("name", "nexus_path")
        if item.pop(name, None) is not None
    }
    return list(dropped)


def _drop_detectors(info: Info) -> list[str]:
    """Leaves out of the file trees the groups that only link to a column."""
    return [DETECTORS_LEFT_OUT] * bool(info.get("h5maps"))


def _drop_maps(info: Info) -> list[str]:
    """Leaves out the file trees, but not of a scan whose writer has begun with them."""
    dropped = "end_reason" not in info and info.pop("h5maps", None) is not None
    return [MAPS_LEFT_OUT] * dropped


def _drop_datadesc(info: Info) -> list[str]:
    dropped = bool(info.get("datadesc"))
    info["datadesc"] = {}
    return ["datadesc"] * dropped


def _drop_all_custom_data(info: Info) -> list[str]:
    """Leaves out what may have grown without limit since the scan was born."""
    dropped = ["custom"] if info["sardana"].get("custom") else []
    info["sardana"]["custom"] = []
    return dropped


_REDUCTIONS: tuple[_Reduction, ...] = (
    _drop_exact_texts,
    _drop_long_snapshots,
    _drop_long_custom_data,
    _drop_plot_items,
    _drop_chain_lists,
    _drop_long_names,
    _drop_detectors,
    _drop_datadesc,
    _drop_all_custom_data,
    _drop_maps,
)


def _is_long(value: Any) -> bool:
    return sum(1 for _ in _leaves(value)) > _LONGEST_ARRAY


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str):
        yield from range(1 + len(value) // 16)  # a long text weighs as much as an array
    else:
        yield value
