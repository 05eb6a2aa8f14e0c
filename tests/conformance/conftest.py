"""A file with all that our NeXus files can have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from sardana_redis.local import RedisServer
from sardana_redis.model import Axis, AxisKind, EndReason, NexusTarget, Snapshot
from tests import scans
from tests.integration.test_nexus_writer import done, writing

_EXPERIMENT = {
    "beamline": "bl99",
    "exp_id": "test2024",
    "exp_desc": "A test",
    "exp_team": [
        {
            "name": "Guybrush",
            "role": "pirate",
            "orcid": "0000-0001",
            "email": "g@scumm.org",
            "affiliation": "none",
        }
    ],
    "proposal_id": 11111111,
    "safety_info": "red",
    "session": "their_session",
}
_SNAPSHOT = (
    Snapshot("tango://host:10000/mot03", "mot03", 0.1, "float64"),
    Snapshot("tango://host:10000/shutter", "shutter", "open", "str"),
    Snapshot("tango://host:10000/mca", "mca", [1.0, 2.0, 3.0], "float64", (3,)),
)


@pytest.fixture(scope="session")
def nexus_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a line scan with images, a mesh, and a scan that was aborted at once."""
    folder = tmp_path_factory.mktemp("conformance")
    path = folder / "scans.h5"
    with (
        RedisServer(folder / "redis") as server,
        scans.publisher(server.url) as publisher,
        writing(server.url),
    ):
        for number, (columns, rows) in enumerate((_line(folder), _mesh(), (_line(folder)[0], []))):
            start = scans.scan_start(
                number + 1,
                [path],
                columns,
                nexus=NexusTarget(str(path), "nexus"),
                snapshot=_SNAPSHOT,
                sample={"name": "Fe foil", "temperature": 4.2},
                source={"name": "ALBA", "type": "Synchrotron X-ray Source"},
                experiment=_EXPERIMENT,
                count_time_seconds=0.1,
                estimated_time_seconds=3.0,
            )
            feed = scans.begin(publisher, start)
            for row in rows:
                feed.put(tuple(row))
            feed.add_custom({"name": "middle", "value": [1.5, 2.5], "nxpath": "a:NXcollection"})
            scans.end(feed, EndReason.SUCCESS if rows else EndReason.USER_ABORT)
            done(server.url, feed.publication.birth.key, len(rows))
    return path


def _line(folder: Path) -> tuple[list[Any], list[Any]]:
    columns = [
        *scans.scalar_columns(5),
        scans.column("count", "int32"),
        scans.column("oned", shape=(16,)),
        scans.column("twod", "uint16", shape=(5, 7)),
        scans.column("text", "json"),
        scans.column("cam", "json", is_reference=True),
    ]
    rows = []
    for index in range(4):
        image = folder / f"{index}.h5"
        with h5py.File(image, "w") as file:
            file["dataset"] = np.zeros((5, 7), "uint16")
        arrays = (np.arange(16.0), np.ones((5, 7), "uint16"))
        rows.append((index, *[index / 7] * 4, index, *arrays, "text", f"h5file://{image}"))
    return columns, rows


def _mesh() -> tuple[list[Any], list[Any]]:
    fast = Axis(0.0, 1.0, 3, AxisKind.FORTH, index=0)
    columns = [
        scans.column("#Pt No", "int64"),
        scans.column("mot01", unit="mm", axis=fast),
        scans.column("mot02", unit="mm", axis=Axis(0.0, 1.0, 2, AxisKind.STEP, index=1)),
        scans.column("ct01"),
        scans.column("dt", unit="s"),
    ]
    return columns, [(i, float(i % 3), float(i // 3), float(i), i / 10) for i in range(6)]
