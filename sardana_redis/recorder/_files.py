"""Who writes which file of a scan.

Sardana builds file recorders of its own beside ours, so that a follower must know which
paths are taken (`GScan._getFileRecorders`, Sardana 3.7.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sardana_redis.model import FileWriter, ScanFile
from sardana_redis.targets import NEXUS_SUFFIXES

__all__ = ["left_to_us", "nexus_file", "scan_files", "with_file"]


def scan_files(
    scan_dir: str | None, scan_file: Sequence[str], recorders: Iterable[Any], ours: type
) -> tuple[ScanFile, ...]:
    """The files of a scan, in ScanFile's order, then those that only a recorder knows of."""
    taken = _paths_of_others(recorders, ours)
    files = []
    if scan_dir:
        for name in scan_file:
            path = str(Path(scan_dir, name).absolute())
            writer = FileWriter.SARDANA if path in taken else FileWriter.REDIS
            files.append(ScanFile(path, writer))
    known = {file.path for file in files}
    files += [ScanFile(path, FileWriter.SARDANA) for path in sorted(taken - known)]
    return tuple(files)


def nexus_file(files: Sequence[ScanFile]) -> str | None:
    """The path of the NeXus file that is written from Redis; None where there is none."""
    found = [file for file in files if Path(file.path).suffix.lower() in NEXUS_SUFFIXES]
    for file in found:
        if file.writer is FileWriter.REDIS:
            return file.path
    return left_to_us(found[0].path, files) if found else None


def left_to_us(path: str, files: Iterable[ScanFile]) -> str:
    """The path itself; with `_redis` behind its stem where Sardana writes that file."""
    if ScanFile(path, FileWriter.SARDANA) not in files:
        return path
    taken = Path(path)
    return str(taken.with_stem(f"{taken.stem}_redis"))


def with_file(files: tuple[ScanFile, ...], path: str) -> tuple[ScanFile, ...]:
    """The files and behind them, where it is not among them, one that is left to us."""
    ours = ScanFile(path, FileWriter.REDIS)
    return files if ours in files else (*files, ours)


def _paths_of_others(recorders: Iterable[Any], ours: type) -> set[str]:
    """Where Sardana's recorders write; a FIO recorder adds the number to its `base_filename`."""
    paths = set()
    for recorder in recorders:
        if isinstance(recorder, ours):
            continue
        for name in ("filename", "base_filename"):
            path = getattr(recorder, name, None)
            if isinstance(path, str) and path:
                paths.add(str(Path(path).absolute()))
    return paths
