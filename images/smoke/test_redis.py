"""Redis' image takes its memory from the container's limit, its users and its TLS from files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from containers import STRICT, engine, eventually, image

RUN = ("run", "--network=none", "--user=1000:1000", *STRICT)


@contextmanager
def redis(*options: str) -> Iterator[str]:
    """The id of a container that is ready, with a volume of its own."""
    ident = engine(*RUN, "--detach", "--volume=/var/lib/redis", *options, image("redis"))
    ident = ident.splitlines()[-1]
    try:
        eventually(lambda: is_ready(ident), lambda: engine("logs", ident))
        yield ident
    finally:
        engine("rm", "--force", "--volumes", "--time=1", ident, check=False)


def is_ready(ident: str) -> bool:
    return engine("exec", ident, "sh", "-c", "redis-ready && echo yes", check=False) == "yes\n"


def ask(ident: str, *words: str, password: str = "") -> list[str]:
    """What Redis answers; the password is in the environment of redis-cli only."""
    own = [f"--env=REDISCLI_AUTH={password}"] if password else []
    return engine("exec", *own, ident, "redis-cli", *words).splitlines()


def test_three_quarters_of_the_limit_are_redis() -> None:
    with redis("--memory=200m") as ident:
        assert ask(ident, "config", "get", "maxmemory") == ["maxmemory", str(150 * 2**20)]


@pytest.mark.parametrize("maxmemory", ["200mb", "1gb"])
def test_memory_up_to_the_limit_is_refused_with_the_remedy(maxmemory: str) -> None:
    done = subprocess.run(
        ["podman", *RUN, "--rm", "--memory=200m", f"--env=REDIS_MAXMEMORY={maxmemory}",
         image("redis")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Take at most 75 % of the limit, or raise it." in done.stderr


def test_users_and_tls_are_real(tmp_path: Path) -> None:
    secrets, certificates = tmp_path / "redis", tmp_path / "tls"
    secrets.mkdir()
    certificates.mkdir()
    (secrets / "reader").write_text("look\n", encoding="utf-8")
    (secrets / "recorder").write_text("write\n", encoding="utf-8")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "1", "-subj", "/CN=redis", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", certificates / "tls.key", "-out", certificates / "tls.crt"],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    (certificates / "tls.key").chmod(0o644)  # as a Secret's file is to its pod
    mounts = (
        f"--volume={secrets}:/run/secrets/redis:ro",
        f"--volume={certificates}:/run/secrets/redis-tls:ro",
    )
    tls = ("--tls", "--cacert", "/run/secrets/redis-tls/tls.crt", "--no-auth-warning")
    with redis(*mounts) as ident:
        reader = (*tls, "--user", "reader")
        assert ask(ident, *reader, "ping", password="look") == ["PONG"]
        assert ask(ident, *reader, "set", "a", "1", password="look")[0].startswith("NOPERM")
        assert "WRONGPASS" in "".join(ask(ident, *reader, "ping", password="wrong"))
        assert "NOAUTH" in "".join(ask(ident, *tls, "ping"))
        plain = engine("exec", ident, "redis-cli", "ping", check=False)
        assert "PONG" not in plain
        words = engine("exec", ident, "cat", "/proc/1/cmdline", "/proc/1/environ")
        assert "look" not in words + engine("logs", ident)
