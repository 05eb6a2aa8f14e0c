"""Which NeXus file a scan goes into."""

from __future__ import annotations

from pathlib import Path

from sardana_redis.targets._rules import (
    NoTarget,
    Scan,
    Target,
    beside,
    files_of,
    inside,
    path_of,
)

__all__ = ["NEXUS_SUFFIXES", "nexus_target"]

NEXUS_SUFFIXES = (".h5", ".hdf5", ".nxs", ".nx", ".hdf")


def nexus_target(scan: Scan, output_root: Path | None) -> Target | NoTarget:
    """The NeXus file of the scan, inside of `output_root` where one is given.

    It is the one that the scan's `filename` or `path` names, else the first of its files;
    one that Sardana itself writes is left alone.
    """
    if scan.info.get("save") is False:
        return NoTarget(_why_not_saved(scan))
    taken = {path for path, is_taken in files_of(scan) if is_taken}
    named = path_of(scan)
    paths = [named] if isinstance(named, Path) else []
    paths += [path for path, _ in files_of(scan)]
    found = [path for path in paths if path.suffix.lower() in NEXUS_SUFFIXES]
    if not found:
        return named if isinstance(named, NoTarget) else NoTarget("the scan names no NeXus file")
    free = [path for path in found if path not in taken]
    if free:
        return inside(Target(free[0]), output_root)
    note = f"Sardana itself writes {found[0]}"
    return inside(Target(beside(found[0], taken), note), output_root)


def _why_not_saved(scan: Scan) -> str:
    """A scan without any file is not saved either."""
    named = path_of(scan)
    if isinstance(named, NoTarget) and not files_of(scan):
        return named.reason
    return "the operator does not want it in files"
