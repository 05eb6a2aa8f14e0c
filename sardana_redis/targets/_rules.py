"""Which file a scan goes into: what the rules of all writers are made of."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sardana_redis.model import FileWriter

__all__ = [
    "NoTarget",
    "Scan",
    "ScanTarget",
    "Target",
    "beside",
    "files_of",
    "forced_target",
    "inside",
    "path_of",
    "real_path",
]


class Scan(Protocol):
    """What the rules look at: a scan's identity and info, as blissdata keeps them."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """Name, number, session, path and so on."""

    @property
    def info(self) -> Mapping[str, Any]:
        """The scan's info."""


@dataclass(frozen=True, slots=True)
class Target:
    """The file of a scan; `note` says why it is another one than the scan named."""

    path: Path
    note: str | None = None


@dataclass(frozen=True, slots=True)
class NoTarget:
    """A scan that no file is written for."""

    reason: str


ScanTarget = Callable[[Scan, Path | None], Target | NoTarget]
"""Says which file a scan goes into, inside of a root where one is given."""


def files_of(scan: Scan) -> list[tuple[Path, bool]]:
    """The files that the scan names, each with whether Sardana writes it itself."""
    sardana = scan.info.get("sardana")
    files: Any = sardana.get("files") if isinstance(sardana, Mapping) else None
    return [
        (Path(str(file["path"])), file.get("writer") == FileWriter.SARDANA)
        for file in files or ()
        if isinstance(file, Mapping) and file.get("path")
    ]


def path_of(scan: Scan) -> Path | NoTarget:
    """The file that the scan's identity or info names, as blissdata's publishers do."""
    name = scan.identity.get("path") or scan.info.get("filename")
    if not name:
        return NoTarget("the scan names no file")
    path = Path(str(name))
    if not path.is_absolute() or not path.name:
        return NoTarget(f"the scan's file {name!r} has no absolute path")
    return path


def beside(path: Path, taken: Iterable[Path], *, is_free: bool = False) -> Path:
    """`<stem>_redis<suffix>`, and again, until it is a path that nobody takes."""
    while path in taken or not is_free:
        path = path.with_name(f"{path.stem}_redis{path.suffix}")
        is_free = True
    return path


def forced_target(path: str, output_root: Path | None) -> Target | NoTarget:
    """The file that a person names for a scan, inside of `output_root` where one is given."""
    if not Path(path).is_absolute() or "\0" in path:
        return NoTarget(f"{path!r} is not an absolute path")
    return inside(Target(Path(path)), output_root)


def real_path(path: Path) -> Path:
    """The path without links and `..`; unlike `Path.resolve` it bears links that form a ring."""
    return Path(os.path.realpath(path))


def inside(target: Target, output_root: Path | None) -> Target | NoTarget:
    """The target itself where it lies in `output_root`, or there is none."""
    if output_root is None:
        return target
    root = real_path(output_root)
    if not real_path(target.path).is_relative_to(root):
        return NoTarget(f"{target.path} lies outside of {root}, which output_root demands")
    return target
