"""Scans and SPEC files for tests, without Redis."""

from __future__ import annotations

import numpy as np

from sardana_redis.settings import SpecDialect
from sardana_redis.spec_writer._end import scan_end
from sardana_redis.spec_writer._header import file_header, scan_header
from sardana_redis.spec_writer._layout import make_layout
from sardana_redis.spec_writer._rows import format_rows
from sardana_redis.store import Chunk, FollowedScan, FollowedStream

STANDARD, POC = SpecDialect.STANDARD, SpecDialect.POC
KEY = "esrf:scan:01HJ6JG89DE0Z2Z2A2KMDPRM3H"
START = "2023-12-21T17:14:26.605568+01:00"
END = "2023-12-21T17:14:43.687924+01:00"
POINT = "#Pt No"


def stream(name, dtype="float64", shape=(), **info):
    return FollowedStream(name, f"esrf:stream:{name}", dtype, tuple(shape), info)


def make_scan(streams, *, number=74, key=KEY, path=None, snapshot=(), sardana=None, **info):
    """A scan as our publisher bears it."""
    whole = {
        "name": "ascan",
        "title": "ascan mot04 1.0 10.0 10 0.1 None",
        "user_name": "operator",
        "start_time": START,
        "snapshot": {label: {"value": value} for label, value in dict(snapshot).items()},
        "sardana": {"macro": "ascan", **(sardana or {})},
    }
    identity = {"name": "ascan", "number": number, "session": "test_session", "path": path}
    return FollowedScan(key, "state", identity, {**whole, **info}, tuple(streams))


def chunk(values, first=0):
    values = {name: v if isinstance(v, list) else np.asarray(v) for name, v in values.items()}
    return Chunk(first, len(next(iter(values.values()))), values)


def rows(layout, values, *, dialect=STANDARD, at_once=5000):
    """The lines of all points, in chunks of so many."""
    length = len(next(iter(values.values()))) if values else 0
    parts = [
        Chunk(
            first,
            min(at_once, length - first),
            {name: value[first : first + at_once] for name, value in values.items()},
        )
        for first in range(0, length, at_once)
    ]
    return b"".join(format_rows(layout, part, dialect) for part in parts)


def block(scan, values, *, dialect=STANDARD, end=None, at_once=5000):
    """A scan's whole block."""
    layout = make_layout(scan)
    points = len(next(iter(values.values()))) if values else 0
    info = {"end_time": END, "end_reason": "SUCCESS", **scan.info, **(end or {})}
    return (
        scan_header(layout, dialect)
        + rows(layout, values, dialect=dialect, at_once=at_once)
        + scan_end(layout, info, points, 0, dialect)
    )


def whole_file(path, *scans, dialect=STANDARD):
    """Writes a file of pairs of a scan and its values."""
    head = file_header(make_layout(scans[0][0]), str(path), dialect)
    path.write_bytes(
        head + b"".join(block(scan, values, dialect=dialect) for scan, values in scans)
    )
    return path
