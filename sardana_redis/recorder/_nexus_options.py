"""Where a scan's NeXus file goes: Sardana's variable `NexusWriterOpts`, or ScanFile.

The variable is the proof of concept's later one: a mapping with `save`, `scanFile` (within
ScanDir; `.h5` is added to a name without a suffix), `singleNXFile` (false: a file for each
scan, and two that link to them) and `data_writer` (blisswriter 2.0 writes only what names it).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sardana_redis.errors import BadInputError
from sardana_redis.model import NexusTarget, ScanFile
from sardana_redis.recorder._files import left_to_us, nexus_file

__all__ = ["NexusOptions", "nexus_options", "nexus_target"]

_DEFAULT_SUFFIX = ".h5"
_NAMES = {"data_writer": str, "save": bool, "scanFile": str, "singleNXFile": bool}


@dataclass(frozen=True, slots=True)
class NexusOptions:
    """What the operator chose; None where the choice is left to us."""

    data_writer: str = "nexus"
    save: bool = True
    scan_file: str | None = None
    single_file: bool = True


def nexus_options(value: Any) -> NexusOptions:
    """The options that `NexusWriterOpts` holds; raises BadInputError, with what is wrong."""
    if value is None:
        return NexusOptions()
    if not isinstance(value, Mapping):
        raise BadInputError("it must be a mapping such as {'save': True, 'scanFile': 'a.h5'}")
    for name, given in value.items():
        if name not in _NAMES:
            raise BadInputError(f"it has a key {name!r}; the keys are {', '.join(_NAMES)}")
        if given is not None and not isinstance(given, _NAMES[name]):
            raise BadInputError(f"its key {name!r} must be a {_NAMES[name].__name__}")
    given = {name: item for name, item in value.items() if item is not None and item != ""}
    return NexusOptions(
        data_writer=given.get("data_writer", "nexus"),
        save=given.get("save", True),
        scan_file=given.get("scanFile"),
        single_file=given.get("singleNXFile", True),
    )


def nexus_target(
    options: NexusOptions,
    files: Sequence[ScanFile],
    scan_dir: str | None,
    number: int,
    *,
    proposal: str | None = None,
    beamline: str | None = None,
) -> NexusTarget:
    """Where the NeXus file of scan `number` goes; raises BadInputError where nobody can tell."""
    if not options.save:
        return NexusTarget(is_saved=False)
    path = _chosen(options.scan_file, files, scan_dir)
    if path is None:
        return NexusTarget()
    if options.single_file:
        return NexusTarget(str(path), options.data_writer)
    masters = _file_for_each_scan(path, number, proposal, beamline)
    return NexusTarget(str(masters["dataset"]), options.data_writer, _texts(masters))


def _chosen(scan_file: str | None, files: Sequence[ScanFile], scan_dir: str | None) -> Path | None:
    if scan_file is None:
        found = nexus_file(files)
        return None if found is None else Path(found)
    path = Path(scan_dir or "", scan_file)
    if not path.is_absolute() and not scan_dir:
        raise BadInputError("its scanFile lies in ScanDir, and that is not set")
    path = path.absolute()
    return Path(left_to_us(str(path if path.suffix else path.with_suffix(_DEFAULT_SUFFIX)), files))


def _file_for_each_scan(
    path: Path, number: int, proposal: str | None, beamline: str | None
) -> dict[str, Path]:
    """The file of the scan, and those of its collection and proposal that link to it."""
    stem, suffix = path.stem, path.suffix
    collection = path.parent / stem
    scan = f"{stem}_{number}"
    masters = {
        "dataset": collection / scan / f"{scan}{suffix}",
        "dataset_collection": collection / f"{_joined(proposal, stem)}{suffix}",
    }
    if proposal or beamline:
        masters["proposal"] = path.parent / f"{_joined(proposal, beamline)}{suffix}"
    return masters


def _joined(*parts: str | None) -> str:
    return "_".join(re.sub(r"[/\x00]", "_", part) for part in parts if part)


def _texts(paths: Mapping[str, Path]) -> dict[str, str]:
    return {name: str(path) for name, path in paths.items()}
