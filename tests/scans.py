"""Scans published by the real publisher without a MacroServer, for what follows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sardana_redis.model import (
    Column,
    EndReason,
    FileWriter,
    Identity,
    Role,
    ScanEnd,
    ScanFile,
    ScanStart,
    Snapshot,
)
from sardana_redis.publisher import Publisher, ScanFeed
from sardana_redis.recorder._columns import stream_specs
from sardana_redis.recorder._scan_info import make_info
from sardana_redis.settings import PublisherSettings
from sardana_redis.store import RedisStore

START = datetime(2023, 12, 21, 17, 14, 26, 605568, UTC).astimezone()


def column(label: str, dtype: str = "float64", shape: tuple[int, ...] = (), **more: Any) -> Column:
    """A column whose stream has its label."""
    role = {"#Pt No": Role.POINT_NUMBER, "dt": Role.TIME}.get(label, Role.CHANNEL)
    role = Role.MOVEABLE if label.startswith("mot") else role
    name = "point_nb" if label == "#Pt No" else f"tango://host:10000/{label}"
    return Column(
        **{"name": name, "label": label, "stream": label, "role": role, "dtype": dtype,
           "shape": shape, **more}
    )  # fmt: skip


def scalar_columns(count: int) -> tuple[Column, ...]:
    """Point number, a motor, counters, and the time: `count` scalar columns."""
    counters = [column(f"ct{i:03d}") for i in range(1, count - 2)]
    return (column("#Pt No", "int64"), column("mot01", unit="mm"), *counters, column("dt"))


def scan_start(
    number: int,
    files: Sequence[Path | str],
    columns: Sequence[Column],
    *,
    title: str = "ascan mot01 0 1 10 0.1 None",
    session: str = "test_session",
    snapshot: Iterable[Snapshot] = (),
    start: datetime = START,
    **more: Any,
) -> ScanStart:
    """The start of a scan that goes to these files, all left to Redis' followers."""
    paths = [Path(file) for file in files]
    return ScanStart(
        identity=Identity(
            title.split(maxsplit=1)[0],
            number,
            session,
            "no_policy",
            path=str(paths[0]) if paths else None,
        ),
        title=title,
        user="operator",
        start_time=start + timedelta(seconds=number),
        columns=tuple(columns),
        snapshot=tuple(snapshot),
        files=tuple(ScanFile(str(path), FileWriter.REDIS) for path in paths),
        scan_dir=str(paths[0].parent) if paths else None,
        scan_file=tuple(path.name for path in paths),
        reference_moveables=("tango://host:10000/mot01",),
        **more,
    )


@contextmanager
def publisher(url: str, **settings: Any):
    """A publisher as MacroServer has one."""
    own = Publisher(RedisStore(url), PublisherSettings(**settings), url=url, macroserver="tests")
    try:
        yield own
    finally:
        own.shutdown(10.0)


def begin(publisher: Publisher, start: ScanStart) -> ScanFeed:
    """Begins to publish the scan."""
    return publisher.begin(start.identity, make_info(start), stream_specs(start.columns))


def end(feed: ScanFeed, reason: EndReason = EndReason.SUCCESS, **info: Any) -> None:
    """Ends the scan, a minute after its start."""
    born = datetime.fromisoformat(feed.publication.birth.info["start_time"])
    feed.end(ScanEnd(reason, born + timedelta(minutes=1), dict(info)))


def scan(
    publisher: Publisher,
    start: ScanStart,
    rows: Iterable[Sequence[Any]],
    reason: EndReason = EndReason.SUCCESS,
) -> str:
    """Publishes a whole scan, waits until Redis has it and returns its key."""
    feed = begin(publisher, start)
    for row in rows:
        feed.put(tuple(row))
    end(feed, reason)
    assert feed.wait(60.0), "the scan was not delivered"
    return feed.publication.birth.key
