"""A side in a process of its own, which lives through all measurements."""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable
from inspect import isgenerator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from tests.bench._sides import Side, make_side

__all__ = ["Child", "ChildError", "Context"]

_REPLY_SECONDS = 180.0
_END_SECONDS = 5.0


class ChildError(Exception):
    """What a child was asked to do failed; the text is its traceback."""


class Context:
    """What the functions that a child carries out work on."""

    def __init__(self, name: str, url: str, folder: Path) -> None:
        self.url = url
        self.side: Side = make_side(name, url, folder)
        self.threads_before = psutil.Process().num_threads()


class Child:
    """Carries out functions one after another: `function(context, *arguments)`.

    A generator answers once for each value that it yields.
    """

    def __init__(self, name: str, url: str, folder: Path) -> None:
        self.name = name
        self.is_broken = False
        spawn = multiprocessing.get_context("spawn")
        self._connection, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, name, url, folder), daemon=True)
        self._process.start()
        theirs.close()

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What the function returns in the child; raises ChildError."""
        self.begin(function, *arguments)
        return self.receive()

    def begin(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Starts the function and returns at once."""
        self._connection.send((function, arguments))

    def receive(self) -> Any:
        """The next answer; raises ChildError where the function failed or takes for ever."""
        try:
            if not self._connection.poll(_REPLY_SECONDS):
                raise ChildError(f"no answer within {_REPLY_SECONDS:g} s")
            answer, failure = self._connection.recv()
        except (ChildError, EOFError, OSError) as error:
            self.is_broken = True
            raise ChildError(f"{self.name}: {error!r}") from error
        if failure is not None:
            self.is_broken = True  # its side may be in the middle of a scan
            raise ChildError(f"{self.name}: {failure}")
        return answer

    def stop(self) -> None:
        """Ends the process."""
        self._connection.close()
        self._process.join(0 if self.is_broken else _END_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(connection: Connection, name: str, url: str, folder: Path) -> None:
    """The child's main loop; it ends when the parent closes the connection, or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    context = Context(name, url, folder)
    try:
        while True:
            function, arguments = connection.recv()
            _answer(connection, function, context, arguments)
    except (EOFError, OSError):
        os._exit(0)  # not the threads of a broken scan, nor the exit handlers of libraries


def _answer(
    connection: Connection, function: Callable[..., Any], context: Context, arguments: Any
) -> None:
    try:
        result = function(context, *arguments)
        for answer in result if isgenerator(result) else (result,):
            connection.send((answer, None))
    except Exception:  # noqa: BLE001 - whatever it is, the parent tells it
        connection.send((None, traceback.format_exc()))
