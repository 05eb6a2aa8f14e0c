"""Columns outlive Redis: blissdata's readers take what was trimmed from the NeXus file."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import redis

from sardana_redis.keys import STREAM_PREFIX
from sardana_redis.local import RedisServer
from sardana_redis.model import NexusTarget
from sardana_redis.publisher import Publisher
from tests import scans
from tests.integration._nexus import running_blisswriter, running_nexus_writer
from tests.interop._reader import WAYS
from tests.interop._writers import ENVIRONMENTS

pytestmark = pytest.mark.skipif(
    not (ENVIRONMENTS / "blissdata-2.4").exists(), reason="`make interop` installs the programs"
)

VERSIONS = ("2.2", "2.3", "2.4")
POINTS = 40
COLUMNS = (
    *scans.scalar_columns(5),
    scans.column("flag", "bool"),
    scans.column("count", "int32"),
    scans.column("small", "float32"),
    scans.column("a/b", "uint16"),
    scans.column("spectrum", "float64", (7,)),
    scans.column("image", "uint8", (3, 2)),
    scans.column("growing", "float64", (-1,)),
    scans.column("text", "json"),
)
KEPT = [c.stream for c in COLUMNS if c.stream not in ("growing", "text")]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def publisher(server: RedisServer) -> Iterator[Publisher]:
    with scans.publisher(server.url) as publisher:
        yield publisher


def rows(seed: int) -> list[tuple[Any, ...]]:
    """Points of doubles that need all their bits, with some that are missing."""
    random = np.random.default_rng(seed)
    found = []
    for index in range(POINTS):
        numbers = random.standard_normal(4) * 10.0 ** random.integers(-300, 300)
        spectrum = random.standard_normal(7) if index % 5 else None
        found.append(
            (
                *(index, *numbers, bool(index % 3 == 0), None if index == 3 else index * seed),
                *(np.float32(numbers[0] % 1), index, spectrum),
                *(random.integers(0, 255, (3, 2), np.uint8), np.arange(index % 4 + 1.0), "text"),
            )
        )
    return found


def publish(publisher: Publisher, path: Path, seed: int, number: int = 1) -> str:
    target = NexusTarget(str(path), "nexus")
    start = scans.scan_start(number, [path], COLUMNS, nexus=target)
    return scans.scan(publisher, start, rows(seed))


def read(server: RedisServer, key: str, version: str, folder: Path) -> dict[str, np.ndarray]:
    """All streams, read with a version of blissdata, by way and name."""
    python = ENVIRONMENTS / f"blissdata-{version}" / "bin" / "python"
    reader, path = Path(__file__).with_name("_reader.py"), folder / "read.npz"
    command = [python, "-W", "ignore", reader, server.url, key, path]
    subprocess.run(command, check=True, timeout=120)
    with np.load(path) as found:
        return dict(found)


def trim(server: RedisServer) -> None:
    """Takes every point from Redis; the seals stay."""
    with redis.Redis.from_url(server.url) as client:
        for key in client.scan_iter(f"{STREAM_PREFIX}*"):
            entries = client.xrevrange(key, count=1)
            if entries and b"id" in entries[0][1]:
                client.xtrim(key, maxlen=1, approximate=False)


def assert_whole(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name in KEPT:
        for way in WAYS:
            one, other = found[f"{way} {name}"], expected[f"{way} {name}"]
            assert (one.dtype, one.shape) == (other.dtype, other.shape), (way, name, one)
            assert one.tobytes() == other.tobytes(), (way, name)


@pytest.mark.parametrize("running", [running_nexus_writer, running_blisswriter])
def test_index_slice_and_cursor_give_whole_columns_after_everything_was_trimmed(
    server: RedisServer, publisher: Publisher, tmp_path: Path, running: Any
) -> None:
    path = tmp_path / "scans.h5"
    with running(server.url, tmp_path / "writer") as writer:
        key = publish(publisher, path, 1)
        writer.wait_for(key)
    before = {version: read(server, key, version, tmp_path) for version in VERSIONS}
    trim(server)
    for version in VERSIONS:
        after = read(server, key, version, tmp_path)
        assert len(after["slice image"]) == POINTS
        assert_whole(after, before[version])
        assert str(after["slice text"]) == "IndexNoMoreThereError"
        assert str(after["slice growing"]) == "IndexNoMoreThereError"


def test_two_scans_of_one_number_give_each_its_own_columns(
    server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "scans.h5"
    with running_nexus_writer(server.url, tmp_path / "writer") as writer:
        keys = [publish(publisher, path, seed) for seed in (1, 2)]
        for key in keys:
            writer.wait_for(key)
    before = [read(server, key, "2.4", tmp_path) for key in keys]
    trim(server)
    with h5py.File(path) as file:
        assert list(file) == ["1.1", "1.2"]
    for key, expected in zip(keys, before, strict=True):
        assert_whole(read(server, key, "2.4", tmp_path), expected)


def test_another_scan_of_the_number_is_never_taken_for_the_one_that_is_missing(
    server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "scans.h5"
    with running_nexus_writer(server.url, tmp_path / "writer") as writer:
        writer.wait_for(publish(publisher, path, 1))
    key = publish(publisher, path, 2)  # nobody writes it
    trim(server)
    for version in VERSIONS:
        found = read(server, key, version, tmp_path)
        errors = {str(found[f"{way} {name}"]) for way in WAYS for name in KEPT}
        assert errors <= {"KeyError", "RetryTimeoutError", "IndexNoMoreThereError"}, errors


def test_without_the_file_a_reader_gets_an_error_as_for_what_was_trimmed(
    server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    key = publish(publisher, tmp_path / "none.h5", 2)
    trim(server)
    for version in VERSIONS:
        found = read(server, key, version, tmp_path)
        errors = {str(found[f"{way} {name}"]) for way in WAYS for name in KEPT}
        assert errors == {"KeyError"}, errors
        assert not (tmp_path / "none.h5").exists()
