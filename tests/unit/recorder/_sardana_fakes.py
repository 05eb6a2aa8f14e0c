"""What Sardana hands to a recorder, as plain objects."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from sardana_redis.model import Axis, Column, Identity, NexusTarget, Role, ScanStart


def desc(name: str, label: str | None = None, **attributes: Any) -> SimpleNamespace:
    """A ColumnDesc of Sardana."""
    facts = {"dtype": "float64", "shape": [], **attributes}
    return SimpleNamespace(name=name, label=label or name, **facts)


def point_number() -> SimpleNamespace:
    return desc("point_nb", "#Pt No", dtype="int64")


def timestamp() -> SimpleNamespace:
    return desc("timestamp", "dt")


def motor(label: str) -> SimpleNamespace:
    return desc(label, label, moveable=SimpleNamespace())


def counter(label: str, **attributes: Any) -> SimpleNamespace:
    return desc(f"tango://host:10000/expchan/{label}", label, **attributes)


def columns(
    *,
    moveables: tuple[tuple[str, Axis], ...] = (),
    channels: tuple[Column, ...] = (),
) -> tuple[Column, ...]:
    """The columns of a scan: point number, moveables, channels, time."""
    return (
        Column("point_nb", "#Pt No", "#Pt No", Role.POINT_NUMBER, "int64"),
        *(Column(n, n, n, Role.MOVEABLE, "float64", axis=axis) for n, axis in moveables),
        *channels,
        Column("timestamp", "dt", "dt", Role.TIME, "float64", unit="s"),
    )


def channel(label: str, **facts: Any) -> Column:
    given = {"name": f"full/{label}", "dtype": "float64", "stream": label, **facts}
    return Column(label=label, role=Role.CHANNEL, **given)


def start(of: tuple[Column, ...], path: str | None = "/data/a.h5", **facts: Any) -> ScanStart:
    identity = Identity("ascan", 7, "test_session", "no_policy", path=path)
    facts.setdefault("nexus", NexusTarget(path, "nexus") if path else NexusTarget())
    return ScanStart(
        identity=identity,
        title="ascan mot01 0 1 10 0.1",
        user="user",
        start_time=datetime(2026, 11, 23, 7, 40, tzinfo=UTC),
        columns=of,
        **facts,
    )
