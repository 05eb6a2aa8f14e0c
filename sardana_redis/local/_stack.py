"""The embedded stack: Redis, a Tango database, a Sardana Pool and a MacroServer."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from sardana_redis.device_server import (
    Door,
    make_demo_elements,
    read_environment,
    room_folders,
    write_environment,
)
from sardana_redis.errors import BadInputError, ControlSystemError, LocalStackError
from sardana_redis.local._process import Process
from sardana_redis.local._redis_server import RedisServer
from sardana_redis.local._sardana import (
    DOORS,
    MACROSERVER,
    POOL,
    POOL_ALIAS,
    SardanaServer,
    sardana_devices,
)
from sardana_redis.local._signals import hold_signals, interrupt_on_signals
from sardana_redis.local._tango import TangoDatabase
from sardana_redis.local._writer import NEXUS_WRITER, SPEC_WRITER, Writers

__all__ = ["LocalStack"]

_CRASH_SECONDS: Final = 5.0
_SURVIVES_RESET: Final = ("_SAR_DEMO", "ScanID")


class LocalStack:
    """A control system of its own, on free ports of 127.0.0.1 and in a folder of its own.

    Use it as a context manager: at the end, also after Ctrl-C, SIGTERM, SIGHUP or a start
    that fails half-way, all that it started has ended and its folder is removed. A `folder`
    that is given must be empty or new, and stays with what the programs wrote.

    `progress` is called with each step of the start. `macroserver_variables` go into the
    MacroServer's process. `recorder_path` and `macro_path` come before our own folders.
    A `data_recorder` of None leaves DataRecorder unset. The writers run where `with_writers`
    says so, or once `spec_writer` or `nexus_writer` is started; without it nobody is told of
    them (RedisRequireWriters). `redis_arguments` and `writer_arguments` stand behind their own.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        progress: Callable[[str], None] = lambda _step: None,
        macroserver_variables: Mapping[str, str] | None = None,
        with_redis: bool = True,
        with_writers: bool = False,
        redis_arguments: Sequence[str] = (),
        writer_arguments: Sequence[str] = (),
        scan_recorder: Sequence[str] = ("RedisBlissRecorder",),
        data_recorder: Sequence[str] | None = None,
        scan_file: Sequence[str] = ("demo.h5",),
        recorder_path: Sequence[Path] = (),
        macro_path: Sequence[Path] = (),
    ) -> None:
        self._given_folder = folder
        self._progress = progress
        self._variables = dict(macroserver_variables or {})
        self._with_redis = with_redis
        self._with_writers = with_writers
        self._redis_arguments = tuple(redis_arguments)
        self._writer_arguments = tuple(writer_arguments)
        self._recorders: dict[str, Any] = {
            "ScanRecorder": list(scan_recorder),
            "ScanFile": list(scan_file),
        }
        if data_recorder is not None:
            self._recorders["DataRecorder"] = list(data_recorder)
        self._recorder_path = (*recorder_path, *room_folders("recorder", "local.capture"))
        self._macro_path = (*macro_path, *room_folders("macros"))
        self._cleanup = ExitStack()
        self._folder: Path | None = None
        self._redis: RedisServer | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def folder(self) -> Path:
        """Where everything lies: `redis`, `tango`, `log`, `scans`, `captures`."""
        if self._folder is None:
            raise LocalStackError("The local stack was not started.")
        return self._folder

    @property
    def scan_dir(self) -> Path:
        """Sardana's ScanDir."""
        return self.folder / "scans"

    @property
    def capture_dir(self) -> Path:
        """A folder for `CaptureDir`; that variable is not set from the start."""
        return self.folder / "captures"

    @property
    def redis(self) -> RedisServer:
        """The Redis server; raises LocalStackError for a stack without Redis."""
        if self._redis is None:
            raise LocalStackError("This local stack has no Redis.")
        return self._redis

    @property
    def tango_host(self) -> str:
        """The value for TANGO_HOST."""
        return self._database.host

    @property
    def doors(self) -> tuple[str, ...]:
        """The names of the doors, as in `door/demo/1`."""
        return DOORS

    def door(self, number: int = 1) -> Door:
        """A client of the first or second Door."""
        return Door(self.tango_host, DOORS[number - 1], macroserver=MACROSERVER)

    def tango_name(self, element: str) -> str:
        """The full name, as Sardana knows it, of an element by its alias (`mot01`)."""
        name = self._database.device_of(element)
        return f"tango://{self.tango_host}/{name}"

    @property
    def default_environment(self) -> dict[str, Any]:
        """Sardana's environment as it is after the start."""
        values = {
            "ActiveMntGrp": "mntgrp01",
            "ScanDir": str(self.scan_dir),
            **self._recorders,
        }
        if self._redis is not None:
            values["RedisURL"] = self._redis.url
        if not self._with_writers:
            values["RedisRequireWriters"] = "off"
        return values

    def reset_environment(self) -> None:
        """Makes Sardana's environment what it was after the start; ScanID goes on."""
        macroserver = self._full(MACROSERVER)
        wanted = self.default_environment
        keep = {*wanted, *_SURVIVES_RESET}
        others = [name for name in read_environment(macroserver) if name not in keep]
        write_environment(macroserver, wanted, remove=others)

    def start(self) -> None:
        """Starts everything and returns when scans can run; see the class for the rest."""
        if self._folder is not None:
            raise LocalStackError("A local stack can be started once.")
        with ExitStack() as cleanup:
            cleanup.enter_context(interrupt_on_signals())
            self._folder = self._make_folder(cleanup)
            try:
                self._start_parts(cleanup)
            except BaseException:
                with hold_signals():
                    cleanup.close()
                raise
            self._cleanup = cleanup.pop_all()

    def stop(self) -> None:
        """Ends everything and removes the folder unless it was given; may be called twice."""
        with hold_signals():
            self._cleanup.close()

    def _start_parts(self, cleanup: ExitStack) -> None:
        self._prepare(cleanup)
        self._progress("Starting Redis")
        self._start_redis()
        self._start_control_system()
        if self._with_writers:
            self._progress("Starting the SPEC and the NeXus writer")
            self.spec_writer.start()
            self.nexus_writer.start()
        self._progress("Making motors, counters and detectors (sar_demo)")
        self._make_elements()
        self.reset_environment()

    def _start_control_system(self) -> None:
        for step, start in (
            ("the Tango database", self._start_database),
            ("the Pool", self.pool.start),
            ("the MacroServer", self.macroserver.start),
        ):
            self._progress(f"Starting {step}")
            start()

    def _make_elements(self) -> None:
        try:
            make_demo_elements(self.door(), self._full(MACROSERVER))
        except ControlSystemError:
            if not self.macroserver.ends_within(_CRASH_SECONDS):
                raise
            # It crashed: libzmq in Tango's event consumer, once in some hundred starts. A second
            # sar_demo would give other names to what the first one has made: all begins anew.
            self._empty_control_system()
            self._start_control_system()
            make_demo_elements(self.door(), self._full(MACROSERVER))

    def _empty_control_system(self) -> None:
        for part in (self.macroserver, self.pool, self._database):
            part.stop()
        shutil.rmtree(self.folder / "tango")
        (self.folder / "tango").mkdir()

    def _make_folder(self, cleanup: ExitStack) -> Path:
        folder = self._given_folder
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="sardana-redis-"))
            cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        folder = folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BadInputError(f"The folder {folder} is not empty; name an empty or a new one.")
        return folder

    def _prepare(self, cleanup: ExitStack) -> None:
        tango, log = self.folder / "tango", self.folder / "log"
        for place in (tango, log, self.scan_dir, self.capture_dir):
            place.mkdir()
        if self._with_redis:
            self._redis = RedisServer(self.folder / "redis", arguments=self._redis_arguments)
            cleanup.callback(self._redis.stop)
        self._database = TangoDatabase(tango, log / "tango-database.log")
        self.pool = SardanaServer(
            "Pool", [POOL], self._database, folder=tango, log=log / "pool.log"
        )
        self.macroserver = SardanaServer(
            "MacroServer",
            [MACROSERVER, *DOORS],
            self._database,
            folder=tango,
            log=log / "macroserver.log",
            variables=self._variables,
            elements=[POOL_ALIAS],
        )
        for part in (self._database, self.pool, self.macroserver):
            cleanup.callback(part.stop)
        self._writers = Writers(self.folder, self._writer_arguments)
        cleanup.callback(self._writers.stop)
        # Tango servers take 2 s to end: all at once.
        for part in (self._database, self.pool, self.macroserver):
            cleanup.callback(part.ask_to_end)

    @property
    def spec_writer(self) -> Process:
        """The SPEC writer's process; raises LocalStackError for a stack without Redis."""
        return self._writers.get(SPEC_WRITER, self.redis.url)

    @property
    def nexus_writer(self) -> Process:
        """The NeXus writer's process; raises LocalStackError for a stack without Redis."""
        return self._writers.get(NEXUS_WRITER, self.redis.url)

    def _start_redis(self) -> None:
        if self._redis is not None:
            self._redis.start()

    def _start_database(self) -> None:
        self._database.start()
        self._database.register(
            sardana_devices(
                self.folder / "tango",
                recorder_path=self._recorder_path,
                macro_path=self._macro_path,
            )
        )

    def _full(self, name: str) -> str:
        return f"tango://{self.tango_host}/{name}"
