"""`sardana-redis demo` and `local`: a beamline of its own on this machine."""

from __future__ import annotations

import typer
from rich.console import Console

from sardana_redis import log
from sardana_redis.runtime import need_extra

__all__ = ["demo", "local"]

_PACKAGES = ("blisswriter", "databaseds", "h5py", "sardana", "tango")


def demo() -> None:
    """Scan for real in a beamline of its own, and read every value back from Redis.

    Starts Redis, a Tango database, Pool and MacroServer on free ports in a temporary
    folder, runs one scan, compares what a reader gets with what was recorded, and removes
    everything. Exit code 0 only when every value is equal.
    """
    need_extra("local", *_PACKAGES)
    from sardana_redis.local import run_demo

    _log_to_stderr()
    raise typer.Exit(run_demo(Console()))


def local() -> None:
    """Start a beamline on this machine, with the recorder on, until Ctrl-C.

    Redis, a Tango database, Pool with Sardana's demo elements, MacroServer and writers, on free
    ports of 127.0.0.1. Says what to type next; removes everything at the end.
    """
    need_extra("local", *_PACKAGES)
    from sardana_redis.local import run_local

    _log_to_stderr()
    raise typer.Exit(run_local(Console()))


def _log_to_stderr() -> None:
    log.configure("warning")
