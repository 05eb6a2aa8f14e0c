"""A client of a Sardana Door: runs macros and collects what the operator would read."""

from __future__ import annotations

import time
from typing import Any, Final

import tango

from sardana_redis.device_server._environment import read_environment, write_environment
from sardana_redis.device_server._macro import Macro, MacroRun, OnLine, failure
from sardana_redis.errors import ControlSystemError

_BEGIN_SECONDS: Final = 2.0
_REACH_SECONDS: Final = 5.0
_NEXT_CONNECT_SECONDS: Final = 1.0
_REFUSED: Final = "API_CantConnectToDevice"


class Door:
    """A Door, `name` as in `door/demo/1`, and the MacroServer that it belongs to."""

    def __init__(self, tango_host: str, name: str, *, macroserver: str) -> None:
        self.name = f"tango://{tango_host}/{name}"
        self._macroserver = f"tango://{tango_host}/{macroserver}"
        self._macro: Macro | None = None

    @property
    def state(self) -> str:
        """The Door's state now: RUNNING while a macro runs, else ON or ALARM."""
        return str(self._proxy().state())

    def run(self, *words: str, timeout: float = 60.0, on_line: OnLine | None = None) -> MacroRun:
        """Runs a macro to its end, with its words as in spock; see `wait`."""
        self.start(*words)
        return self.wait(timeout=timeout, on_line=on_line)

    def start(self, *words: str) -> None:
        """Starts a macro and returns at once.

        Raises ControlSystemError when the Door refuses it (unknown macro, wrong parameter), or
        cannot be connected in tries for 5 s.
        """
        if self._macro is not None:
            self._macro.close()
        proxy = self._proxy()
        try:
            _reach(proxy)
        except tango.DevFailed as error:
            raise failure(self.name, "does not answer", error) from error
        self._macro = Macro(proxy, words)

    def wait(self, *, timeout: float = 60.0, on_line: OnLine | None = None) -> MacroRun:
        """What the macro that was started said, once it has ended.

        Raises ControlSystemError when the Door stops answering, or `timeout` seconds after the
        call; the macro is then aborted.
        """
        if self._macro is None:
            raise ControlSystemError(f"No macro was started on {self.name}.")
        macro, self._macro = self._macro, None
        try:
            return macro.wait(timeout, on_line)
        finally:
            macro.close()

    def stop(self) -> None:
        """Asks the running macro to stop, as Ctrl-C in spock does."""
        self._command("StopMacro")

    def abort(self) -> None:
        """Aborts the running macro, as a second Ctrl-C in spock does."""
        self._command("AbortMacro")

    def environment(self) -> dict[str, Any]:
        """All variables of Sardana's environment."""
        return read_environment(self._macroserver)

    def set_environment(self, name: str, value: Any) -> None:
        """Sets a variable of Sardana's environment to exactly that value, as `senv` would.

        The name may be that of one door or macro: `door/demo/1.ScanFile`, `ascan.ScanFile`.
        """
        write_environment(self._macroserver, {name: value})

    def unset_environment(self, *names: str) -> None:
        """Removes variables from Sardana's environment, as `usenv` would; unknown ones too."""
        write_environment(self._macroserver, {}, remove=names)

    def _proxy(self) -> tango.DeviceProxy:
        try:
            return tango.DeviceProxy(self.name)
        except tango.DevFailed as error:
            raise failure(self.name, "does not answer", error) from error

    def _command(self, name: str) -> None:
        proxy = self._proxy()
        try:
            if self._macro is not None:
                _wait_until_begun(proxy)
            proxy.command_inout(name)
        except tango.DevFailed as error:
            raise failure(self.name, f"refuses {name}", error) from error


def _reach(proxy: tango.DeviceProxy) -> None:
    """Returns once the Door is connected.

    Tango gives up a connection after 100 ms and refuses another try for 1 s, but a pod that has
    just started may be let into the network later than that.
    """
    deadline = time.monotonic() + _REACH_SECONDS
    while True:
        try:
            proxy.ping()
        except tango.DevFailed as error:
            if not _is_unconnected(error) or time.monotonic() > deadline:
                raise
            time.sleep(_NEXT_CONNECT_SECONDS)
        else:
            return


def _is_unconnected(error: tango.DevFailed) -> bool:
    """Whether no connection was tried, or none came about."""
    refused = error.args[0].reason == _REFUSED
    return refused or isinstance(error, tango.ConnectionFailed)


def _wait_until_begun(proxy: tango.DeviceProxy) -> None:
    """Returns once a macro runs: Sardana forgets a stop that comes in its first 50 ms."""
    deadline = time.monotonic() + _BEGIN_SECONDS
    while "Macro stack" not in proxy.status() and time.monotonic() < deadline:
        time.sleep(0.01)
