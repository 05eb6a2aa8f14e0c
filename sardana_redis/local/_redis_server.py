"""A real Redis with RediSearch and RedisJSON, on a free port of 127.0.0.1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

from sardana_redis.errors import LocalStackError
from sardana_redis.local._ports import HOST, free_port, is_free
from sardana_redis.local._process import Process
from sardana_redis.local._programs import REDIS_REMEDY, RedisProgram, find_conf, redis_programs
from sardana_redis.local._resp import ask, names_both_modules

__all__ = ["RedisServer"]

_START_SECONDS: Final = 30.0
_PORT_TRIES: Final = 5


class RedisServer:
    """A Redis server with blredis.conf; its data and its log are in `folder`.

    `arguments` win over blredis.conf: `("--maxmemory", "64mb", "--appendonly", "no")`. The
    port is chosen at the first start unless given, and kept. A password is written into a
    file in `folder`, never into the command line.
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        arguments: Sequence[str] = (),
        *,
        password: str | None = None,
    ) -> None:
        self.folder = folder
        self._port = port
        self._arguments = tuple(arguments)
        self._password = password
        self._program: RedisProgram | None = None
        self._process: Process | None = None

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
    def port(self) -> int:
        """The port; raises LocalStackError before the first start unless it was given."""
        if self._port is None:
            raise LocalStackError("This Redis has no port before its first start.")
        return self._port

    @property
    def url(self) -> str:
        """`redis://127.0.0.1:PORT`, with the password where there is one."""
        secret = "" if self._password is None else f":{quote(self._password, safe='')}@"
        return f"redis://{secret}{HOST}:{self.port}"

    @property
    def plain_url(self) -> str:
        """`redis://127.0.0.1:PORT`, always without the password."""
        return f"redis://{HOST}:{self.port}"

    @property
    def is_running(self) -> bool:
        """Whether the server runs (or is paused)."""
        return self._process is not None and self._process.is_running

    @property
    def pid(self) -> int:
        """Its process id; raises LocalStackError when it was never started."""
        return self._started().pid

    @property
    def log(self) -> Path:
        """The path of its log."""
        return self.folder / "redis.log"

    def start(self) -> None:
        """Starts the server and waits until it answers with both modules loaded.

        Raises ProgramMissingError where no server with both modules is installed, and
        LocalStackError, with the end of its log, when it does not come up.
        """
        if self.is_running:
            return
        failure: LocalStackError | None = None
        for program in redis_programs() if self._program is None else (self._program,):
            try:
                self._start_program(program)
            except LocalStackError as error:
                failure = error
                continue
            self._program = program
            return
        raise failure or LocalStackError("There is no Redis to start.")

    def stop(self) -> None:
        """Ends the server in order (SIGTERM); its data stay."""
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """Ends the server at once (SIGKILL)."""
        if self._process is not None:
            self._process.kill()

    def pause(self) -> None:
        """Freezes the server: it accepts connections and answers nothing."""
        self._started().pause()

    def resume(self) -> None:
        """Lets a frozen server go on."""
        self._started().resume()

    def restart(self) -> None:
        """Stops and starts the server, on the same port, with the data that it saved."""
        self.stop()
        self.start()

    def _started(self) -> Process:
        if self._process is None:
            raise LocalStackError("This Redis was not started.")
        return self._process

    def _start_program(self, program: RedisProgram) -> None:
        process = self._start_on_a_port(program)
        if not names_both_modules(self._ask("MODULE", "LIST")):
            process.terminate()
            raise process.error(f"runs without RediSearch or RedisJSON. {REDIS_REMEDY}")

    def _start_on_a_port(self, program: RedisProgram) -> Process:
        """The process, ready; with a port of our own choice another is tried if it was taken."""
        may_move = self._port is None
        for _ in range(_PORT_TRIES):
            if may_move:
                self._port = free_port()
            self._process = process = self._new_process(program)
            process.start()
            try:
                process.wait_until(self._is_ready, seconds=_START_SECONDS, purpose="answer")
            except LocalStackError:
                process.kill()
                if not may_move or is_free(self.port):
                    raise
            else:
                return process
        raise process.error(f"found its port taken in each of {_PORT_TRIES} tries")

    def _new_process(self, program: RedisProgram) -> Process:
        self.folder.mkdir(parents=True, exist_ok=True)
        own = ["--port", str(self.port), "--dir", str(self.folder), "--daemonize", "no"]
        command = [program.server, self._conf(), *own, *program.module_arguments()]
        return Process(
            "Redis", [*map(str, command), *self._arguments], folder=self.folder, log=self.log
        )

    def _conf(self) -> Path:
        conf = find_conf()
        if self._password is None:
            return conf
        with_password = self.folder / "redis.conf"
        with_password.touch(mode=0o600)
        secret = self._password.replace("\\", "\\\\").replace('"', '\\"')
        with_password.write_text(f'include "{conf}"\nrequirepass "{secret}"\n', encoding="utf-8")
        return with_password

    def _is_ready(self) -> bool:
        """Whether OUR server answers, not somebody else's on the same port."""
        ours = b"process_id:%d\r\n" % self.pid
        return b"+PONG" in self._ask("PING") and ours in self._ask("INFO", "server")

    def _ask(self, *words: str) -> bytes:
        return ask(self.port, *words, password=self._password)
