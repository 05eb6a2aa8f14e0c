"""The server's process: started, told to end when we are, and its exit code is ours."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from sardana_redis.log import get_logger

__all__ = ["ServerProcess"]

_POLL_SECONDS: Final = 0.1
_SIGNALLED: Final = 128

_log = get_logger(__name__)


class ServerProcess:
    """A program that writes where we write; a context manager that leaves none behind."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str]) -> None:
        self._command = list(command)
        self._variables = dict(variables)
        self._popen: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        _log.info("starting the server", command=" ".join(self._command))
        self._popen = subprocess.Popen(self._command, env=self._variables, stdin=subprocess.DEVNULL)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._popen is not None and self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait()

    def wait(self, stop: threading.Event) -> int:
        """Its exit code, once it ended; `stop` tells it to (SIGTERM), and it takes its time."""
        popen = self._popen
        if popen is None:
            raise RuntimeError("not entered")
        is_told = False
        while popen.poll() is None:
            if is_told:
                popen.wait()
            elif stop.wait(_POLL_SECONDS):
                _log.info("telling the server to end")
                popen.terminate()
                is_told = True
        code = popen.returncode
        _log.info("the server ended", exit_code=code)
        return code if code >= 0 else _SIGNALLED - code
