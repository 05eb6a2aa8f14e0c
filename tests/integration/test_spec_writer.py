"""The SPEC writer on a real Redis with the real publisher."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import redis
from silx.io.specfile import SpecFile
from typer.testing import CliRunner

from sardana_redis.cli import app
from sardana_redis.errors import WriterConflictError
from sardana_redis.local import RedisServer
from sardana_redis.local._ports import free_port
from sardana_redis.model import EndReason, WriterScanState
from sardana_redis.publisher import Publisher
from sardana_redis.settings import Settings, SpecWriterSettings
from sardana_redis.spec_writer import SpecWriter, WriterState
from sardana_redis.store import (
    FollowStore,
    Order,
    OrderKind,
    forget_registered_writer,
    list_parked,
    order_parked,
    read_progress,
    wait_for_report,
)
from tests import scans
from tests.faults.arena import eventually
from tests.integration._writers import has_reported, running


@pytest.fixture
def publisher(redis_server: RedisServer) -> Iterator[Publisher]:
    with scans.publisher(redis_server.url) as publisher:
        yield publisher


@contextmanager
def writing(url: str, **own: object) -> Iterator[SpecWriter]:
    """A writer that runs meanwhile."""
    writer = SpecWriter(Settings(url=url, spec_writer=SpecWriterSettings(**own)))
    with running(writer):
        yield writer


def rows(points: int, columns: int = 5) -> Iterator[list[float]]:
    return ([i, *[(i + 1) / 7] * (columns - 1)] for i in range(points))


def publish(publisher: Publisher, number: int, file: Path, points: int = 5, **more: object) -> str:
    start = scans.scan_start(number, [file], scans.scalar_columns(5), **more)
    return scans.scan(publisher, start, rows(points))


def done(url: str, key: str, seconds: float = 20.0) -> None:
    report = wait_for_report(url, "spec", key, seconds=seconds)
    assert report is not None
    assert report.state is WriterScanState.DONE, report


def numbers(path: Path) -> dict[str, list[int]]:
    """The point numbers of each scan in the file, by silx's key, in the file's order."""
    try:
        spec = SpecFile(str(path))
    except OSError:  # it was only just made: silx refuses an empty one
        return {}
    return {
        key: [int(n) for n in scan.data[0]] if scan.data.size else []
        for key, scan in zip(spec.keys(), spec, strict=True)
    }


def test_a_scan_is_in_the_file_while_it_runs(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "a.dat"
    with writing(redis_server.url) as writer:
        feed = scans.begin(publisher, scans.scan_start(7, [path], scans.scalar_columns(5)))
        for row in rows(3):
            feed.put(tuple(row))
        eventually(lambda: path.exists() and numbers(path) == {"7.1": [0, 1, 2]}, 10, "3 rows")
        eventually(lambda: [s.points for s in writer.status.scans] == [3], 5, "3 points safe")
        eventually(lambda: writer.status.lag_points == 0, 5, "nothing is behind")
        (scan,) = writer.status.scans
        assert (scan.number, scan.points, scan.published, scan.path) == (7, 3, 3, str(path))
        assert writer.status.state is WriterState.WRITING
        assert "Scan 7" in writer.status.text()
        url = redis_server.url
        eventually(lambda: has_reported(url, "spec", scan.key, 3), 5, "3 points reported")
        report = wait_for_report(url, "spec", scan.key, seconds=0)
        assert report is not None
        assert report.state is WriterScanState.OPEN
        scans.end(feed)
        done(redis_server.url, scan.key)
        eventually(lambda: writer.status.state is WriterState.WAITING, 5, "waiting")
        assert writer.status.rows_written == 3
        assert writer.status.last_file == str(path)
    assert path.read_bytes().count(b"Acquisition ended") == 1
    assert writer.status.state is WriterState.STOPPED


def test_what_was_scanned_while_it_was_down_is_written_oldest_first(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "a.dat"
    keys = [publish(publisher, number, path) for number in range(1, 30)]
    with writing(redis_server.url):
        done(redis_server.url, keys[-1])
    assert list(numbers(path)) == [f"{number}.1" for number in range(1, 30)]
    text = path.read_bytes()
    with writing(redis_server.url):
        keys.append(publish(publisher, 30, path))
        done(redis_server.url, keys[-1])
    assert path.read_bytes().startswith(text)
    assert len(numbers(path)) == 30


def test_a_writer_that_is_forgotten_while_it_runs_needs_nothing_that_it_has_written(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    """It is forgotten with its reports, by which the memory tracker knows what it needs."""
    path = tmp_path / "a.dat"
    key = publish(publisher, 1, path)
    with writing(redis_server.url):
        done(redis_server.url, key)  # by a process before: this one does not remember it
    with writing(redis_server.url):
        other = publish(publisher, 2, path)
        done(redis_server.url, other)
        forget_registered_writer(redis_server.url, "spec")
        done(redis_server.url, key)
        done(redis_server.url, other)
    assert list(numbers(path)) == ["1.1", "2.1"]


def test_two_scans_of_one_file_never_interleave(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "a.dat"
    with writing(redis_server.url) as writer:
        first = scans.begin(publisher, scans.scan_start(1, [path], scans.scalar_columns(5)))
        first.put(tuple(next(rows(1))))
        eventually(path.exists, 10, "the first scan")
        other = publish(publisher, 2, path)
        last = publish(publisher, 3, path)
        eventually(lambda: writer.status.pending == 2, 10, "two scans wait")
        eventually(lambda: writer.status.lag_seconds == 0.0, 5, "those that wait are no lag")
        report = wait_for_report(redis_server.url, "spec", other, seconds=0.5)
        assert report is not None
        assert report.waits
        first.put((1, 1.0, 1.0, 1.0, 1.0))
        scans.end(first)
        done(redis_server.url, last)
    found = numbers(path)
    assert found == {"1.1": [0, 1], "2.1": list(range(5)), "3.1": list(range(5))}


def test_only_scans_of_its_sessions_are_written(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    with writing(redis_server.url, sessions=("mine",)):
        other = publish(publisher, 1, tmp_path / "a.dat", session="other")
        mine = publish(publisher, 2, tmp_path / "a.dat", session="mine")
        done(redis_server.url, mine)
        report = wait_for_report(redis_server.url, "spec", other, seconds=15)
    assert report is not None
    assert report.state is WriterScanState.SKIPPED
    assert list(numbers(tmp_path / "a.dat")) == ["2.1"]


def test_one_bad_folder_among_fifty_scans_holds_up_nobody(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    url, bad, good = redis_server.url, tmp_path / "missing" / "b.dat", tmp_path / "a.dat"
    with writing(url, park_seconds=1.0) as writer:
        keys = [publish(publisher, n, bad if n == 20 else good) for n in range(1, 51)]
        for key in keys:
            if key is not keys[19]:
                done(url, key)
        eventually(lambda: writer.status.parked == 1, 10, "one is parked")
        assert writer.status.lag_seconds == 0.0
        assert writer.status.is_ready
        (parked,) = list_parked(url)
        assert (parked.key, parked.scan.number) == (keys[19], 20)
        assert parked.scan.reason == "No such file or directory"
        assert len(numbers(good)) == 49
        elsewhere = tmp_path / "c.dat"
        words = ["parked", "retry", "20", "--to", str(elsewhere), "--url", url]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        done(url, keys[19])
        assert numbers(elsewhere) == {"20.1": list(range(5))}
        eventually(lambda: not list_parked(url), 5, "nothing is parked")


def test_a_folder_that_comes_back_frees_what_was_parked(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    url, path = redis_server.url, tmp_path / "missing" / "b.dat"
    with writing(url, park_seconds=0.3) as writer:
        key = publish(publisher, 1, path)
        eventually(lambda: writer.status.parked == 1, 10, "parked")
        path.parent.mkdir()
        result = CliRunner().invoke(app, ["parked", "retry", "all", "--url", url])
        assert result.exit_code == 0, result.output
        done(url, key)
        eventually(lambda: writer.status.parked == 0, 5, "parked no more")


def test_a_scan_that_is_skipped_protects_nothing_any_more(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    url = redis_server.url
    with writing(url, park_seconds=0.1):
        key = publish(publisher, 1, tmp_path / "missing" / "b.dat")
        eventually(lambda: bool(list_parked(url)), 10, "parked")
        assert CliRunner().invoke(app, ["parked", "skip", key, "--url", url]).exit_code == 0
        report = wait_for_report(url, "spec", key, seconds=30)
    assert report is not None
    assert report.state is WriterScanState.SKIPPED


def test_lag_grows_while_the_file_cannot_be_written(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "missing" / "b.dat"
    with writing(redis_server.url) as writer:
        key = publish(publisher, 1, path)
        eventually(lambda: writer.status.lag_seconds > 1.5, 10, "lag")
        assert writer.status.lag_points == 5
        assert "No such file or directory" in writer.status.last_error
        path.parent.mkdir()
        done(redis_server.url, key)
        eventually(lambda: writer.status.lag_seconds == 0.0, 5, "no lag")


@pytest.mark.parametrize("how", ["removed", "rotated"])
def test_a_file_that_vanishes_under_a_scan_is_written_anew(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path, how: str
) -> None:
    path = tmp_path / "a.dat"
    with writing(redis_server.url):
        feed = scans.begin(publisher, scans.scan_start(1, [path], scans.scalar_columns(5)))
        for row in rows(3):
            feed.put(tuple(row))
        eventually(lambda: path.exists() and numbers(path) == {"1.1": [0, 1, 2]}, 10, "3 rows")
        if how == "removed":
            path.unlink()
        else:
            path.rename(tmp_path / "a.dat.1")
        feed.put((3, 1.0, 1.0, 1.0, 1.0))
        scans.end(feed)
        done(redis_server.url, feed.publication.birth.key)
    assert numbers(path) == {"1.1": [0, 1, 2, 3]}


def test_a_file_that_another_process_has_locked_is_waited_for(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path, key = tmp_path / "a.dat", ""
    holder = (
        "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, 2); "
        "print(1, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", holder, str(path)]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
        writing(redis_server.url) as writer,
    ):
        assert process.stdout is not None
        process.stdout.readline()
        key = publish(publisher, 1, path)
        eventually(lambda: "locked" in writer.status.last_error, 10, "it says why")
        process.communicate()
        done(redis_server.url, key)
    assert numbers(path) == {"1.1": list(range(5))}


def test_two_writers_of_one_file_write_each_scan_once(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "a.dat"
    with writing(redis_server.url), writing(redis_server.url, writer_name="mistake"):
        keys = [publish(publisher, number, path) for number in range(1, 10)]
        done(redis_server.url, keys[-1])
        report = wait_for_report(redis_server.url, "mistake", keys[-1], seconds=20)
    assert report is not None
    assert report.state is WriterScanState.DONE
    assert list(numbers(path)) == [f"{number}.1" for number in range(1, 10)]


def test_a_second_process_of_the_same_name_gives_up(redis_server: RedisServer) -> None:
    with scans.publisher(redis_server.url), writing(redis_server.url):
        time.sleep(0.05)
        second = SpecWriter(Settings(url=redis_server.url))
        with pytest.raises(WriterConflictError, match="is the writer 'spec' already"):
            second.run(threading.Event())


def test_a_second_process_of_the_same_name_skips_no_scan_of_the_first(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    url, path = redis_server.url, tmp_path / "missing" / "a.dat"
    own = SpecWriterSettings(sessions=("another",))
    with writing(url, park_seconds=0.1):
        key = publish(publisher, 1, path)
        eventually(lambda: len(list_parked(url)) == 1, 10, "parked")
        with pytest.raises(WriterConflictError):
            SpecWriter(Settings(url=url, spec_writer=own)).run(threading.Event())
        assert [parked.key for parked in list_parked(url)] == [key]
        report = wait_for_report(url, "spec", key, seconds=0)
        assert report is not None
        assert report.state is WriterScanState.OPEN
        path.parent.mkdir()
        order_parked(url, key, Order(OrderKind.RETRY))
        done(url, key)
    assert numbers(path) == {"1.1": list(range(5))}


def test_trimmed_points_are_told_in_the_file_and_counted(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "a.dat"
    feed = scans.begin(publisher, scans.scan_start(1, [path], scans.scalar_columns(5)))
    for row in rows(100):
        feed.put(tuple(row))
        if int(row[0]) % 10 == 9:
            eventually(lambda: feed.intake.held_bytes == 0, 5, "delivered")
    scans.end(feed)
    assert feed.wait(10)
    client = redis.Redis.from_url(redis_server.url)
    for stream in feed.publication.birth.stream_keys:
        client.xtrim(stream, minid="50-0", approximate=False)
    first = int(client.xrange(feed.publication.birth.stream_keys[0], count=1)[0][0].split(b"-")[0])
    assert first > 0
    with writing(redis_server.url) as writer:
        report = wait_for_report(redis_server.url, "spec", feed.publication.birth.key, seconds=30)
    assert report is not None
    assert (report.state, report.points, report.lost) == (WriterScanState.DONE, 100, first)
    assert writer.status.rows_written == 100 - first
    assert numbers(path) == {"1.1": list(range(first, 100))}
    assert f"#C {first} points" in path.read_text()


def test_dates_are_the_scans_own_whatever_the_zone_of_the_writer(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "a.dat"
    start = datetime(2026, 7, 1, 23, 30, 0, tzinfo=timezone(timedelta(hours=9)))
    key = publish(publisher, 0, path, start=start)
    words = [sys.executable, "-m", "sardana_redis", "spec-writer", "--url", redis_server.url]
    environment = os.environ | {"TZ": "America/New_York"}
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE) as process:
        done(redis_server.url, key)
        process.terminate()
        _, log = process.communicate(timeout=20)
    assert process.returncode == 0, log
    text = path.read_text()
    assert "#D Wed Jul 01 23:30:00 2026" in text
    assert "2026-07-01T23:30:00+09:00" in text
    lines = [json.loads(line) for line in log.decode().splitlines()]
    events = [line["event"] for line in lines]
    assert events[:2] == ["connecting", "waiting for scans"]
    recording = next(line for line in lines if line["event"] == "recording")
    assert (recording["scan"], recording["key"], recording["path"]) == (0, key, str(path))


def test_waits_for_a_redis_that_is_not_there_and_stops_at_once(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    server.start()
    server.stop()
    with writing(server.url, next_scan_timeout=0) as writer:
        eventually(lambda: writer.status.state is WriterState.UNAVAILABLE, 10, "unavailable")
        assert not writer.status.is_ready
        server.start()
        eventually(lambda: writer.status.state is WriterState.WAITING, 20, "waiting")
    server.stop()


def test_an_unreadable_scan_holds_up_nobody(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    client = redis.Redis.from_url(redis_server.url)
    client.json().set("esrf:scan:00POISON", "$", {"info": 3})
    poisoned = publish(publisher, 1, tmp_path / "a.dat")
    stream = client.json().get(poisoned, "$.data_streams.ct001.pk")[0]
    client.delete(f"esrf:stream:{stream}")
    client.set(f"esrf:stream:{stream}", "no stream")
    with writing(redis_server.url):
        key = publish(publisher, 2, tmp_path / "a.dat")
        done(redis_server.url, key)
        store = FollowStore(redis_server.url)
        store.connect()
        reports = read_progress(store.link, "spec")
        store.disconnect()
    assert reports["esrf:scan:00POISON"].state is WriterScanState.SKIPPED
    assert reports[poisoned].state is WriterScanState.FAILED


def test_a_file_of_others_is_continued(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "a.dat"
    theirs = b"#S 1 ascan\r\n#D Thu Dec 21 17:14:26 2023\r\n#N 2\r\n#L a  b\r\n0 1\r\n1 2"
    path.write_bytes(theirs)
    with writing(redis_server.url):
        done(redis_server.url, publish(publisher, 2, path))
    assert path.read_bytes().startswith(theirs + b"\n")
    found = numbers(path)
    assert (found["1.1"], found["2.1"]) == ([0, 1], list(range(5)))


def test_an_abort_is_told(redis_server: RedisServer, publisher: Publisher, tmp_path: Path) -> None:
    start = scans.scan_start(1, [tmp_path / "a.dat"], scans.scalar_columns(5))
    key = scans.scan(publisher, start, rows(3), EndReason.USER_ABORT)
    with writing(redis_server.url):
        done(redis_server.url, key)
    assert "#C Scan aborted after 3 points." in (tmp_path / "a.dat").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dialect", "latin"], "latin"),
        (["--writer-name", "a b"], "writer_name"),
        (["--http-port", "70000"], "http_port"),
        (["--url", "http://x"], "redis://"),
    ],
)
def test_wrong_options_end_with_code_2_and_say_what_is_wrong(words: list[str], said: str) -> None:
    module = "sardana_redis.spec_writer.spec_writer_service"
    result = subprocess.run(
        [sys.executable, "-m", module, *words], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2, result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_now_is_not_in_the_file(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    key = publish(publisher, 1, tmp_path / "a.dat", start=datetime(2001, 2, 3, 4, 5, tzinfo=UTC))
    with writing(redis_server.url):
        done(redis_server.url, key)
    assert str(datetime.now(UTC).year) not in (tmp_path / "a.dat").read_text().replace(key, "")


def test_every_setting_of_the_writer_is_an_option() -> None:
    result = CliRunner().invoke(app, ["spec-writer", "--help"], env={"COLUMNS": "200"})
    for name in SpecWriterSettings.model_fields:
        option = "session" if name == "sessions" else name.replace("_", "-")
        assert f"--{option}" in result.output


def test_metrics_and_health_are_served(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    key = publish(publisher, 1, tmp_path / "a.dat")
    port = free_port()
    words = ["spec-writer", "--url", redis_server.url, "--http-port", str(port)]
    with subprocess.Popen([sys.executable, "-m", "sardana_redis", *words]) as process:
        try:
            done(redis_server.url, key)

            def page(name: str) -> str:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=5) as reply:
                    return reply.read().decode()

            written = 'sardana_redis_writer_points_written_total{writer="spec"} 5.0'
            eventually(lambda: written in page("metrics"), 5, "five points written")
            assert 'writer_scans_total{result="done",writer="spec"} 1.0' in page("metrics")
            eventually(lambda: "waiting for scans" in page("readyz"), 5, "the last scan's end")
            assert "waiting for scans" in page("healthz")
            second = subprocess.run(
                [sys.executable, "-m", "sardana_redis", *words, "--writer-name", "other"],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert second.returncode == 2
            assert str(port) in second.stderr
        finally:
            process.terminate()
    assert process.returncode == 0


def test_a_password_file_that_is_away_for_a_moment_is_waited_out(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("pass word")
    with RedisServer(tmp_path / "other", password="pass word") as server:
        own = SpecWriterSettings()
        settings = Settings(url=server.plain_url, password_file=secret, spec_writer=own)
        writer = SpecWriter(settings)
        with running(writer):
            eventually(lambda: writer.status.state is WriterState.WAITING, 10, "waiting")
            secret.unlink()
            server.restart()
            eventually(lambda: "password file" in writer.status.reason, 10, "it says why")
            secret.write_text("pass word")
            eventually(lambda: writer.status.state is WriterState.WAITING, 20, "waiting again")
