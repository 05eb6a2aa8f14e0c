"""A Tango database (SQLite) on a free port of 127.0.0.1, and what stands in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import tango

from sardana_redis.device_server import Device, find_script, register
from sardana_redis.errors import LocalStackError
from sardana_redis.local._ports import HOST, free_port, is_free
from sardana_redis.local._process import Process

__all__ = ["TangoDatabase", "tango_environment", "without_foreign_settings"]

_START_SECONDS: Final = 30.0
_PORT_TRIES: Final = 5
_READY: Final = "Ready to accept request"

# What the user's shell may hold for another control system, or for another recorder.
_FOREIGN: Final = ("TANGO", "ORB", "SARDANA_REDIS_")


class TangoDatabase:
    """The Tango database of the stack; its file is in `folder`."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder = folder
        self._log = log
        self._port = 0
        self._process: Process | None = None

    @property
    def host(self) -> str:
        """The value for TANGO_HOST, `127.0.0.1:PORT`."""
        return f"{HOST}:{self._port}"

    @property
    def process(self) -> Process:
        """The process of the database server; raises LocalStackError before the first start."""
        if self._process is None:
            raise LocalStackError("The Tango database was not started.")
        return self._process

    def start(self) -> None:
        """Starts the database and waits until it answers."""
        script = find_script("PyDatabaseds", "pytango-db")
        for _ in range(_PORT_TRIES):
            self._port = free_port()
            self._process = self._new_process(script)
            self._process.start()
            try:
                self._process.wait_until(self._is_ready, seconds=_START_SECONDS, purpose="answer")
            except LocalStackError:
                self._process.kill()
                if is_free(self._port):
                    raise
            else:
                return
        raise self.process.error(f"found its port taken in each of {_PORT_TRIES} tries")

    def ask_to_end(self) -> None:
        """Sends SIGTERM and returns at once."""
        if self._process is not None:
            self._process.ask_to_end()

    def stop(self) -> None:
        """Ends the database."""
        if self._process is not None:
            self._process.terminate()

    def register(self, devices: Iterable[Device]) -> None:
        """Writes devices, with aliases and properties, into the database."""
        register(tango.Database(HOST, self._port), devices)

    def device_of(self, alias: str) -> str:
        """The name of the device with that alias; raises LocalStackError for an unknown one."""
        try:
            return str(tango.Database(HOST, self._port).get_device_from_alias(alias))
        except tango.DevFailed as error:
            raise LocalStackError(f"The Tango database knows no {alias}.") from error

    def _new_process(self, script: Path) -> Process:
        return Process(
            "The Tango database",
            [script, "--host", HOST, "--port", str(self._port), "2"],
            folder=self._folder,
            log=self._log,
            environment=tango_environment(self._folder, self.host),
        )

    def _is_ready(self) -> bool:
        if _READY not in self.process.log_text():
            return False
        try:
            tango.Database(HOST, self._port)
        except tango.DevFailed:
            return False
        return True


def without_foreign_settings() -> dict[str, str]:
    """This process's environment without what is meant for other control systems and recorders."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}


def tango_environment(
    folder: Path, host: str, variables: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of a Tango server that runs in `folder` and writes nowhere else.

    omniORB's directory of sockets is relative, thus as short as a socket's path must be;
    nobody connects through it.
    """
    kept = without_foreign_settings()
    scratch = folder / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    own = {
        "PYTHONUNBUFFERED": "1",  # what the programs say is read from their logs while they run
        "TANGO_HOST": host,
        "TANGO_LOG_PATH": str(folder / "tango-log"),
        "ORBunixTransportDirectory": "omni",
        "TMPDIR": str(scratch),
    }
    return kept | own | dict(variables or {})
