"""TLS, and passwords that change: every part of ours behind a door of TLS, as its own user."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from blissdata.redis_engine.store import DataStore

from sardana_redis.errors import Outage, SettingsError, StoreUnavailable
from sardana_redis.model import NexusTarget
from sardana_redis.publisher import Publisher
from sardana_redis.settings import PublisherSettings
from sardana_redis.store import FollowStore, RedisStore, wait_for_report
from tests.faults.arena import eventually
from tests.integration._guarded import HOST, Guarded, TlsDoor, make_certificate
from tests.integration._nexus import running_blisswriter
from tests.scans import begin, end, scalar_columns, scan, scan_start
from tests.spec_readers import read_silx

POINTS = 40
COLUMNS = scalar_columns(5)
WRITERS = {"spec-writer": "spec", "nexus-writer": "nexus"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("certificate"), "redis")


@pytest.fixture
def guarded(tmp_path: Path, certificate: tuple[Path, Path]) -> Iterator[Guarded]:
    found = Guarded(tmp_path / "guarded")
    with found.server, TlsDoor(found.server.port, *certificate).running() as door:
        found.front = f"rediss://{HOST}:{door.port}?ssl_ca_certs={certificate[0]}"
        found.door = door  # type: ignore[attr-defined]  # for the test that cuts
        yield found


@contextmanager
def recorder(guarded: Guarded) -> Iterator[Publisher]:
    """The publisher as MacroServer has one, in the recorder's role."""
    url = guarded.url("recorder")
    store = RedisStore(url, password_file=guarded.password_file)
    own = Publisher(store, PublisherSettings(), url=url, macroserver="tests")
    try:
        yield own
    finally:
        own.shutdown(10.0)


@contextmanager
def service(guarded: Guarded, command: str, log: Path, *more: str) -> Iterator[subprocess.Popen]:
    """A writer or the tracker, as its own user; it ends well."""
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "sardana_redis", command, *more],
            env={**os.environ, **guarded.variables(command)}, stdout=file, stderr=file,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            assert process.wait(30) == 0, log.read_text("utf-8")


def rows(points: int) -> list[tuple[Any, ...]]:
    return [(point, *(point + 0.5,) * (len(COLUMNS) - 1)) for point in range(points)]


def wait_for_files(guarded: Guarded, key: str) -> None:
    """Returns when both writers have finished the scan."""
    for name, writer in WRITERS.items():
        url = guarded.url(name, with_password=True)
        report = wait_for_report(url, writer, key, seconds=60)
        assert report is not None
        assert report.state == "done"


def assert_whole(folder: Path) -> None:
    """Both files have every point once."""
    (found,) = read_silx(folder / "a.dat")
    np.testing.assert_array_equal(found.columns["mot01"], np.arange(POINTS) + 0.5)
    with h5py.File(folder / "a.h5", locking=False) as file:
        np.testing.assert_array_equal(file["1.1/measurement/mot01"], np.arange(POINTS) + 0.5)


def test_every_part_speaks_tls(guarded: Guarded, tmp_path: Path) -> None:
    with ExitStack() as cleanup:
        for command, more in {
            "memory-tracker": ("--init-db",),
            **dict.fromkeys(WRITERS, ()),
        }.items():
            log = tmp_path / f"{command}.log"
            cleanup.enter_context(service(guarded, command, log, *more))
        own = cleanup.enter_context(recorder(guarded))
        files = [tmp_path / "a.h5", tmp_path / "a.dat"]
        key = scan(own, scan_start(1, files, COLUMNS), rows(POINTS))
        wait_for_files(guarded, key)
        assert_whole(tmp_path)
        assert key in guarded.run("reader", "scans", "--json")
        assert "ascan" in guarded.run("reader", "show", key)
        assert guarded.run("spec-writer", "writers", "list")
        assert guarded.run("reader", "watch", "--once")
        store = DataStore(guarded.url("reader", with_password=True))
        assert store.search_existing_scans(number=1)[1] == [key]
        np.testing.assert_array_equal(
            store.load_scan(key).streams["mot01"][:], np.arange(POINTS) + 0.5
        )
    assert guarded.denied() == []


def test_blisswriter_speaks_tls_in_the_role_of_a_reader(guarded: Guarded, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    start = scan_start(2, [path], COLUMNS, nexus=NexusTarget(str(path), "external"))
    with recorder(guarded) as own:
        scan(own, scan_start(1, [], COLUMNS), rows(2))  # which makes the database ready
        url = guarded.url("reader", with_password=True)
        admin = guarded.client("admin")
        with running_blisswriter(url, tmp_path / "log", administrator=admin) as writer:
            key = scan(own, start, rows(POINTS))
            writer.wait_for(key)
    with h5py.File(path) as file:
        assert len(file["2.1/measurement/mot01"]) == POINTS


def test_a_password_changes_in_mid_scan(guarded: Guarded, tmp_path: Path) -> None:
    """As in Kubernetes: the files change, parts are refused until Redis starts with the new one."""
    with ExitStack() as cleanup:
        logs = {command: tmp_path / f"{command}.log" for command in ("memory-tracker", *WRITERS)}
        services = [
            cleanup.enter_context(service(guarded, command, log)) for command, log in logs.items()
        ]
        own = cleanup.enter_context(recorder(guarded))
        feed = begin(own, scan_start(1, [tmp_path / "a.h5", tmp_path / "a.dat"], COLUMNS))
        for row in rows(POINTS // 2):
            feed.put(row)
        guarded.change_password("battery-staple")
        guarded.door.cut()
        for row in rows(POINTS)[POINTS // 2 :]:
            feed.put(row)
        for log in logs.values():
            eventually(lambda log=log: "invalid" in log.read_text("utf-8"), 30, f"{log} is refused")
        guarded.let_in()
        guarded.server.restart()
        end(feed)
        eventually(lambda: feed.is_delivered, 60, "the scan is delivered")
        wait_for_files(guarded, feed.publication.birth.key)
        assert [process.poll() for process in services] == [None] * len(services)
    assert_whole(tmp_path)
    for log in logs.values():
        text = log.read_text("utf-8")
        assert "battery" not in text
        assert "correct-horse" not in text


@pytest.mark.parametrize("make", [RedisStore, FollowStore])
def test_a_certificate_of_somebody_else_is_refused(
    guarded: Guarded, tmp_path: Path, make: Any
) -> None:
    stranger, _ = make_certificate(tmp_path / "stranger", "stranger")
    front = guarded.front.partition("?")[0]
    guarded.front = f"{front}?ssl_ca_certs={stranger}"
    store = make(guarded.url("recorder"), password_file=guarded.password_file)
    with pytest.raises(StoreUnavailable, match="certificate verify failed") as error:
        store.connect()
    assert error.value.reason is Outage.UNREACHABLE


def test_a_ca_that_is_not_there_is_named(guarded: Guarded, tmp_path: Path) -> None:
    missing = tmp_path / "nothing.crt"
    front = guarded.front.partition("?")[0]
    guarded.front = f"{front}?ssl_ca_certs={missing}"
    store = FollowStore(guarded.url("reader"), password_file=guarded.password_file)
    with pytest.raises(SettingsError, match=f"{missing}, ssl_ca_certs of Redis' URL, is not there"):
        store.connect()
