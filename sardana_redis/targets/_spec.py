"""Which file a scan goes into."""

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

__all__ = ["SPEC_SUFFIXES", "spec_target"]

SPEC_SUFFIXES = (".dat", ".spec", ".txt")


def spec_target(scan: Scan, output_root: Path | None) -> Target | NoTarget:
    """The SPEC file of the scan, inside of `output_root` where one is given."""
    files = files_of(scan)
    target = _of_files(files) if files else _of_path(scan)
    return target if isinstance(target, NoTarget) else inside(target, output_root)


def _of_files(files: list[tuple[Path, bool]]) -> Target:
    taken = {path for path, is_taken in files if is_taken}
    spec_files = [(path, is_taken) for path, is_taken in files if _is_spec(path)]
    for path, is_taken in spec_files:
        if not is_taken:
            return Target(path)
    if spec_files:
        path = spec_files[0][0]
        return Target(beside(path, taken), f"Sardana itself writes {path}")
    path = files[0][0]
    return Target(beside(path.with_suffix(".dat"), taken, is_free=True), _no_spec_note(files))


def _of_path(scan: Scan) -> Target | NoTarget:
    """The file of a scan that names none as Sardana's do: beside its NeXus file."""
    path = path_of(scan)
    if isinstance(path, NoTarget) or _is_spec(path):
        return path if isinstance(path, NoTarget) else Target(path)
    return Target(path.with_suffix(".dat"), f"the scan names {path}, which is no SPEC file")


def _no_spec_note(files: list[tuple[Path, bool]]) -> str:
    return f"the scan names {', '.join(str(path) for path, _ in files)}, none of them a SPEC file"


def _is_spec(path: Path) -> bool:
    return path.suffix.lower() in SPEC_SUFFIXES
