"""Reads all streams of a scan by index, slice and cursor; run by another environment's Python.

Arguments: Redis' URL, the scan's key, and the file to write the arrays into. A stream that
cannot be read so has the name of the error instead.
"""

from __future__ import annotations

import sys

import numpy as np
from blissdata.redis_engine.store import DataStore

WAYS = ("index", "slice", "part", "cursor")


def read(stream, way):
    """The points of the stream; by `part` all but the first and the last."""
    if way == "slice":
        return stream[:]
    if way == "part":
        return stream[1:-1]
    if way == "index":
        return [stream[index] for index in range(len(stream))]
    cursor, views, length = stream.cursor(), [], 0
    while length < len(stream):
        views.append(cursor.read().get_data())
        length += len(views[-1])
    return np.concatenate(views)


def main(url, key, path):
    scan = DataStore(url).load_scan(key)
    found = {}
    for name, stream in scan.streams.items():
        for way in WAYS:
            try:
                found[f"{way} {name}"] = np.asarray(read(stream, way))
            except Exception as error:  # noqa: BLE001  # which one it is, is the finding
                found[f"{way} {name}"] = np.asarray(type(error).__name__)
    np.savez(path, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
