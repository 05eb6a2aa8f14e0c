"""The NeXus writer on a real Redis with the real publisher."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import redis
from typer.testing import CliRunner

from sardana_redis.cli import app
from sardana_redis.keys import progress_key
from sardana_redis.local import RedisServer
from sardana_redis.local._ports import free_port
from sardana_redis.model import EndReason, NexusTarget, WriterScanState
from sardana_redis.nexus_writer import NexusWriter, WriterState
from sardana_redis.publisher import Publisher, ScanFeed
from sardana_redis.settings import NexusWriterSettings, Settings
from sardana_redis.store import list_parked, wait_for_report
from tests import scans
from tests.faults.arena import eventually
from tests.integration import _writers

FAST = {"sync_seconds": 0.1, "chunk_seconds": 0.1}
COLUMNS = (
    *scans.scalar_columns(5),
    scans.column("oned", shape=(16,)),
    scans.column("count", "int32"),
    scans.column("text", "json"),
)


@pytest.fixture
def publisher(redis_server: RedisServer) -> Iterator[Publisher]:
    with scans.publisher(redis_server.url) as publisher:
        yield publisher


@contextmanager
def writing(url: str, **own: Any) -> Iterator[NexusWriter]:
    """A writer that runs meanwhile."""
    writer = NexusWriter(Settings(url=url, nexus_writer=NexusWriterSettings(**{**FAST, **own})))
    with _writers.running(writer):
        yield writer


def row(index: int) -> list[Any]:
    return [
        *(index, *[(index + 1) / 7] * 4),
        *(np.arange(16.0) + index, index * 3, f"punkt {index} µ"),
    ]


def start_of(number: int, file: Path, **more: Any) -> Any:
    return scans.scan_start(number, [file], COLUMNS, **more)


def publish(publisher: Publisher, number: int, file: Path, points: int = 5, **more: Any) -> str:
    return scans.scan(publisher, start_of(number, file, **more), map(row, range(points)))


def begin(publisher: Publisher, number: int, file: Path, points: int, **more: Any) -> ScanFeed:
    feed = scans.begin(publisher, start_of(number, file, **more))
    for index in range(points):
        feed.put(tuple(row(index)))
    return feed


def report(url: str, key: str, seconds: float = 40.0) -> Any:
    found = wait_for_report(url, "nexus", key, seconds=seconds)
    assert found is not None
    return found


def done(url: str, key: str, points: int = 5) -> None:
    found = report(url, key)
    assert (found.state, found.points) == (WriterScanState.DONE, points), found


def has_reported(url: str, key: str, points: int) -> bool:
    """Whether the writer has reported so many points."""
    return _writers.has_reported(url, "nexus", key, points)


def waiting(writer: NexusWriter) -> tuple[int, int]:
    """The points that wait in current scans, and the scans that wait."""
    status = writer.status
    return status.lag_points, status.pending


def scan_key(feed: ScanFeed) -> str:
    return feed.publication.birth.key


def points_in(path: Path) -> dict[str, int]:
    """How many points each entry has in all columns; every value is compared."""
    with h5py.File(path, locking=False) as file:
        return {name: min(_lengths(entry["measurement"])) for name, entry in file.items()}


def _lengths(measurement: h5py.Group) -> list[int]:
    lengths = []
    for at, column in enumerate(COLUMNS):
        dataset = measurement.get(column.label)
        lengths.append(0 if dataset is None else len(dataset))
        expected = [row(index)[at] for index in range(lengths[-1])]
        if not expected:
            continue
        if column.dtype == "json":
            assert list(dataset.asstr()[()]) == expected
        else:
            assert dataset.dtype == column.dtype
            assert np.array_equal(dataset[()], expected), column.label
    return lengths


def live(path: Path) -> dict[str, int]:
    """What is in a file that may be open for writing, or not be there yet."""
    try:
        return points_in(path)
    except OSError:
        return {}


def text(path: Path, place: str) -> str:
    with h5py.File(path) as file:
        return str(file[place].asstr()[()])


@contextmanager
def held(path: Path, opener: str = "h5py.File") -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has the file open for reading, as h5py does it."""
    module = opener.rpartition(".")[0]
    code = f"import {module}, sys; f = {opener}(sys.argv[1]); print(1, flush=True); "
    code += "sys.stdin.read()"
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.communicate()


