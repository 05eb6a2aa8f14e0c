"""A Door that is there 2 s after the start of its process, at the port of the first argument."""

from __future__ import annotations

import sys
import threading
import time

import tango
from tango.server import Device, attribute, command, run


def _lines() -> attribute:
    return attribute(dtype=(str,), max_dim_x=10, fget=lambda self: self.lines)


class LateDoor(Device):
    """Says the words of a macro, and is done with it."""

    Output, Info, Warning, Error, Critical = (_lines() for _ in range(5))

    def init_device(self) -> None:
        super().init_device()
        self.lines: list[str] = []
        self.set_state(tango.DevState.ON)
        for name in ("State", "Output", "Info", "Warning", "Error", "Critical"):
            self.set_change_event(name, True, False)

    @command(dtype_in=(str,))
    def RunMacro(self, words: list[str]) -> None:  # noqa: N802  # Sardana's name
        threading.Timer(0.1, self._say, [words]).start()

    def _say(self, words: list[str]) -> None:
        with tango.EnsureOmniThread():
            self._turn(tango.DevState.RUNNING)
            self.push_change_event("Output", words)
            self._turn(tango.DevState.ON)

    def _turn(self, state: tango.DevState) -> None:
        self.set_state(state)
        self.push_change_event("State", state)


def main() -> None:
    time.sleep(2.0)
    port = sys.argv[1]
    words = ["-ORBendPoint", f"giop:tcp:127.0.0.1:{port}", "-nodb", "-dlist", "door/late/1"]
    run((LateDoor,), args=["LateDoor", "late", *words])


if __name__ == "__main__":
    main()
