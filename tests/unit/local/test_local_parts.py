"""Small parts of the local stack: URLs, Redis' protocol, progress."""

from __future__ import annotations

import io
import socket
from pathlib import Path

import pytest
from rich.console import Console

from sardana_redis.errors import LocalStackError
from sardana_redis.local import LocalStack, RedisServer, _ports
from sardana_redis.local._ports import HOST, free_port, is_free
from sardana_redis.local._progress import show_progress, write
from sardana_redis.local._resp import ask, encode, names_both_modules
from sardana_redis.local._sardana import sardana_devices
from sardana_redis.local._tango import tango_environment
from sardana_redis.store import reader_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://h:1", "redis://h:1?protocol=2&socket_timeout=86400"),
        ("redis://:p@h:1/0", "redis://:p@h:1/0?protocol=2&socket_timeout=86400"),
        ("redis://h:1?db=2", "redis://h:1?db=2&protocol=2&socket_timeout=86400"),
    ],
)
def test_reader_url_works_with_every_redis_py(url: str, expected: str) -> None:
    assert reader_url(url) == expected


def test_commands_are_encoded_by_bytes() -> None:
    assert encode("AUTH", "ä") == b"*2\r\n$4\r\nAUTH\r\n$2\r\n\xc3\xa4\r\n"


def test_nobody_to_ask_gives_an_empty_reply() -> None:
    assert ask(free_port(), "PING") == b""


def test_modules_are_recognised_by_their_whole_names() -> None:
    assert names_both_modules(b"$6\r\nReJSON\r\n...$6\r\nsearch\r\n")
    assert not names_both_modules(b"$6\r\nReJSON\r\n$8\r\nresearch\r\n")


def test_a_free_port_is_none_that_outgoing_connections_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "range"
    path.write_text("32768\t60999\n")
    monkeypatch.setattr(_ports, "_OUTGOING", path)
    ports = [free_port() for _ in range(20)]
    assert all(_ports._LOWEST <= port < 32768 for port in ports)
    assert len(set(ports)) > 10
    assert all(map(is_free, ports))


@pytest.mark.parametrize("said", ["1024\t65535\n", "", "nonsense", None])
def test_a_port_is_found_whatever_the_system_says(
    said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "range"
    if said is not None:
        path.write_text(said)
    monkeypatch.setattr(_ports, "_OUTGOING", path)
    assert is_free(free_port())


def test_a_port_is_found_where_all_below_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ports, "is_free", lambda _: False)
    assert is_free(free_port())


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.create_server((HOST, 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_progress_is_plain_lines_off_a_terminal() -> None:
    console = Console(file=io.StringIO())
    with show_progress(console) as progress:
        progress("Starting [Redis]")
    first, last = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # StringIO
    assert first == "Starting [Redis] ..."
    assert last.startswith("Ready after ")


def test_progress_is_a_spinner_on_a_terminal() -> None:
    console = Console(file=io.StringIO(), force_terminal=True)
    with show_progress(console) as progress:
        progress("Starting [Redis]")
    assert "Ready after " in console.file.getvalue()  # type: ignore[attr-defined]  # StringIO


def test_lines_are_neither_folded_nor_marked_up() -> None:
    console = Console(file=io.StringIO(), width=10)
    write(console, "[bold]a long line with (1024,) in it")
    assert console.file.getvalue() == "[bold]a long line with (1024,) in it\n"  # type: ignore[attr-defined]  # StringIO


def test_servers_know_nothing_of_the_users_control_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TANGO_ZMQ_EVENT_PORT", "ORBendPoint", "SARDANA_REDIS_URL", "KEPT"):
        monkeypatch.setenv(name, "theirs")
    variables = tango_environment(tmp_path, "127.0.0.1:1", {"SARDANA_REDIS_SESSION": "ours"})
    assert variables["TANGO_HOST"] == "127.0.0.1:1"
    assert variables["SARDANA_REDIS_SESSION"] == "ours"
    assert variables["KEPT"] == "theirs"
    assert not {"TANGO_ZMQ_EVENT_PORT", "ORBendPoint", "SARDANA_REDIS_URL"} & variables.keys()
    assert Path(variables["TMPDIR"]).is_relative_to(tmp_path)


def test_properties_that_hold_nothing_are_not_registered(tmp_path: Path) -> None:
    devices = sardana_devices(tmp_path, recorder_path=[tmp_path], macro_path=[])
    (macroserver,) = (device for device in devices if device.class_name == "MacroServer")
    assert macroserver.paths == {"RecorderPath": [str(tmp_path)]}


def test_what_was_not_started_says_so(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.stop()
    server.kill()
    assert not server.is_running
    for use in (lambda: server.port, lambda: server.pid, server.pause, server.resume):
        with pytest.raises(LocalStackError):
            use()
    stack = LocalStack()
    stack.stop()
    with pytest.raises(LocalStackError, match="was not started"):
        _ = stack.folder
    with pytest.raises(LocalStackError, match="has no Redis"):
        _ = stack.redis
