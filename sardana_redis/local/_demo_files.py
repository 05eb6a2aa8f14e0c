"""What the demo shows of the files that were written meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import h5py
from rich.console import Console

from sardana_redis.keys import POINT_NUMBER_STREAM
from sardana_redis.local._process import Process
from sardana_redis.local._progress import write
from sardana_redis.local._stack import LocalStack
from sardana_redis.local._writer import NEXUS_WRITER, SPEC_WRITER
from sardana_redis.model import WriterScanState
from sardana_redis.store import ReadScan, wait_for_report

__all__ = ["show_files"]

_WRITER_SECONDS: Final = 20.0
_SPEC_LINES: Final = 32
_LINE_WIDTH: Final = 100
_SHOWN_VALUE: Final = 60


def show_files(console: Console, stack: LocalStack, scan: ReadScan) -> bool:
    """Shows the scan's files; returns whether the writers wrote all points."""
    is_written = _is_written(console, stack, scan, SPEC_WRITER, stack.spec_writer)
    if is_written:
        path = stack.scan_dir / "demo.dat"
        write(console, f"\nThe SPEC file {path}, followed from Redis, begins with:")
        lines = path.read_text(encoding="utf-8").splitlines()[:_SPEC_LINES]
        _show(console, lines)
    if not _is_written(console, stack, scan, NEXUS_WRITER, stack.nexus_writer):
        return False
    path = stack.scan_dir / "demo.h5"
    write(console, f"\nThe NeXus file {path} holds:")
    _show(console, tree_lines(path))
    if is_written:
        points = len(scan.streams[POINT_NUMBER_STREAM].points)
        write(console, f"All {points} points are in the SPEC file and in the NeXus file.", "green")
    return is_written


def tree_lines(path: Path) -> list[str]:
    """The tree of a NeXus file, a line an item."""
    with h5py.File(path, locking=False) as file:  # its writer may have it open
        return list(_items(file, ""))


def _items(group: Any, indent: str) -> Iterator[str]:
    for name in group:
        where = group.get(name, getlink=True)
        if isinstance(where, h5py.SoftLink | h5py.ExternalLink):
            yield f"{indent}{name} -> {where.path}"
        elif isinstance(group[name], h5py.Group):
            yield f"{indent}{name}: {group[name].attrs.get('NX_class', 'group')}"
            yield from _items(group[name], f"{indent}  ")
        else:
            yield f"{indent}{name} = {_value(group[name])}"


def _value(dataset: Any) -> str:
    unit = dataset.attrs.get("units", "")
    if dataset.shape:
        shape = " x ".join(map(str, dataset.shape))
        is_text = h5py.check_string_dtype(dataset.dtype) is not None
        return f"{'text' if is_text else dataset.dtype}[{shape}] {unit}".rstrip()
    value = dataset.asstr()[()] if h5py.check_string_dtype(dataset.dtype) else dataset[()]
    text = f"{value} {unit}".rstrip()
    return text if len(text) <= _SHOWN_VALUE else f"{text[:_SHOWN_VALUE]} ..."


def _show(console: Console, lines: list[str]) -> None:
    for line in lines:
        write(console, line if len(line) <= _LINE_WIDTH else f"{line[:_LINE_WIDTH]} ...", "dim")


def _is_written(
    console: Console, stack: LocalStack, scan: ReadScan, name: str, process: Process
) -> bool:
    """Whether the writer wrote all points; tells the end of its log where it did not."""
    report = wait_for_report(stack.redis.url, name, scan.key, seconds=_WRITER_SECONDS)
    points = len(scan.streams[POINT_NUMBER_STREAM].points)
    if report is not None and (report.points, report.state) == (points, WriterScanState.DONE):
        return True
    write(console, f"{process.name} did not finish:\n{process.log_tail()}", "red")
    return False
