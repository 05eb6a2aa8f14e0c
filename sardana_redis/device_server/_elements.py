"""The motors, counters and detectors that Sardana's macro `sar_demo` makes."""

from __future__ import annotations

import time
from typing import Final

from sardana_redis.device_server._door import Door
from sardana_redis.device_server._macro import MacroRun
from sardana_redis.device_server._probe import known_elements
from sardana_redis.errors import ControlSystemError

__all__ = ["DEMO_ELEMENTS", "make_demo_elements"]

_LIMIT_SECONDS: Final = 30.0
_TRIES: Final = 3

DEMO_ELEMENTS: Final = frozenset(
    f"{kind}{number:02}"
    for kind, count in {
        "mot": 4,
        "ct": 4,
        "zerod": 4,
        "oned": 1,
        "twod": 1,
        "tg": 2,
        "ior": 2,
        "gap": 1,
        "offset": 1,
        "discretepm": 1,
        "mntgrp": 1,
    }.items()
    for number in range(1, count + 1)
) | {"ioveri001"}
"""What the macro `sar_demo` makes, by name."""


def make_demo_elements(door: Door, macroserver: str) -> None:
    """Runs `sar_demo` and returns when the MacroServer knows all that it made.

    Raises ControlSystemError, with what the macro said, when it fails three times, or when that
    takes longer than 30 s.
    """
    try:
        run = _run_demo(door)
    except ControlSystemError:  # it takes too long; what it made would count as somebody's elements
        door.run("clear_sar_demo")
        raise
    deadline = time.monotonic() + _LIMIT_SECONDS
    while missing := DEMO_ELEMENTS - known_elements(macroserver):
        if run.state != "ON" or _is_half_done(run) or time.monotonic() > deadline:
            raise ControlSystemError(
                f"The MacroServer does not know {', '.join(sorted(missing))} after the macro "
                f"sar_demo, which said:\n{run.text()}"
            )
        time.sleep(0.02)


def _run_demo(door: Door) -> MacroRun:
    """The last run of the macro: what it made half-way is removed, and it runs again.

    On a busy machine it now and then names an element before the MacroServer has heard of it
    (Sardana 3.7.1).
    """
    for _ in range(_TRIES):
        run = door.run("sar_demo")
        if not _is_half_done(run):
            break
        door.run("clear_sar_demo")
    return run


def _is_half_done(run: MacroRun) -> bool:
    return "Error while running sar_demo" in run.text("error")
