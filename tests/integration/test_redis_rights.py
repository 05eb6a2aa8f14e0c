"""The rights of images/redis/roles.acl: enough for every part, and not more."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import h5py
import pytest
import redis
from blissdata.redis_engine.store import DataStore

from sardana_redis.keys import STREAM_PREFIX
from sardana_redis.local import LocalStack
from sardana_redis.store import Link, Order, OrderKind, give_order, read_orders, remove_order
from tests.faults.arena import eventually
from tests.integration._guarded import Guarded, rights
from tests.scans import publisher, scalar_columns, scan, scan_start
from tests.spec_readers import read_silx

POINTS = 21

ROLE_NAMES = ("recorder", "spec-writer", "nexus-writer", "memory-tracker", "reader")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    found = Guarded(tmp_path / "guarded", "--maxmemory", "64mb")
    with found.server:
        yield found


def services(guarded: Guarded, cleanup: ExitStack, log: Path) -> None:
    """Both writers and the tracker, each as its own user."""
    often = ("--monitoring-period", "1", "--cleaning-threshold", "10", "--protected-history", "1")
    for command, more in {
        "memory-tracker": ("--init-db", *often), "spec-writer": (), "nexus-writer": ()
    }.items():  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-m", "sardana_redis", command, *more],
            env={**os.environ, **guarded.variables(command)},
            stdout=cleanup.enter_context((log / f"{command}.log").open("w")),
            stderr=subprocess.STDOUT,
        )
        cleanup.callback(process.wait, 30)
        cleanup.callback(process.terminate)


@pytest.mark.stack
@pytest.mark.timeout(300)
def test_a_beamline_runs_with_the_rights_of_its_roles(guarded: Guarded, tmp_path: Path) -> None:
    with ExitStack() as cleanup:
        stack = cleanup.enter_context(
            LocalStack(
                with_redis=False,
                scan_file=("a.h5",),
                macroserver_variables=guarded.variables("recorder"),
            )
        )
        services(guarded, cleanup, tmp_path)
        door = stack.door()
        run = door.run("ascan", "mot01", "0", "1", str(POINTS - 1), "0.02")
        assert run.state == "ON", run.text()
        door.start("ascan", "mot01", "0", "1", "300", "0.05")
        store = DataStore(guarded.url("reader", with_password=True))
        eventually(lambda: len(states(store)) == 2, 20, "the second scan is there")
        stack.macroserver.restart()  # which closes that scan
        eventually(lambda: set(states(store).values()) == {"CLOSED"}, 30, "both are closed")
        spec, nexus = stack.scan_dir / "a.dat", stack.scan_dir / "a.h5"
        eventually(lambda: written(nexus) == {"1.1", "2.1"}, 60, "the NeXus file")
        eventually(lambda: scans_in(spec) == 2, 60, "the SPEC file")
        assert len(read_silx(spec)[0].columns["Pt No"]) == POINTS
        _, (key,) = store.search_existing_scans(name="ascan", number=1)
        assert len(store.load_scan(key).streams["#Pt No"]) == POINTS
        for words in (["scans"], ["watch", "--once"], ["writers", "list"], ["parked", "list"]):
            assert guarded.run("spec-writer", *words)
        for words in (["scans"], ["watch", "--once"], ["show", key]):
            assert guarded.run("reader", *words)
    assert guarded.denied() == []


def test_the_tracker_has_the_right_to_trim_and_to_let_go(guarded: Guarded, tmp_path: Path) -> None:
    with ExitStack() as cleanup:
        services(guarded, cleanup, tmp_path)
        url = guarded.url("recorder", with_password=True)
        with publisher(url) as own:
            for number in range(1, 4):
                files = [tmp_path / "a.h5", tmp_path / "a.dat"]
                scan(own, scan_start(number, files, scalar_columns(50)), rows(8000, 50))
            with guarded.client("admin") as client:
                eventually(lambda: bool(trimmed(client)), 60, "something is trimmed")
    assert guarded.denied() == []


@pytest.mark.parametrize("role", ["spec-writer", "nexus-writer"])
def test_a_writer_has_the_right_to_remove_what_it_carried_out(guarded: Guarded, role: str) -> None:
    url = guarded.url(role, with_password=True)
    retry, skip = Order(OrderKind.RETRY), Order(OrderKind.SKIP)
    with closing(Link(url, timeout_seconds=5)) as link:
        give_order(link, "w", "k", skip)
        assert remove_order(link, "w", "k", retry)
        assert remove_order(link, "w", "k", skip)
        assert read_orders(link, "w") == {}
    assert guarded.denied() == []


def rows(points: int, columns: int) -> Iterator[tuple[Any, ...]]:
    for point in range(points):
        yield (point, *(point + 0.5,) * (columns - 1))


_COUNT = "return redis.call('XINFO', 'STREAM', KEYS[1])[{}]"
"""A field by its place: redis-py would decode the first entry too."""


def trimmed(client: Any) -> str:
    """The name of a stream that has lost entries; empty while there is none."""
    for key in client.scan_iter(f"{STREAM_PREFIX}*", count=1000):
        length, added = (client.eval(_COUNT.format(field), 1, key) for field in (2, 12))
        if length < added:
            return str(key)
    return ""


def states(store: DataStore) -> dict[str, str]:
    _, keys = store.search_existing_scans()
    return {key: store.load_scan(key).state.name for key in keys}


def scans_in(path: Path) -> int:
    """How many scans a SPEC file has; none while it is not there, or empty."""
    try:
        return len(read_silx(path))
    except OSError:
        return 0


def written(path: Path) -> set[str]:
    """The entries of a NeXus file; none while it is not there."""
    try:
        with h5py.File(path, locking=False) as file:
            return set(file)
    except OSError:
        return set()


@pytest.mark.parametrize("role", ROLE_NAMES)
@pytest.mark.parametrize(
    "words",
    [
        ("FLUSHALL",), ("CONFIG", "SET", "dir", "/tmp"), ("CONFIG", "GET", "*"), ("SHUTDOWN",),
        ("ACL", "LIST"), ("MONITOR",), ("KEYS", "*"), ("GET", "of-others"),
        ("SET", "of-others", "1"), ("REPLICAOF", "127.0.0.1", "1"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_role_rules_the_server(role: str, words: Sequence[str], rights_server: Guarded) -> None:
    with rights_server.client(role) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*words)


@pytest.mark.parametrize("role", ["spec-writer", "nexus-writer", "reader"])
@pytest.mark.parametrize(
    "words",
    [
        ("DEL", "esrf:scan:x"), ("XADD", "esrf:stream:x", "*", "a", "1"), ("XTRIM", "esrf:stream:x",
        "MAXLEN", "0"), ("JSON.SET", "esrf:scan:x", "$", "1"), ("EXPIRE", "esrf:scan:x", "1"),
        ("DEL", "_SCAN_HISTORY_"), ("FCALL", "seal_stream", "1", "esrf:stream:x"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_who_only_follows_changes_no_scan(
    role: str, words: Sequence[str], rights_server: Guarded
) -> None:
    with rights_server.client(role) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*words)


def test_a_reader_changes_nothing_of_ours(rights_server: Guarded) -> None:
    with rights_server.client("reader") as client:
        assert client.hgetall("sardana_redis:writers") == {}
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.hset("sardana_redis:writers", "me", "{}")


@pytest.mark.parametrize("role", ["memory-tracker", "spec-writer", "nexus-writer"])
def test_a_writer_that_is_gone_is_forgotten_from_the_pods_that_are_left(
    role: str, rights_server: Guarded
) -> None:
    """docs/deployment.md: by `kubectl exec` in the tracker's pod, or in the other writer's."""
    with rights_server.client("nexus-writer") as client:
        client.hset("sardana_redis:writers", "gone", "{}")
    assert rights_server.run(role, "writers", "forget", "gone")
    with rights_server.client("reader") as client:
        assert client.hgetall("sardana_redis:writers") == {}


def test_the_roles_are_those_that_are_tested() -> None:
    assert tuple(rights()) == ROLE_NAMES


@pytest.fixture(scope="module")
def rights_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    found = Guarded(tmp_path_factory.mktemp("rights") / "guarded")
    with found.server:
        yield found


@pytest.mark.parametrize(
    ("user", "words", "said"),
    [
        (
            "reader",
            ("writers", "forget", "spec"),
            "User reader has no permissions to run the 'hdel'",
        ),
        ("reader", ("init-db",), "User reader has no permissions to run the 'set'"),
        ("nobody", ("scans",), "invalid username-password pair"),
    ],
)
def test_a_refusal_names_the_user_and_the_remedy(
    user: str, words: Sequence[str], said: str, rights_server: Guarded
) -> None:
    with pytest.raises(subprocess.CalledProcessError) as error:
        rights_server.run(user, *words)
    assert error.value.returncode == 1
    assert said in error.value.stderr
    assert "docs/redis.md has the rights of each role" in error.value.stderr
