"""Writers, as a person and a program see them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from sardana_redis import cli
from sardana_redis.keys import progress_key
from sardana_redis.local import RedisServer
from sardana_redis.model import WriterProgress, WriterRecord, WriterScanState
from sardana_redis.store import Link, ParkedScan, progress_command, write_parked, write_writer

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def link(redis_server: RedisServer) -> Link:
    made = Link(redis_server.url, timeout_seconds=5)
    now_ms = int(time.time() * 1000)
    write_writer(made, "spec", WriterRecord("spec", "host1", "1.0", "b", now_ms))
    write_writer(made, "nexus", WriterRecord("nexus", "host2", "1.1", "b", now_ms - 60_000))
    done = WriterProgress(5, WriterScanState.DONE)
    made.call(*progress_command("spec", {"esrf:scan:a": done, "esrf:scan:b": WriterProgress(1)}))
    write_parked(made, "spec", "esrf:scan:b", ParkedScan("/x.dat", "read-only", now_ms))
    return made


@pytest.fixture
def run(
    redis_server: RedisServer,
    link: Link,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["sardana-redis", *words, "--url", redis_server.url])
        code: Any = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        out = capsys.readouterr()
        return code, out.out, out.err

    return call


def test_writers_are_listed_for_people(run: Run) -> None:
    code, out, _ = run("writers", "list")
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert int(rows[1].pop(4)) in range(59, 75)  # seconds; a busy machine takes its time
    assert rows[1] == ["nexus", "nexus", "down", "for", "s", "host2", "1.1", "0", "0", "0"]
    assert rows[2] == ["spec", "spec", "up", "host1", "1.0", "2", "1", "1"]


def test_writers_are_listed_for_programs(run: Run) -> None:
    _, out, _ = run("writers", "list", "--json")
    found = {writer["name"]: writer for writer in json.loads(out)}
    assert [found[name]["is_up"] for name in ("spec", "nexus")] == [True, False]


def test_a_forgotten_writer_leaves_nothing(run: Run, link: Link) -> None:
    code, out, _ = run("writers", "forget", "spec")
    assert (code, out) == (0, "The writer spec is forgotten.\n")
    assert link.call("EXISTS", progress_key("spec")) == 0
    code, _, error = run("writers", "forget", "spec")
    assert code == 2
    assert "registered are: nexus" in error
    run("writers", "forget", "nexus")
    assert run("writers", "list")[1] == "No writer is registered in this Redis.\n"
