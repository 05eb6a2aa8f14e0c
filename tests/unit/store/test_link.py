"""One connection that never reconnects by itself, against a server of a few lines."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.connection import parse_url

from sardana_redis.errors import (
    Outage,
    SettingsError,
    StoreUnavailable,
    StoreUnusable,
)
from sardana_redis.store._link import Link, reader_url, url_with_password


class FakeRedis(socketserver.ThreadingTCPServer):
    """Answers commands with the `replies` by their first word; b"" hangs up, None keeps mum."""

    daemon_threads = True
    replies: ClassVar[dict[bytes, bytes | None]] = {
        b"GOOD": b"+OK\r\n",
        b"BAD": b"-ERR no such thing\r\n",
        b"HANGUP": b"",
        b"SILENT": None,
        b"MULTI": b"+OK\r\n",
        b"EXEC": b"*2\r\n:1\r\n:2\r\n",
    }

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.connections = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.StreamRequestHandler):
    server: FakeRedis

    def handle(self) -> None:
        self.server.connections += 1
        while header := self.rfile.readline():
            words = [self._word() for _ in range(int(header[1:]))]
            reply = self.server.replies.get(words[0], b"+OK\r\n")
            if reply == b"":
                return
            self.wfile.write(reply or b"")

    def _word(self) -> bytes:
        size = int(self.rfile.readline()[1:])
        return self.rfile.read(size + 2)[:-2]


@pytest.fixture
def server() -> Iterator[FakeRedis]:
    with FakeRedis() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def link(server: FakeRedis) -> Iterator[Link]:
    link = Link(server.url, timeout_seconds=30.0)
    yield link
    link.close()


def test_a_command_has_its_reply(link: Link) -> None:
    assert link.call("GOOD") == b"OK"


def test_a_refused_command_raises_and_the_connection_stays(link: Link, server: FakeRedis) -> None:
    with pytest.raises(StoreUnusable, match="no such thing"):
        link.call("BAD")
    assert link.call("GOOD") == b"OK"
    assert server.connections == 1


def test_in_a_pipeline_a_refusal_is_the_reply_of_its_command(link: Link) -> None:
    first, second, third = link.pipeline([("GOOD",), ("BAD",), ("GOOD",)])
    assert (first, third) == (b"OK", b"OK")
    assert isinstance(second, StoreUnusable)


def test_a_transaction_returns_what_its_commands_did(link: Link) -> None:
    assert link.transaction([("GOOD",), ("GOOD",)]) == [1, 2]


def test_a_transaction_with_a_refused_command_raises(link: Link) -> None:
    with pytest.raises(StoreUnusable, match="no such thing"):
        link.transaction([("GOOD",), ("BAD",)])


def test_a_lost_connection_is_never_opened_again(link: Link, server: FakeRedis) -> None:
    with pytest.raises(StoreUnavailable) as lost:
        link.call("HANGUP")
    assert lost.value.reason is Outage.LOST
    with pytest.raises(StoreUnavailable):
        link.call("GOOD")
    assert server.connections == 1


def test_a_server_that_keeps_mum_is_a_timeout(server: FakeRedis) -> None:
    link = Link(server.url, timeout_seconds=0.05)
    with pytest.raises(StoreUnavailable) as silent:
        link.call("SILENT")
    assert silent.value.reason is Outage.TIMEOUT
    link.close()


def test_a_server_that_is_not_there_is_unreachable(server: FakeRedis) -> None:
    url = server.url
    server.server_close()
    with pytest.raises(StoreUnavailable) as nobody:
        Link(url, timeout_seconds=5.0)
    assert nobody.value.reason is Outage.UNREACHABLE


def test_closing_twice_is_safe(link: Link) -> None:
    link.close()
    link.close()


def test_readers_get_protocol_2_and_a_long_timeout() -> None:
    options = parse_url(reader_url("redis://host:6379/3"))
    assert (options["host"], options["port"], options["db"]) == ("host", 6379, 3)
    assert options["protocol"] == "2"
    assert options["socket_timeout"] >= 3600


def test_options_that_the_url_has_stay() -> None:
    query = urlsplit(reader_url("rediss://host?ssl_cert_reqs=none")).query
    assert parse_qs(query)["ssl_cert_reqs"] == ["none"]
    assert parse_qs(query)["protocol"] == ["2"]


def test_without_a_file_the_url_stays_as_it_is() -> None:
    assert url_with_password("redis://user@host", None) == "redis://user@host"


@given(password=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"])))
def test_redis_gets_the_password_that_the_file_holds(
    tmp_path_factory: pytest.TempPathFactory, password: str
) -> None:
    file = tmp_path_factory.mktemp("secret") / "password"
    file.write_text(password + "\n", encoding="utf-8")
    options = parse_url(url_with_password("redis://user:old@host:6380/1", file))
    assert options.get("password", "") == password
    assert (options["username"], options["host"], options["port"]) == ("user", "host", 6380)


def test_a_password_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="missing cannot be read: No such file"):
        url_with_password("redis://host", tmp_path / "missing")


@pytest.mark.parametrize("option", ["foo=secret", "socket_timeout=secret", "db=secret"])
def test_an_option_that_redis_py_does_not_take_is_told_without_its_value(option: str) -> None:
    with pytest.raises(StoreUnusable, match="an option behind its") as caught:
        Link(f"redis://user:secret@127.0.0.1:1/?{option}", timeout_seconds=1)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__
