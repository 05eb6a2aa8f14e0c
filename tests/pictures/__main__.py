"""`python -m tests.pictures [FOLDER]`: `make pictures`, into docs/images.

Two scans go the way of all scans: publisher, Redis, NeXus writer. The pictures are drawn
from the file alone, by what silx finds to be its default plots.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from sardana_redis.local import RedisServer
from sardana_redis.model import Axis, AxisKind, NexusTarget
from sardana_redis.nexus_writer import NexusWriter
from sardana_redis.settings import NexusWriterSettings, Settings
from sardana_redis.store import wait_for_report
from tests import scans
from tests.pictures.draw import draw_default_plots

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def main() -> int:
    """Makes the pictures and names them."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sardana-redis-pictures-") as folder:
        file = make_file(Path(folder))
        for picture in draw_default_plots(file, target):
            print(picture)
    return 0


def make_file(folder: Path) -> Path:
    """Has a line scan and a mesh written; returns their NeXus file."""
    path = folder / "scans.h5"
    with (
        RedisServer(folder / "redis") as server,
        scans.publisher(server.url) as publisher,
        _writing(server.url),
    ):
        for start, rows in (_line(path), _mesh(path)):
            key = scans.scan(publisher, start, rows)
            report = wait_for_report(server.url, "nexus", key, seconds=30)
            assert report is not None
            assert report.state == "done"
    return path


@contextmanager
def _writing(url: str) -> Iterator[None]:
    stop = threading.Event()
    writer = NexusWriter(Settings(url=url, nexus_writer=NexusWriterSettings()))
    thread = threading.Thread(target=writer.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _columns(*motors: object) -> list:
    return [
        scans.column("#Pt No", "int64"),
        *motors,
        scans.column("ct01", is_plotted=True, unit="counts"),
        scans.column("ct02", is_plotted=True, unit="counts"),
        scans.column("dt", unit="s"),
    ]


def _line(path: Path) -> tuple:
    """A peak and its foil, counted."""
    rng = np.random.default_rng(41)
    motor = scans.column("mot01", unit="mm", axis=Axis(-2.0, 2.0))
    start = _start(path, 41, _columns(motor), "ascan mot01 -2.0 2.0 80 0.1")
    x = np.linspace(-2, 2, 81)
    peak = rng.poisson(40 + 900 * np.exp(-(((x - 0.3) / 0.35) ** 2))).astype(float)
    edge = rng.poisson(30 + 420 / (1 + np.exp(-(x + 0.5) / 0.2))).astype(float)
    rows = [(i, x[i], peak[i], edge[i], i * 0.12) for i in range(len(x))]
    return start, rows


def _mesh(path: Path) -> tuple:
    """Two spots, scanned back and forth."""
    rng = np.random.default_rng(42)
    fast = scans.column(
        "mot01", unit="mm", axis=Axis(-2.0, 2.0, 41, AxisKind.BACK_AND_FORTH, index=0)
    )
    slow = scans.column("mot02", unit="mm", axis=Axis(0.0, 3.0, 31, AxisKind.STEP, index=1))
    title = "mesh mot01 -2.0 2.0 40 mot02 0.0 3.0 30 0.05 True"
    start = _start(path, 42, _columns(fast, slow), title)
    rows = []
    for j, y in enumerate(np.linspace(0, 3, 31)):
        xs = np.linspace(-2, 2, 41)
        for x in xs if j % 2 == 0 else xs[::-1]:
            spots = 800 * np.exp(-(((x + 0.7) / 0.5) ** 2) - ((y - 2.1) / 0.4) ** 2)
            spots += 450 * np.exp(-(((x - 0.9) / 0.8) ** 2) - ((y - 0.9) / 0.5) ** 2)
            counts = float(rng.poisson(20 + spots))
            rows.append((len(rows), x, y, counts, float(rng.poisson(100)), len(rows) * 0.06))
    return start, rows


def _start(path: Path, number: int, columns: list, title: str):
    target = NexusTarget(str(path), "nexus")
    return scans.scan_start(number, [path], columns, title=title, nexus=target)


if __name__ == "__main__":
    sys.exit(main())
