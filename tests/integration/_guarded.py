"""A Redis with a user for each role, and a door of TLS before it."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from sardana_redis.local import RedisServer

ROLES = Path(__file__).parents[2] / "images" / "redis" / "roles.acl"
HOST = "127.0.0.1"


def rights() -> dict[str, str]:
    """The rights of each role, by its name."""
    lines = [line for line in ROLES.read_text("utf-8").splitlines() if line[:1] not in ("", "#")]
    return dict(line.split(" ", 1) for line in lines)


class Guarded:
    """A Redis with a user for each role; who has no name may only ask whether it is there.

    `front` is `rediss://HOST:PORT?OPTIONS` where clients go through a door of TLS.
    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        folder.mkdir()
        self.front: str | None = None
        self.password_file = folder / "password"
        self._acl = folder / "users.acl"
        self._administrator = "horse-and-cart"
        self.change_password("correct-horse")
        self.let_in()
        arguments = ("--aclfile", str(self._acl), *arguments)
        self.server = RedisServer(folder / "redis", arguments=arguments)

    def change_password(self, password: str) -> None:
        """Writes another password into the file that all parts read; Redis has the old one."""
        self.password_file.write_text(password, encoding="utf-8")

    def let_in(self) -> None:
        """Writes the users of Redis' next start, with the password of now."""
        password = self.password_file.read_text("utf-8")
        users = [
            "user default on nopass -@all +ping +info +module|list",
            f"user admin on >{self._administrator} ~* &* +@all",
            *(f"user {role} on >{password} {words}" for role, words in rights().items()),
        ]
        self._acl.write_text("\n".join(users) + "\n", encoding="utf-8")

    def url(self, user: str, *, with_password: bool = False) -> str:
        """The URL of a role."""
        secret = f":{self.password_file.read_text('utf-8')}" if with_password else ""
        return (self.front or self.server.plain_url).replace("//", f"//{user}{secret}@")

    def client(self, user: str) -> Any:
        """A client of redis-py, at the server itself."""
        password = self._administrator
        if user != "admin":
            password = self.password_file.read_text("utf-8")
        return redis.Redis(
            host=HOST, port=self.server.port, username=user, password=password,
            decode_responses=True,
        )  # fmt: skip

    def variables(self, user: str) -> dict[str, str]:
        """The settings of a part that runs in that role."""
        return {
            "SARDANA_REDIS_URL": self.url(user),
            "SARDANA_REDIS_PASSWORD_FILE": str(self.password_file),
        }

    def run(self, user: str, *words: str) -> str:
        """What our command says as that user."""
        return subprocess.run(
            [sys.executable, "-m", "sardana_redis", *words],
            env={**os.environ, **self.variables(user)},
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip

    def denied(self) -> list[tuple[str, str, str]]:
        """Who was refused what since the start, but for RediSearch's limit.

        That one is tried at each connect; the server's command line has it already.
        """
        with self.client("admin") as client:
            log = client.acl_log()
        refused = [(entry["username"], entry["reason"], entry["object"]) for entry in log]
        return [entry for entry in refused if entry[1:] != ("command", "config|set")]


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    folder.mkdir(exist_ok=True)
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "1", "-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{HOST}",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    return certificate, key


class TlsDoor:
    """Takes TLS on a free port and passes it on, in plain text, to another port.

    The Redis that PyPI has speaks no TLS; to its clients this is one that does.
    """

    def __init__(self, upstream: int, certificate: Path, key: Path) -> None:
        self.port = 0
        self._upstream = upstream
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate, key)
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Cuts all connections; new ones are taken."""
        self._loop.call_soon_threadsafe(self._cut)

    @contextmanager
    def running(self) -> Iterator[TlsDoor]:
        """The door while it is open."""
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever, name="TLS")
        thread.start()
        server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._close(server), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)
            self._loop.close()

    async def _listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, HOST, 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        self._cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=5)

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await asyncio.open_connection(HOST, self._upstream)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, upstream[1]}
        self._writers |= pair
        await asyncio.gather(self._pass(reader, upstream[1]), self._pass(upstream[0], writer))
        self._writers -= pair

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                target.write(data)
                await target.drain()
        except OSError:
            pass  # cut, by either side
        finally:
            target.transport.abort()
