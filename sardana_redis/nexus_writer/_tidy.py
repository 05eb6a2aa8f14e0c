"""An entry without links that lead nowhere."""

from __future__ import annotations

from typing import Any

import h5py

__all__ = ["remove_broken_links"]


def remove_broken_links(entry: Any) -> None:
    """Removes what points to columns that got no dataset, having no point with a value.

    A plot without its signal goes as a whole; the entry's default becomes the next one.
    """
    for group in _groups(entry):
        for name in [name for name in group if _is_broken(group, name)]:
            del group[name]
    plots = [name for name in entry if _class_of(entry.get(name)) == "NXdata"]
    for name in [name for name in plots if _lacks_its_signal(entry[name])]:
        del entry[name]
        plots.remove(name)
    if entry.attrs.get("default") in (None, *plots):
        return
    if plots:
        entry.attrs["default"] = plots[0]
    else:
        del entry.attrs["default"]


def _groups(entry: Any) -> list[Any]:
    found: list[Any] = []
    entry.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Group) else None)
    return found


def _lacks_its_signal(plot: Any) -> bool:
    """Whether a plot of ours has none; a macro's own data in an NXdata may name no signal."""
    signal = plot.attrs.get("signal")
    return isinstance(signal, str) and signal not in plot


def _is_broken(group: Any, name: str) -> bool:
    is_soft = isinstance(group.get(name, getlink=True), h5py.SoftLink)
    return is_soft and group.get(name) is None


def _class_of(item: Any) -> str | None:
    return item.attrs.get("NX_class") if isinstance(item, h5py.Group) else None
