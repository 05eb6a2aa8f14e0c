"""The motors, counters and detectors that Sardana's macro `sar_demo` makes."""

from __future__ import annotations

import time
from typing import Final

from sardana_redis.errors import LocalStackError
from sardana_redis.local._door import Door
from sardana_redis.local._sardana import known_elements

__all__ = ["DEMO_ELEMENTS", "make_demo_elements"]

_LIMIT_SECONDS: Final = 30.0

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


def make_demo_elements(door: Door, tango_host: str) -> None:
    """Runs `sar_demo` and returns when the MacroServer knows all that it made.

    Raises LocalStackError, with what the macro said, when that takes longer than 30 s.
    """
    run = door.run("sar_demo")
    deadline = time.monotonic() + _LIMIT_SECONDS
    while missing := DEMO_ELEMENTS - known_elements(tango_host):
        if run.state != "ON" or time.monotonic() > deadline:
            raise LocalStackError(
                f"The MacroServer does not know {', '.join(sorted(missing))} after the macro "
                f"sar_demo, which said:\n{run.text()}"
            )
        time.sleep(0.02)
