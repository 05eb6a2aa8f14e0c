"""The entry point of Redis' image, with a server that only shows how it was called."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
START = ROOT / "images" / "redis" / "redis-start"
SHOW = """#!/bin/sh
for word; do printf '%s\\n' "$word"; done
env
"""


@dataclass
class Image:
    """The folders that the container has, and what was put into them."""

    root: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        server = self.root / "bin" / "redis-server"
        server.parent.mkdir()
        server.write_text(SHOW, encoding="utf-8")
        server.chmod(0o755)

    def put(self, name: str, text: str) -> None:
        """A file of a Secret: `redis/NAME`, `redis-tls/NAME`."""
        (self.root / name).parent.mkdir(exist_ok=True)
        (self.root / name).write_text(text, encoding="utf-8")

    def start(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What the server was called with, a word a line, and its environment."""
        own = {
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
            "REDIS_SECRETS": str(self.root / "redis"),
            "REDIS_TLS": str(self.root / "redis-tls"),
            "REDIS_ROLES": str(START.with_name("roles.acl")),
            "REDIS_RUN": str(self.root / "run"),
        }
        return subprocess.run(
            ["sh", START, *words], env={**own, **self.variables},
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip

    def options(self, *words: str) -> dict[str, str]:
        """The server's options by their name."""
        done = self.start(*words)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        pairs = pairwise(lines)
        return {name[2:]: value for name, value in pairs if name.startswith("--")}

    def users(self) -> dict[str, str]:
        """The rights of each user by its name."""
        lines = (self.root / "run" / "users.acl").read_text("utf-8").splitlines()
        return {name: rights for _, name, rights in (line.split(" ", 2) for line in lines)}


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image(tmp_path)


def sha256(text: str) -> str:
    return "#" + hashlib.sha256(text.encode()).hexdigest()


def test_without_secrets_nobody_needs_a_password(image: Image) -> None:
    options = image.options()
    assert options["port"] == "6379"
    assert options["bind"] == "*"
    assert set(image.users()) == {"probe", "default"}
    assert image.users()["default"] == "on nopass ~* &* +@all"


def test_the_modules_come_with_the_search_limit(image: Image) -> None:
    text = image.start().stdout
    assert "redisearch.so\nMAXPREFIXEXPANSIONS\n2000\n" in text
    assert "rejson.so\n" in text


def test_one_password_is_for_all(image: Image) -> None:
    image.put("redis/default", "horse battery\n")
    image.options()
    assert image.users()["default"] == f"on {sha256('horse battery')} ~* &* +@all"


def test_with_roles_nobody_comes_in_without_a_name(image: Image) -> None:
    image.put("redis/recorder", "one\n")
    image.put("redis/reader", "two")
    image.put("redis/somebody", "three")
    image.options()
    users = image.users()
    assert set(users) == {"probe", "recorder", "reader", "default"}
    assert users["default"] == "off"
    assert users["recorder"].startswith(f"on {sha256('one')} resetkeys resetchannels -@all ~esrf:*")
    assert users["reader"].startswith(f"on {sha256('two')} resetkeys resetchannels -@all %R~esrf")


def test_a_password_is_nowhere_but_in_its_file(image: Image) -> None:
    image.put("redis/default", "geheim")
    image.put("redis/recorder", "geheim")
    done = image.start()
    assert "geheim" not in done.stdout + done.stderr
    assert "geheim" not in (image.root / "run" / "users.acl").read_text("utf-8")


def test_what_it_writes_is_for_its_own_eyes(image: Image) -> None:
    image.options()
    for name in ("users.acl", "probe"):
        assert (image.root / "run" / name).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("redis/default", "", "is empty"),
        ("redis/default", "\n", "is empty"),
        ("redis/reader", "\r\n", "is empty"),
        ("redis/somebody", "x", "no password that is known here"),
    ],
)
def test_a_secret_of_no_use_is_refused(image: Image, file: str, text: str, said: str) -> None:
    image.put(file, text)
    done = image.start()
    assert done.returncode == 2
    assert said in done.stderr


def test_certificates_mean_tls_and_nothing_else(image: Image) -> None:
    for name in ("tls.crt", "tls.key", "ca.crt"):
        image.put(f"redis-tls/{name}", "x")
    options = image.options()
    assert (options["port"], options["tls-port"]) == ("0", "6379")
    assert options["tls-auth-clients"] == "no"
    assert options["tls-ca-cert-file"].endswith("/redis-tls/ca.crt")


@pytest.mark.parametrize(
    ("wanted", "bytes_"),
    [("1000000", 1000000), ("3mb", 3 * 2**20), ("3Mi", 3 * 2**20), ("3M", 3000000)],
)
def test_memory_is_as_redis_or_kubernetes_write_it(image: Image, wanted: str, bytes_: int) -> None:
    image.variables["REDIS_MAXMEMORY"] = wanted
    assert image.options()["maxmemory"] == str(bytes_)


@pytest.mark.parametrize("wanted", ["0", "0.9", "much", "75%", "-1", "1tb"])
def test_memory_that_is_none_is_refused(image: Image, wanted: str) -> None:
    """Another operator's 0.9 silently became 0: no limit at all."""
    image.variables["REDIS_MAXMEMORY"] = wanted
    done = image.start()
    assert done.returncode == 2
    assert f"REDIS_MAXMEMORY={wanted} is no size" in done.stderr


def test_further_words_win(image: Image) -> None:
    assert image.options("--appendfsync", "always")["appendfsync"] == "always"
