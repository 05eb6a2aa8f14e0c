"""The command `sardana-redis local`: the stack for a person to play with."""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from rich.console import Console

from sardana_redis.device_server import find_script, spock_command, write_spock_profile
from sardana_redis.errors import ProgramMissingError
from sardana_redis.local._progress import show_progress, write
from sardana_redis.local._sardana import MACROSERVER
from sardana_redis.local._stack import LocalStack
from sardana_redis.runtime import stop_on_signals
from sardana_redis.store import reader_url

__all__ = ["INTERRUPTED", "run_local", "shown_stack", "stay_up"]

INTERRUPTED: Final = 130


def run_local(console: Console) -> int:
    """Runs the stack until Ctrl-C, SIGTERM or SIGHUP, and removes it; returns the exit code.

    Raises LocalStackError when it does not come up.
    """
    try:
        with shown_stack(console) as stack:
            stay_up(console, stack)
            write(console, "Stopping and removing everything.")
    except KeyboardInterrupt:
        write(console, "Stopped; everything is removed.")
        return INTERRUPTED
    return 0


@contextmanager
def shown_stack(
    console: Console, *, data_recorder: Sequence[str] | None = None
) -> Iterator[LocalStack]:
    """A stack whose start was shown step by step; it is removed at the end."""
    with ExitStack() as cleanup:
        with show_progress(console) as progress:
            stack = LocalStack(progress=progress, data_recorder=data_recorder, with_writers=True)
            cleanup.callback(stack.stop)
            stack.start()
        yield stack


def stay_up(console: Console, stack: LocalStack) -> None:
    """Shows how to use the stack and returns when a signal asks to stop."""
    with stop_on_signals() as stop:
        for title, value in _facts(stack):
            write(console, f"{title:<12} {value}")
        write(console, "Ctrl-C stops and removes everything.")
        stop.wait()


def _facts(stack: LocalStack) -> list[tuple[str, str]]:
    return [
        ("TANGO_HOST", stack.tango_host),
        ("RedisURL", stack.redis.url),
        ("Reader URL", f"{reader_url(stack.redis.url)}   (blissdata, with whatever redis-py)"),
        ("Files", str(stack.folder)),
        ("spock", _spock_line(stack)),
    ]


def _spock_line(stack: LocalStack) -> str:
    try:
        spock = find_script("spock", "sardana")
    except ProgramMissingError as error:
        return str(error)
    ipython_dir = stack.folder / "ipython"
    door, macroserver = (
        f"tango://{stack.tango_host}/{name}" for name in (stack.doors[0], MACROSERVER)
    )
    write_spock_profile(ipython_dir, door=door, macroserver=macroserver)
    line = spock_command(ipython_dir, stack.tango_host, spock)
    if importlib.util.find_spec("itango") is None:
        line += f"   (needs itango: {shlex.quote(str(spock.with_name('pip')))} install itango)"
    return line
