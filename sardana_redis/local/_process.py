"""One program that we started: watched, told to end, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from sardana_redis.errors import LocalStackError

__all__ = ["Process"]

_POLL_SECONDS: Final = 0.02
_TAIL_BYTES: Final = 8192

# The kernel kills the program when we die, however that happens. It watches the THREAD
# that started the program, hence the one below, which lives as long as we do. A launcher
# instead of `preexec_fn`, which may deadlock in a process with threads, as Tango makes it.
_LAUNCHER: Final = (
    "import ctypes, os, signal, sys\n"
    "ctypes.CDLL(None).prctl(1, signal.SIGKILL)\n"
    "os.getppid() == int(sys.argv[1]) or os._exit(1)\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)
_SPAWNER: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="local-stack-spawner")


class Process:
    """A program in a session of its own, which writes into a log file.

    `folder` is its working directory. It does not survive us, not even our SIGKILL (Linux).
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        folder: Path,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = [str(word) for word in command]
        self._folder = folder
        self._environment = environment
        self._spawned: Future[subprocess.Popen[bytes]] | None = None
        self._log_start = 0

    @property
    def is_running(self) -> bool:
        """Whether the program runs (or is paused)."""
        popen = self._popen()
        return popen is not None and popen.poll() is None

    @property
    def pid(self) -> int:
        """Its process id; raises LocalStackError when it was never started."""
        popen = self._popen()
        if popen is None:
            raise LocalStackError(f"{self.name} was not started.")
        return popen.pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs or was never started."""
        popen = self._popen()
        return None if popen is None else popen.poll()

    def start(self) -> None:
        """Starts the program and returns at once; does nothing while it runs."""
        if self.is_running:
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self._spawned = _SPAWNER.submit(self._spawn)
        self._spawned.result()

    def wait_until(self, condition: Callable[[], bool], *, seconds: float, purpose: str) -> None:
        """Returns once `condition` holds.

        Raises LocalStackError, with the end of the program's log, when the program ends
        first or `seconds` have passed. `purpose` completes "did not ..." in the message.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if not self.is_running:
                raise self.error(f"ended with exit code {self.exit_code} and did not {purpose}")
            if time.monotonic() > deadline:
                raise self.error(f"did not {purpose} within {seconds:g} s")
            time.sleep(_POLL_SECONDS)

    def error(self, what: str) -> LocalStackError:
        """The error that `what` happened to the program, with the end of its log."""
        tail = self.log_tail() or "(empty)"
        return LocalStackError(f"{self.name} {what}. The end of its log, {self.log}:\n{tail}")

    def ask_to_end(self) -> None:
        """Sends SIGTERM and returns at once."""
        self._send(signal.SIGCONT)
        self._send(signal.SIGTERM)

    def terminate(self, grace_seconds: float = 10.0) -> None:
        """Ends the program with SIGTERM, and with SIGKILL after the grace period."""
        self.ask_to_end()
        popen = self._popen()
        if popen is None:
            return
        try:
            popen.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends the program, and what it started itself, with SIGKILL."""
        popen = self._popen()
        if popen is None or popen.poll() is not None:
            return
        os.killpg(popen.pid, signal.SIGKILL)
        popen.wait()

    def pause(self) -> None:
        """Freezes the program (SIGSTOP)."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets a frozen program go on (SIGCONT)."""
        self._send(signal.SIGCONT)

    def log_text(self) -> str:
        """All that the program wrote since its last start."""
        if not self.log.exists():
            return ""
        return self.log.read_bytes()[self._log_start :].decode(errors="replace")

    def log_tail(self, lines: int = 20) -> str:
        """The last lines that the program wrote since its last start."""
        return "\n".join(self.log_text()[-_TAIL_BYTES:].splitlines()[-lines:])

    def _popen(self) -> subprocess.Popen[bytes] | None:
        return None if self._spawned is None else self._spawned.result()

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = self._command
        if sys.platform == "linux":
            launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid())]
            command = [*launcher, *command]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self._folder,
                env=None if self._environment is None else dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _send(self, number: signal.Signals) -> None:
        popen = self._popen()
        if popen is not None:
            popen.send_signal(number)
