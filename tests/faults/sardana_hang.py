"""Sardana's own hang at an abort, told from a hang of ours by its log and by where its threads are.

An abort is an exception that strikes the macro's thread anywhere. Where it strikes while that
thread takes PyTango's monitor of the Door or the lock of a logging handler (it does both for each
line that the operator reads), that stays taken, or each of two threads waits for what the other
one has. Then the Door stops answering, the executor waits for ever in `_waitAbortDone`, or the
job `_abort` fails after 3.2 s (Sardana 3.7.1, PyTango 10.3; without a recorder of ours in 3 of 95
early aborts of a scan that prints much, with it in 6 of 109). Only a restart of MacroServer helps.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import tango

from sardana_redis.errors import ControlSystemError
from sardana_redis.local import LocalStack

_Result = TypeVar("_Result")

_MARK = re.compile(rb"Uncaught exception running job '_(abort|stop)'")
_TRIES = 4
_STACKS_SECONDS = 10.0
_ABORT_SECONDS = 3.0
_FRAME = re.compile(r'File "[^"]*/(sardana_redis|sardana|taurus|tango)/')


class SardanaHangs(Exception):
    """An abort hangs for Sardana's own fault: try again with another moment."""


@contextmanager
def sardana_hang_told(stack: LocalStack) -> Iterator[None]:
    """Raises SardanaHangs for what a Door raises, where there is evidence that it is that.

    Either its job `_abort` failed since the block began, or the Door is stuck, and stays so,
    while the macro's thread is not in our code.
    """
    log = stack.macroserver.log
    before = log.stat().st_size
    try:
        yield
    except (ControlSystemError, tango.DevFailed) as error:
        if not _is_stuck_in_sardana(stack) and not _has_failed_to_abort(log, before):
            raise
        raise SardanaHangs(str(error)[:200]) from error


def unless_sardana_hangs(stack: LocalStack, end: Callable[[], _Result]) -> _Result:
    """What ending a macro brings; where Sardana hangs, MacroServer is restarted for another try."""
    for _ in range(_TRIES - 1):
        try:
            with sardana_hang_told(stack):
                return end()
        except SardanaHangs:
            stack.macroserver.kill()
            stack.macroserver.start()
    return end()


def is_in_sardana(stacks: str) -> bool:
    """Whether a macro's thread is there, and in code of Sardana or Tango, not in ours.

    `stacks` are faulthandler's, with the innermost frame of each thread first.
    """
    threads = [text for text in stacks.split("\n\n") if re.search(r" in runMacro$", text, re.M)]
    innermost = [_FRAME.search(text) for text in threads]
    is_ours = any(frame is not None and frame[1] == "sardana_redis" for frame in innermost)
    return bool(threads) and not is_ours


def _has_failed_to_abort(log: Path, begin: int) -> bool:
    with log.open("rb") as file:
        file.seek(begin)
        return _MARK.search(file.read()) is not None


def _is_stuck_in_sardana(stack: LocalStack) -> bool:
    stacks = _stacks(stack) if _is_stuck(stack) else None
    if stacks is None:
        return False
    if not is_in_sardana(stacks):
        print(stacks)
        return False
    # Who gave up has aborted the macro: what ends by that, and be it ours, is no hang of Sardana.
    time.sleep(_ABORT_SECONDS)
    return _is_stuck(stack)


def _is_stuck(stack: LocalStack) -> bool:
    """Whether MacroServer is there and its Door is busy, or does not even answer."""
    try:
        return stack.macroserver.is_running and stack.door().state == "RUNNING"
    except (ControlSystemError, tango.DevFailed):
        return True


def _stacks(stack: LocalStack) -> str | None:
    """Where MacroServer's threads are; None where it does not say (see macros/stacks.py)."""
    folder = Path(f"/proc/{stack.macroserver.pid}/cwd").readlink()
    found = folder / "stacks"
    found.unlink(missing_ok=True)
    (folder / "stacks.wanted").touch()
    deadline = time.monotonic() + _STACKS_SECONDS
    while not found.exists():
        if time.monotonic() > deadline:
            return None
        time.sleep(0.1)
    return found.read_text()