def test_a_scan_is_in_the_file_while_it_runs(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "folder" / "a.h5"
    with writing(redis_server.url) as writer:
        feed = begin(publisher, 7, path, 3)
        eventually(lambda: live(path).get("7.1") == 3, 10, "3 points")
        assert text_unlocked(path, "7.1/writer/status") == "RUNNING"
        eventually(lambda: writer.status.lag_points == 0, 5, "3 points safe")
        (scan,) = writer.status.scans
        assert (scan.number, scan.points, scan.published, scan.path) == (7, 3, 3, str(path))
        assert "Scan 7" in writer.status.text()
        assert "The NeXus writer is writing" in writer.status.text()
        eventually(lambda: has_reported(redis_server.url, scan.key, 3), 5, "3 points reported")
        assert report(redis_server.url, scan.key, 0).state is WriterScanState.OPEN
        scans.end(feed)
        done(redis_server.url, scan.key, 3)
        eventually(lambda: writer.status.state is WriterState.WAITING, 5, "waiting")
        assert writer.status.rows_written == 3
        eventually(lambda: live(path) == {"7.1": 3}, 5, "the file is closed")
    assert text(path, "7.1/writer/status") == "SUCCEEDED"
    assert [item.name for item in path.parent.iterdir()] == ["a.h5"]


def text_unlocked(path: Path, place: str) -> str:
    with h5py.File(path, locking=False) as file:
        return str(file[place].asstr()[()])


def test_what_was_scanned_while_it_was_down_is_written_once(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "a.h5"
    keys = [publish(publisher, number, path) for number in range(1, 30)]
    with writing(redis_server.url):
        done(redis_server.url, keys[-1])
    assert points_in(path) == {f"{number}.1": 5 for number in range(1, 30)}
    redis.Redis.from_url(redis_server.url).delete(progress_key("nexus"))
    with writing(redis_server.url):
        keys.append(publish(publisher, 30, path))
        for key in keys:
            done(redis_server.url, key)
    assert points_in(path) == {f"{number}.1": 5 for number in range(1, 31)}


def test_scans_of_one_number_have_parts_of_their_own(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["3.1/title"] = "of somebody else"
    with writing(redis_server.url):
        keys = [publish(publisher, 3, path, points) for points in (2, 4)]
        done(redis_server.url, keys[1], 4)
    redis.Redis.from_url(redis_server.url).delete(progress_key("nexus"))
    with writing(redis_server.url):
        for key, points in zip(keys, (2, 4), strict=True):
            done(redis_server.url, key, points)
    with h5py.File(path) as file:
        assert file["3.1/title"].asstr()[()] == "of somebody else"
        names = [file[f"3.{part}"].attrs["scan_key"] for part in (2, 3)]
        assert names == keys
        assert list(file) == ["3.1", "3.2", "3.3"]
        assert file["3.3/curves_mot01/ct001"].shape == (4,)


def test_a_scan_that_ended_before_it_was_seen_has_its_end(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "a.h5"
    empty = publish(publisher, 1, path, 0)
    aborted = scans.scan(publisher, start_of(2, path), [row(0)], EndReason.USER_ABORT)
    with writing(redis_server.url):
        done(redis_server.url, empty, 0)
        done(redis_server.url, aborted, 1)
    for number, reason in ((1, "SUCCESS"), (2, "USER_ABORT")):
        assert text(path, f"{number}.1/end_reason") == reason
        assert text(path, f"{number}.1/end_time").startswith("2023-12-21T")
        assert text(path, f"{number}.1/writer/status") == "SUCCEEDED"
    assert points_in(path) == {"1.1": 0, "2.1": 1}


def test_nothing_points_to_a_column_without_points(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "a.h5"
    with writing(redis_server.url):
        done(redis_server.url, publish(publisher, 1, path, 0), 0)
    with h5py.File(path) as file:
        instrument = file["1.1/instrument"]
        assert list(instrument["ct001"]) == ["local_name"]
        assert list(instrument["mot01"]) == ["controller_record", "name"]
        assert "mot01" not in instrument["positioners"]
        assert "default" not in file["1.1"].attrs


def test_a_scan_that_was_half_written_is_written_again(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "a.h5"
    before = publish(publisher, 1, path)
    with writing(redis_server.url):
        feed = begin(publisher, 2, path, 10)
        eventually(lambda: has_reported(redis_server.url, scan_key(feed), 10), 20, "10")
    assert points_in(path) == {"1.1": 5, "2.1": 10}
    with writing(redis_server.url):
        for index in range(10, 20):
            feed.put(tuple(row(index)))
        eventually(lambda: live(path).get("2.1") == 20, 10, "live again")
        scans.end(feed)
        done(redis_server.url, scan_key(feed), 20)
        done(redis_server.url, before)
    assert points_in(path) == {"1.1": 5, "2.1": 20}


def test_what_redis_no_longer_has_is_taken_from_the_half_written_entry(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path, url = tmp_path / "a.h5", redis_server.url
    feed = scans.begin(publisher, start_of(1, path))
    with writing(url):
        for index in range(20):
            feed.put(tuple(row(index)))
            eventually(lambda: feed.intake.held_bytes == 0, 5, "delivered")
        eventually(lambda: has_reported(url, scan_key(feed), 20), 20, "20 points")
    client = redis.Redis.from_url(url)
    for stream in feed.publication.birth.stream_keys:
        client.xtrim(stream, minid="12-0", approximate=False)
    for index in range(20, 25):
        feed.put(tuple(row(index)))
    scans.end(feed)
    with writing(url):
        done(url, scan_key(feed), 25)
        assert report(url, scan_key(feed)).lost == 0
    assert points_in(path) == {"1.1": 25}


def test_points_that_are_lost_leave_their_place_and_are_counted(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path, url = tmp_path / "a.h5", redis_server.url
    feed = scans.begin(publisher, start_of(1, path))
    for index in range(20):
        feed.put(tuple(row(index)))
        eventually(lambda: feed.intake.held_bytes == 0, 5, "delivered")
    scans.end(feed)
    assert feed.wait(10)
    client = redis.Redis.from_url(url)
    for stream in feed.publication.birth.stream_keys:
        client.xtrim(stream, minid="12-0", approximate=False)
    with writing(url) as writer:
        found = report(url, scan_key(feed))
    assert (found.state, found.points, found.lost) == (WriterScanState.DONE, 20, 12)
    assert writer.status.rows_written == 8
    with h5py.File(path) as file:
        measurement = file["1.1/measurement"]
        numbers = measurement["#Pt No"]
        assert list(numbers[12:]) == list(range(12, 20))
        assert set(numbers[:12]) == {numbers.attrs["fill_value"]}
        assert np.isnan(measurement["oned"][:12]).all()
        assert list(measurement["text"].asstr()[:13]) == [""] * 12 + ["punkt 12 µ"]


def test_a_reader_delays_three_scans_and_fails_none(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path, url = tmp_path / "a.h5", redis_server.url
    with writing(url) as writer:
        keys = [publish(publisher, 1, path)]
        done(url, keys[0])
        eventually(lambda: not writer.status.scans, 5, "the file is closed")
        with held(path) as reader:
            keys += [publish(publisher, number, path) for number in (2, 3, 4)]
            eventually(lambda: "it is opened by" in writer.status.last_error, 10, "it says why")
            assert f"process {reader.pid}" in writer.status.last_error
            eventually(lambda: writer.status.retries > 2, 10, "tried again")
            eventually(lambda: waiting(writer) == (5, 2), 10, "5 points and 2 scans wait")
            assert writer.status.is_ready
        for key in keys:
            done(url, key)
    assert points_in(path) == {f"{number}.1": 5 for number in (1, 2, 3, 4)}


def test_scans_are_complete_after_readers_held_the_file_for_long(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    """8 s here; 30 s, and silx view's window, by hand: docs/nexus-writer.md."""
    path, url = tmp_path / "a.h5", redis_server.url
    with writing(url) as writer:
        keys = [publish(publisher, 1, path)]
        done(url, keys[0])
        eventually(lambda: not writer.status.scans, 5, "the file is closed")
        began = time.monotonic()
        with held(path), held(path, "silx.io.open"):
            for number in (2, 3, 4):
                feed = begin(publisher, number, path, 3)
                time.sleep(8 / 3)  # a scan that runs: how long is what is tested
                feed.put(tuple(row(3)))
                scans.end(feed)
                keys.append(scan_key(feed))
            assert time.monotonic() - began >= 8
            assert writer.status.parked == 0
            assert points_in(path) == {"1.1": 5}
        for key in keys[1:]:
            done(url, key, 4)
    assert points_in(path) == {"1.1": 5, "2.1": 4, "3.1": 4, "4.1": 4}


def test_a_file_that_stays_locked_parks_its_scans_and_no_other(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path, other, url = tmp_path / "a.h5", tmp_path / "b.h5", redis_server.url
    with writing(url, park_seconds=0.5) as writer:
        done(url, publish(publisher, 1, path))
        eventually(lambda: not writer.status.scans, 5, "the file is closed")
        with held(path):
            key = publish(publisher, 2, path)
            eventually(lambda: writer.status.parked == 1, 10, "parked")
            done(url, publish(publisher, 3, other))
            (parked,) = list_parked(url)
            assert (parked.writer, parked.key, parked.scan.path) == ("nexus", key, str(path))
            assert "it is opened by process" in parked.scan.reason
            words = ["parked", "retry", "2", "--to", str(tmp_path / "c.h5"), "--url", url]
            assert CliRunner().invoke(app, words).exit_code == 0
            done(url, key)
    assert points_in(tmp_path / "c.h5") == {"2.1": 5}


def test_a_folder_that_is_a_file_parks_a_scan_until_it_is_skipped(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    (tmp_path / "folder").touch()
    url = redis_server.url
    with writing(url, park_seconds=0.1):
        key = publish(publisher, 1, tmp_path / "folder" / "a.h5")
        eventually(lambda: bool(list_parked(url)), 10, "parked")
        assert CliRunner().invoke(app, ["parked", "skip", key, "--url", url]).exit_code == 0
        assert report(url, key).state is WriterScanState.SKIPPED


@pytest.mark.parametrize("how", ["removed", "moved"])
def test_a_file_that_vanishes_under_a_scan_is_written_anew(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path, how: str
) -> None:
    path = tmp_path / "a.h5"
    with writing(redis_server.url):
        feed = begin(publisher, 1, path, 3)
        eventually(lambda: live(path).get("1.1") == 3, 10, "3 points")
        if how == "removed":
            path.unlink()
        else:
            path.rename(tmp_path / "old.h5")
        feed.put(tuple(row(3)))
        scans.end(feed)
        done(redis_server.url, scan_key(feed), 4)
    assert points_in(path) == {"1.1": 4}


def test_it_goes_on_where_it_was_when_redis_comes_back(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "a.h5"
    with writing(redis_server.url) as writer:
        feed = begin(publisher, 1, path, 3)
        eventually(lambda: live(path).get("1.1") == 3, 10, "3 points")
        redis_server.kill()
        eventually(lambda: writer.status.state is WriterState.UNAVAILABLE, 10, "unavailable")
        redis_server.start()
        for index in range(3, 6):
            feed.put(tuple(row(index)))
        eventually(lambda: live(path).get("1.1") == 6, 20, "3 more")
        scans.end(feed)
        done(redis_server.url, scan_key(feed), 6)
    assert points_in(path) == {"1.1": 6}


def test_a_file_for_each_scan_is_reached_through_those_that_link_to_it(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    master = tmp_path / "all.h5"
    with writing(redis_server.url):
        for number in (1, 2):
            path = tmp_path / f"scan_{number}" / f"scan_{number}.h5"
            masters = {"dataset": str(path), "proposal": str(master)}
            target = NexusTarget(str(path), "nexus", masters)
            key = publish(publisher, number, path, nexus=target)
            done(redis_server.url, key)
    with h5py.File(master) as file:
        assert list(file) == ["scan_1_1.1", "scan_2_2.1"]
        assert file.attrs["default"] == "scan_2_2.1"
        assert file["scan_1_1.1/measurement/ct001"].shape == (5,)


def test_a_master_that_is_locked_delays_only_its_link(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    master, path = tmp_path / "all.h5", tmp_path / "scan_1.h5"
    h5py.File(master, "w").close()
    target = NexusTarget(str(path), "nexus", {"proposal": str(master)})
    with writing(redis_server.url) as writer:
        with held(master):
            key = publish(publisher, 1, path, nexus=target)
            eventually(lambda: "all.h5" in writer.status.last_error, 10, "it says which file")
        done(redis_server.url, key)
    with h5py.File(master) as file:
        assert list(file) == ["scan_1_1.1"]


def test_only_scans_of_its_sessions_are_written(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    with writing(redis_server.url, sessions=("mine",)):
        other = publish(publisher, 1, tmp_path / "a.h5", session="other")
        mine = publish(publisher, 2, tmp_path / "a.h5", session="mine")
        done(redis_server.url, mine)
        assert report(redis_server.url, other).state is WriterScanState.SKIPPED
    assert list(points_in(tmp_path / "a.h5")) == ["2.1"]


def test_the_service_writes_tells_how_it_is_and_ends_with_code_0(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path, port = tmp_path / "a.h5", free_port()
    words = [sys.executable, "-m", "sardana_redis", "nexus-writer", "--url", redis_server.url]
    words += ["--http-port", str(port)]
    with subprocess.Popen(words, stderr=subprocess.PIPE) as process:
        feed = begin(publisher, 1, path, 3)
        eventually(lambda: live(path).get("1.1") == 3, 20, "3 points")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            assert answer.status == 200
        eventually(lambda: has_reported(redis_server.url, scan_key(feed), 3), 20, "reported")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            metrics = answer.read().decode()
        assert 'sardana_redis_writer_points_written_total{writer="nexus"} 3.0' in metrics
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
        assert time.monotonic() - began < 10
    assert process.returncode == 0, log
    # Under coverage Tango warns on the same stream, in its own form.
    lines = [json.loads(line) for line in log.decode().splitlines() if line.startswith("{")]
    recording = next(line for line in lines if line["event"] == "recording")
    assert (recording["scan"], recording["key"]) == (1, scan_key(feed))
    assert lines[-1]["event"] == "stopped"
    assert points_in(path) == {"1.1": 3}


def test_a_full_disk_parks_the_scan_and_leaves_the_file_whole(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path, url = tmp_path / "a.h5", redis_server.url
    words = [sys.executable, "-m", "sardana_redis", "nexus-writer", "--url", url]
    with subprocess.Popen([*words, "--park-seconds", "3"], stderr=subprocess.DEVNULL) as process:
        done(url, publish(publisher, 1, path))
        size = path.stat().st_size
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size + 100_000, -1))
        key = publish(publisher, 2, path, 5000)
        eventually(lambda: bool(list_parked(url)), 30, "parked")
        assert list_parked(url)[0].scan.reason == "File too large"
        assert points_in(path)["1.1"] == 5
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (-1, -1))
        CliRunner().invoke(app, ["parked", "retry", "all", "--url", url])
        done(url, key, 5000)
        process.terminate()
        assert process.wait(20) == 0
    assert points_in(path) == {"1.1": 5, "2.1": 5000}
