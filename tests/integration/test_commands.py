"""The commands against a real Redis, as a person and as a program call them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from sardana_redis.local import RedisServer
from sardana_redis.model import EndReason, Identity, ScanEnd, StreamSpec
from sardana_redis.publisher import Publisher
from sardana_redis.settings import PublisherSettings
from sardana_redis.store import RedisStore

README = Path(__file__).parents[2] / "README.md"
START = "2026-11-23T10:00:00+01:00"


def command(*words: str, url: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | ({"SARDANA_REDIS_URL": url} if url else {})
    return subprocess.run(
        [sys.executable, "-m", "sardana_redis", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )


@pytest.fixture
def url(redis_server: RedisServer) -> str:
    """A Redis with a finished scan and one that runs, of which a stream has no points."""
    publisher = Publisher(
        RedisStore(redis_server.url), PublisherSettings(), url=redis_server.url, macroserver="ms"
    )
    streams = (
        StreamSpec("#Pt No", "int64"),
        StreamSpec("ct01", "float64", (), {"unit": "V"}),
        StreamSpec("oned", "float64", (100,)),
        StreamSpec("note", "json"),
    )
    info = {
        "title": "ascan mot01 0 1 2 0.1",
        "start_time": START,
        "channels": {s.name: {} for s in streams},
    }
    for number in (1, 2):
        feed = publisher.begin(Identity("ascan", number, "session", "policy"), info, streams)
        for point in range(3 * (2 - number)):
            feed.put((point, point / 2, np.full(100, point), f"point {point}"))
        if number == 1:
            feed.end(ScanEnd(EndReason.SUCCESS, datetime.now().astimezone()))
            assert feed.wait(10)
    publisher.shutdown(5)
    return redis_server.url


def test_scans_lists_the_newest_first(url: str) -> None:
    done = command("scans", "--json", url=url)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [scan["number"] for scan in found] == [2, 1]
    assert found[1]["points"] == 3
    assert found[1]["state"] == "CLOSED"
    assert found[1]["end_reason"] == "SUCCESS"
    assert found[1]["start_time"] == START


def test_scans_for_people_cuts_no_key_off(url: str) -> None:
    keys = [scan["key"] for scan in json.loads(command("scans", "--json", url=url).stdout)]
    shown = command("scans", url=url).stdout
    assert all(key in shown for key in keys)
    assert "2026-11-23 10:00:00" in shown


def test_show_tells_each_stream(url: str) -> None:
    key = json.loads(command("scans", "--json", url=url).stdout)[1]["key"]
    streams = json.loads(command("show", key, "--json", url=url).stdout)["streams"]
    assert [s["name"] for s in streams] == ["#Pt No", "ct01", "oned", "note"]
    assert streams[1] == {
        "name": "ct01",
        "length": 3,
        "dtype": "float64",
        "shape": [],
        "unit": "V",
        "sealed": True,
        "last": 1.0,
    }
    assert streams[2]["shape"] == [100]
    assert streams[3]["last"] == "point 2"
    shown = command("show", key, url=url).stdout
    assert re.search(r"oned\s+3\s+float64\s+100", shown)


def test_an_unknown_scan_is_exit_code_2_and_a_sentence(url: str) -> None:
    done = command("show", "esrf:scan:01AAAAAAAAAAAAAAAAAAAAAAAA", url=url)
    assert done.returncode == 2
    assert "Redis has no scan" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_redis_that_is_not_there_is_a_sentence() -> None:
    done = command("scans", "--url", "redis://127.0.0.1:1")
    assert done.returncode == 1
    assert "cannot be used now" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_redis_says_what_to_do(redis_server: RedisServer) -> None:
    assert "init-db" in command("scans", url=redis_server.url).stderr
    first = command("init-db", "--json", url=redis_server.url)
    assert json.loads(first.stdout)["initialised"] is True
    assert (
        json.loads(command("init-db", "--json", url=redis_server.url).stdout)["initialised"]
        is False
    )
    assert "no scan" in command("scans", url=redis_server.url).stdout


def readme_commands() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def test_the_readme_begins_with_the_two_commands() -> None:
    assert readme_commands()[:2] == ["make demo", "make test"]


@pytest.mark.parametrize(
    "line",
    # `make` is what runs this test, and `local` stays until Ctrl-C (test_local_stack.py).
    [line for line in readme_commands() if not re.match(r"make |.*sardana-redis local", line)],
)
def test_the_readmes_commands_work(line: str, url: str) -> None:
    bin_folder = str(Path(sys.executable).parent)
    environment = os.environ | {
        "SARDANA_REDIS_URL": url,
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
