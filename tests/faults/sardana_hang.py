"""Sardana's own hang at an abort, told from a hang of ours by what MacroServer logs.

An abort is an exception that strikes the macro's thread anywhere. Where it strikes while that
thread takes PyTango's monitor of the Door (it does for each line that the operator reads), the
monitor stays taken: Sardana's job `_abort` fails after 3.2 s, the executor waits for its end for
ever, and the Door stops answering (Sardana 3.7.1, PyTango 10.3; without a recorder of ours as
well). Only a restart of MacroServer helps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import tango

from sardana_redis.errors import ControlSystemError
from sardana_redis.local import LocalStack

_Result = TypeVar("_Result")

_MARKS = tuple(f"Uncaught exception running job '{job}'" for job in ("_abort", "_stop"))

_TRIES = 4
_MARK_SECONDS = 10.0


class SardanaHangs(Exception):
    """An abort hangs for Sardana's own fault: try again with another moment."""


@contextmanager
def sardana_hang_told(stack: LocalStack) -> Iterator[None]:
    """Raises SardanaHangs for what a Door raises, where MacroServer's log says that it is that."""
    log = stack.macroserver.log
    before = log.stat().st_size
    try:
        yield
    except (ControlSystemError, tango.DevFailed) as error:
        deadline = time.monotonic() + _MARK_SECONDS
        while not _is_marked(log, before):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        raise SardanaHangs(str(error)[:200]) from error


def _is_marked(log: Path, begin: int) -> bool:
    with log.open("rb") as file:
        file.seek(begin)
        said = file.read().decode(errors="replace")
    return any(mark in said for mark in _MARKS)


def unless_sardana_hangs(stack: LocalStack, end: Callable[[], _Result]) -> _Result:
    """What ending a macro brings; where it hangs, MacroServer is restarted for another try.

    With real detectors it hangs without a mark as well (1 of 60 aborts without any recorder of
    ours): the acquisition that is waited for never ends.
    """
    for _ in range(_TRIES - 1):
        try:
            return end()
        except (ControlSystemError, tango.DevFailed):
            stack.macroserver.kill()
            stack.macroserver.start()
    return end()
