"""What `sardana-redis watch` shows: from two looks at Redis to rows, from rows to tables. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sardana_redis.lag import ScanPosition, writer_lag
from sardana_redis.store import Memory, Outlook, ScanSummary, WriterOutlook

__all__ = ["MemoryRow", "ScanRow", "View", "WriterRow", "make_view", "render"]

_STATE_STYLES = {"STARTED": "green", "CLOSED": "dim"}
_FULL, _BRAKING = 0.95, 0.9
"""Shares of maxmemory at which unread data may go, and at which scans are held back."""


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """Redis' memory; without a limit `max_bytes` is 0 and there is no ratio."""

    used_bytes: int
    max_bytes: int
    used_ratio: float | None


@dataclass(frozen=True, slots=True)
class ScanRow:
    """A scan; `points_per_second` since the look before, None in the first one."""

    key: str
    number: int
    name: str
    title: str
    state: str
    points: int
    points_per_second: float | None
    end_reason: str | None


@dataclass(frozen=True, slots=True)
class WriterRow:
    """A writer and how far it is behind all scans in Redis."""

    name: str
    kind: str
    is_up: bool
    seen_seconds_ago: float
    lag_points: int
    lag_seconds: float
    pending_scans: int
    parked_scans: int


@dataclass(frozen=True, slots=True)
class View:
    """All that is shown; `url` without its password."""

    url: str
    memory: MemoryRow
    scans: tuple[ScanRow, ...]
    writers: tuple[WriterRow, ...]


def make_view(url: str, now: Outlook, before: Outlook | None) -> View:
    """What is to be seen now; `before` is the look before it, for the rates."""
    return View(
        url=url,
        memory=_memory_row(now.memory),
        scans=tuple(_scan_row(scan, now, before) for scan in now.scans),
        writers=tuple(_writer_row(writer, now.now_ms) for writer in now.writers),
    )


def render(view: View, trouble: str = "") -> RenderableType:
    """The view for a terminal; `trouble` says why it cannot be a fresh one."""
    parts: list[RenderableType] = [_memory_line(view.url, view.memory)]
    if trouble:
        parts.append(Text(trouble, style="bold red"))
    parts += [Text(), _scan_table(view.scans), Text(), _writer_table(view.writers)]
    return Group(*parts)


def _memory_row(memory: Memory) -> MemoryRow:
    ratio = memory.used / memory.maximum if memory.maximum else None
    return MemoryRow(memory.used, memory.maximum, ratio)


def _scan_row(scan: ScanSummary, now: Outlook, before: Outlook | None) -> ScanRow:
    rate = None
    if before is not None and now.now_ms > before.now_ms:
        points = next((old.points for old in before.scans if old.key == scan.key), 0)
        rate = max(0, scan.points - points) * 1000 / (now.now_ms - before.now_ms)
    return ScanRow(
        key=scan.key,
        number=scan.number,
        name=scan.name,
        title=scan.title,
        state=scan.state,
        points=scan.points,
        points_per_second=rate,
        end_reason=scan.end_reason,
    )


def _writer_row(writer: WriterOutlook, now_ms: int) -> WriterRow:
    positions = (
        ScanPosition(scan.end, scan.progress, scan.oldest_ms) for scan in writer.unfinished
    )
    lag = writer_lag(now_ms, writer.record, writer.last_progress_ms, positions)
    return WriterRow(
        name=writer.name,
        kind=writer.record.kind,
        is_up=lag.is_up,
        seen_seconds_ago=max(0.0, (now_ms - writer.record.seen_ms) / 1000),
        lag_points=lag.points,
        lag_seconds=lag.seconds,
        pending_scans=lag.pending_scans,
        parked_scans=writer.parked,
    )


def _memory_line(url: str, memory: MemoryRow) -> Text:
    line = Text.assemble(f"{url}  memory ", (_size(memory.used_bytes), "bold"))
    if memory.used_ratio is None:
        return line.append(" without a limit: set maxmemory", style="yellow")
    style = "green"
    if memory.used_ratio >= _BRAKING:
        style = "bold red" if memory.used_ratio >= _FULL else "yellow"
    line.append(f" of {_size(memory.max_bytes)} ")
    return line.append(f"({memory.used_ratio:.1%})", style=style)


def _scan_table(scans: Sequence[ScanRow]) -> RenderableType:
    if not scans:
        return Text("There is no scan in this Redis yet.")
    table = _table("scan", "name", "state", ">points", ">points/s", "end reason", "title")
    for scan in scans:
        rate = "" if scan.points_per_second is None else f"{scan.points_per_second:.1f}"
        table.add_row(
            str(scan.number),
            scan.name,
            Text(scan.state, style=_STATE_STYLES.get(scan.state, "")),
            str(scan.points),
            rate,
            scan.end_reason or "",
            Text(scan.title, overflow="ellipsis", no_wrap=True),
        )
    return table


def _writer_table(writers: Sequence[WriterRow]) -> RenderableType:
    if not writers:
        return Text("No writer is registered in this Redis.")
    table = _table("writer", "kind", "state", ">lag points", ">lag seconds", ">pending", ">parked")
    for writer in writers:
        is_late = writer.lag_points > 0
        state = "up" if writer.is_up else f"down for {writer.seen_seconds_ago:.0f} s"
        table.add_row(
            writer.name,
            writer.kind,
            Text(state, style="green" if writer.is_up else "bold red"),
            Text(str(writer.lag_points), style="yellow" if is_late else ""),
            Text(f"{writer.lag_seconds:.1f}", style="yellow" if is_late else ""),
            str(writer.pending_scans),
            Text(str(writer.parked_scans), style="bold red" if writer.parked_scans else ""),
        )
    return table


def _table(*titles: str) -> Table:
    """A table; numbers, whose titles begin with `>`, stand on the right."""
    table = Table(box=None, header_style="bold")
    for title in titles:
        is_number = title.startswith(">")
        table.add_column(
            title.removeprefix(">"), justify="right" if is_number else "left", no_wrap=True
        )
    return table


def _size(size_bytes: int) -> str:
    """The size with three digits or so, as in `123.4 MB`."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
