"""blisswriter 3 as its authors start it, our NeXus writer, and what a reader finds in the files."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil
import redis

from sardana_redis.local import differences
from sardana_redis.local._process import Process
from sardana_redis.local.capture import Capture
from sardana_redis.model import JSON
from sardana_redis.store import (
    ReadScan,
    ReadStream,
    forget_registered_writer,
    initialise_database,
    list_writers,
    wait_for_report,
)

_PROGRAM = Path(sys.executable).parent / "blisswriter"


class Blisswriter:
    """`blisswriter run URL`; writes the scans that are published while it runs."""

    writes_text = False

    def __init__(self, url: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.process = Process(
            "blisswriter",
            [sys.executable, "-W", "ignore", _PROGRAM, "run", url],
            folder=folder,
            log=folder / "blisswriter.log",
        )

    def wait_for(self, key: str, seconds: float = 30.0) -> None:
        """Returns when the scan is written; fails with the log where it is not."""

        def is_over() -> bool:
            lines = [line for line in self.process.log_text().splitlines() if key in line]
            assert not any("ERROR" in line for line in lines), self.process.log_tail(40)
            return any("Saving complete" in line or "skip" in line for line in lines)

        self.process.wait_until(is_over, seconds=seconds, purpose=f"write {key}")
        # It says so before it closes the file, which it has locked.
        self.process.wait_until(self._has_closed, seconds=seconds, purpose=f"close {key}")

    def _has_closed(self) -> bool:
        files = psutil.Process(self.process.pid).open_files()
        return not any(file.path.endswith(".h5") for file in files)


class NexusWriter:
    """`sardana-redis nexus-writer`, told to write the scans that are published while it runs."""

    writes_text = True

    def __init__(self, url: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._url = url
        command = [sys.executable, "-m", "sardana_redis", "nexus-writer", "--url", url]
        self.process = Process(
            "The NeXus writer",
            [*command, "--first-start", "new"],
            folder=folder,
            log=folder / "nexus-writer.log",
        )

    def wait_for(self, key: str, seconds: float = 30.0) -> None:
        """Returns when the scan is written; fails with the log where it is not."""
        report = wait_for_report(self._url, "nexus", key, seconds=seconds)
        is_over = report is not None and report.state in ("done", "skipped")
        assert is_over, self.process.log_tail(40)


@contextmanager
def running_nexus_writer(url: str, folder: Path) -> Iterator[NexusWriter]:
    """Our writer, new to this Redis; it is told to end as by Kubernetes."""
    initialise_database(url)
    if "nexus" in {writer.name for writer in list_writers(url)}:
        forget_registered_writer(url, "nexus")
    writer = NexusWriter(url, folder)
    writer.process.start()
    try:
        writer.process.wait_until(
            lambda: "waiting for scans" in writer.process.log_text(), seconds=30, purpose="start"
        )
        yield writer
    finally:
        writer.process.terminate(10)
        assert writer.process.exit_code == 0


@contextmanager
def running_blisswriter(
    url: str, folder: Path, *, administrator: redis.Redis | None = None
) -> Iterator[Blisswriter]:
    """A blisswriter that listens; it is told to end as with Ctrl-C.

    `administrator` sees that it does where the user of `url` may not list clients.
    """
    initialise_database(url)
    writer = Blisswriter(url, folder)
    with redis.Redis.from_url(url) if administrator is None else administrator as client:
        before = _waiting_for_scans(client)
        writer.process.start()
        try:
            # It says that it listens before its first look, which is for what comes afterwards.
            writer.process.wait_until(
                lambda: bool(_waiting_for_scans(client) - before), seconds=60, purpose="listen"
            )
            yield writer
        finally:
            if writer.process.is_running:
                os.kill(writer.process.pid, signal.SIGINT)
            writer.process.terminate(10)


def _waiting_for_scans(client: redis.Redis) -> set[str]:
    """The ids of Redis' clients that wait in XREAD."""
    return {
        found["id"]
        for found in client.client_list()
        if "b" in found["flags"] and found["cmd"] == "xread"
    }


def tree(item: Any, prefix: str = "") -> list[str]:
    """The tree of a group, a line an item, links by their target."""
    lines = []
    for name in item:
        path = f"{prefix}{name}"
        where = item.get(name, getlink=True)
        if isinstance(where, h5py.SoftLink):
            lines.append(f"{path} -> {where.path}")
        elif isinstance(item[name], h5py.Group):
            lines += [path + _attributes(item[name]), *tree(item[name], f"{path}/")]
        else:
            lines.append(f"{path}: {item[name].dtype}{item[name].shape}" + _attributes(item[name]))
    return lines


def _attributes(item: Any) -> str:
    return "".join(f" @{name}={value!r}" for name, value in item.attrs.items())


def columns_of(
    entry: h5py.Group, scan: ReadScan, *, writes_text: bool = False
) -> dict[str, ReadStream]:
    """The columns of an entry as streams of the scan that it was written from."""
    measurement = entry["measurement"]
    found = {}
    for name, stream in scan.streams.items():
        if stream.dtype == JSON:
            if writes_text and stream.points:
                texts = list(measurement[name.replace("/", "_")].asstr()[()])
                assert texts == [_text(point) for point in stream.points], name
            continue
        if not stream.points:
            found[name] = stream  # blisswriter makes no dataset without a point
            continue
        dataset = measurement[name.replace("/", "_")]
        points = list(dataset[()])
        if -1 in stream.shape:
            points = [
                _unpadded(point, like) for point, like in zip(points, stream.points, strict=True)
            ]
        found[name] = ReadStream(
            name, dataset.dtype.name, stream.shape, points, dataset.attrs.get("fill_value")
        )
    return found


def _text(point: Any) -> str:
    return str(point["filename"] if isinstance(point, dict) else point or "")


def _unpadded(point: np.ndarray, like: np.ndarray) -> np.ndarray:
    """The point in its own shape; blisswriter pads what varies, with NaN or 0."""
    inner = point[tuple(slice(0, size) for size in like.shape)]
    outside = point.size - np.prod(like.shape, dtype=int)
    padding = np.isnan(point).sum() if point.dtype.kind == "f" else (point == 0).sum()
    assert padding >= outside
    return inner


def assert_columns_equal(
    entry: h5py.Group, scan: ReadScan, capture: Capture, *, writes_text: bool = False
) -> None:
    """Every value, dtype, unit and fill value of every numeric column is what was recorded."""
    found = columns_of(entry, scan, writes_text=writes_text)
    texts = {n: s for n, s in scan.streams.items() if s.dtype == JSON}
    assert differences(capture, found | texts) == []
    channels = scan.info["channels"]
    with_points = [name for name in found if len(found[name].points)]
    for name in with_points:
        attributes = entry["measurement"][name.replace("/", "_")].attrs
        assert attributes.get("units") == channels[name].get("unit"), name
        if scan.streams[name].fill_value is not None and found[name].dtype[0] in "iu":
            assert attributes["fill_value"] == scan.streams[name].fill_value
            assert attributes["fill_value"].dtype == found[name].dtype
    count = len(with_points) + sum(writes_text and bool(text.points) for text in texts.values())
    assert len(entry["measurement"]) == count
    assert entry["title"].asstr()[()] == scan.info["title"]
