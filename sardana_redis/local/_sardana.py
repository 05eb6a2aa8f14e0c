"""Pool and MacroServer of the stack."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from sardana_redis.device_server import (
    Device,
    door_names,
    find_script,
    is_on,
    known_elements,
    macroserver_devices,
    macroserver_name,
    pool_alias,
    pool_devices,
    pool_name,
)
from sardana_redis.errors import LocalStackError
from sardana_redis.local._ports import HOST
from sardana_redis.local._process import Process
from sardana_redis.local._tango import TangoDatabase, tango_environment

__all__ = [
    "DOORS",
    "MACROSERVER",
    "POOL",
    "POOL_ALIAS",
    "SardanaServer",
    "sardana_devices",
]

INSTANCE: Final = "demo"
POOL: Final = pool_name(INSTANCE)
POOL_ALIAS: Final = pool_alias(INSTANCE)
MACROSERVER: Final = macroserver_name(INSTANCE)
DOORS: Final = tuple(door_names(INSTANCE, 2))

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0


def sardana_devices(
    folder: Path, *, recorder_path: Iterable[Path], macro_path: Iterable[Path]
) -> list[Device]:
    """What stands in the Tango database before Pool and MacroServer start."""
    properties = {"PoolNames": [POOL_ALIAS], "EnvironmentDb": [str(folder / "environment")]}
    paths = {
        "RecorderPath": [str(path) for path in recorder_path],
        "MacroPath": [str(path) for path in macro_path],
    }
    return [
        *pool_devices(INSTANCE, {}),
        *macroserver_devices(INSTANCE, doors=len(DOORS), properties=properties, paths=paths),
    ]


class SardanaServer:
    """A Pool or a MacroServer; it can be ended, killed and started again alone.

    `devices` have to be ON before it counts as started, and `elements` known to the
    MacroServer: its doors are ON 20 ms before they can run anything. `variables` go into
    its environment.
    """

    def __init__(
        self,
        program: str,
        devices: Sequence[str],
        database: TangoDatabase,
        *,
        folder: Path,
        log: Path,
        variables: Mapping[str, str] | None = None,
        elements: Iterable[str] = (),
    ) -> None:
        self._program = program
        self._devices = tuple(devices)
        self._elements = frozenset(elements)
        self._database = database
        self._folder = folder
        self._log = log
        self.variables = dict(variables or {})
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        """Its process; raises LocalStackError before the first start."""
        if self._process is None:
            raise LocalStackError(f"{self._program} was not started.")
        return self._process

    @property
    def pid(self) -> int:
        """Its process id; raises LocalStackError before the first start."""
        return self.process.pid

    @property
    def log(self) -> Path:
        """The path of its log; all starts are in one file."""
        return self._log

    @property
    def is_running(self) -> bool:
        """Whether it runs (or is paused)."""
        return self._process is not None and self._process.is_running

    def ends_within(self, seconds: float) -> bool:
        """Whether it has ended, or does so within that time."""
        deadline = time.monotonic() + seconds
        while self.is_running and time.monotonic() < deadline:
            time.sleep(0.1)
        return not self.is_running

    def start(self) -> None:
        """Starts it and waits until its devices are ON; does nothing while it runs."""
        if self.is_running:
            return
        script = find_script(self._program, "sardana")
        options = ["--log-level", "info", "--without-log-file", "True"]
        self._process = Process(
            self._program,
            [script, INSTANCE, *options, "-ORBendPoint", f"giop:tcp:{HOST}:"],
            folder=self._folder,
            log=self._log,
            environment=tango_environment(self._folder, self._database.host, self.variables),
        )
        self._process.start()
        self._process.wait_until(self._is_ready, seconds=_START_SECONDS, purpose="come up")

    def ask_to_end(self) -> None:
        """Sends SIGTERM and returns at once."""
        if self._process is not None:
            self._process.ask_to_end()

    def stop(self) -> None:
        """Ends it in order (SIGTERM); SIGKILL only after 30 s."""
        if self._process is not None:
            self._process.terminate(_STOP_SECONDS)

    def kill(self) -> None:
        """Ends it at once (SIGKILL)."""
        if self._process is not None:
            self._process.kill()

    def restart(self) -> None:
        """Ends it in order and starts it again."""
        self.stop()
        self.start()

    def _is_ready(self) -> bool:
        host = self._database.host
        if not all(is_on(f"tango://{host}/{name}") for name in self._devices):
            return False
        return not self._elements or self._elements <= known_elements(
            f"tango://{host}/{MACROSERVER}"
        )
