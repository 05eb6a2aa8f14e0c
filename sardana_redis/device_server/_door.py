"""A client of a Sardana Door: runs macros and collects what the operator would read."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import tango

from sardana_redis.device_server._environment import read_environment, write_environment
from sardana_redis.errors import ControlSystemError

__all__ = ["Door", "MacroRun", "OnLine"]

OnLine = Callable[[str, str], None]
"""Called with the level (`output`, `info`, `warning`, `error`, `critical`) and one line."""

_LEVELS: Final = ("Output", "Info", "Warning", "Error", "Critical")
_STATE: Final = "State"
_ENDED: Final = ("ON", "ALARM", "FAULT")
_POLL_SECONDS: Final = 0.5
_LOST_EVENT_POLLS: Final = 4
_BEGIN_SECONDS: Final = 2.0
_REACH_SECONDS: Final = 5.0
_NEXT_CONNECT_SECONDS: Final = 1.0
_TIMED_OUT: Final = "API_DeviceTimedOut"
_REFUSED: Final = "API_CantConnectToDevice"


@dataclass(frozen=True, slots=True)
class MacroRun:
    """What a macro said, as (level, line) in order, and how it ended.

    `state` is that of the Door afterwards: ON after a normal end, a stop or an abort,
    ALARM after an exception.
    """

    lines: tuple[tuple[str, str], ...]
    state: str
    seconds: float

    def text(self, *levels: str) -> str:
        """The lines of these levels, or all, as one text."""
        return "\n".join(line for level, line in self.lines if not levels or level in levels)


class Door:
    """A Door, `name` as in `door/demo/1`, and the MacroServer that it belongs to."""

    def __init__(self, tango_host: str, name: str, *, macroserver: str) -> None:
        self.name = f"tango://{tango_host}/{name}"
        self._macroserver = f"tango://{tango_host}/{macroserver}"
        self._macro: _Macro | None = None

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
        cannot be reached within 5 s.
        """
        if self._macro is not None:
            self._macro.close()
        proxy = self._proxy()
        try:
            _reach(proxy)
        except tango.DevFailed as error:
            raise _failure(self.name, "does not answer", error) from error
        self._macro = _Macro(proxy, words)

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
            raise _failure(self.name, "does not answer", error) from error

    def _command(self, name: str) -> None:
        proxy = self._proxy()
        try:
            if self._macro is not None:
                _wait_until_begun(proxy)
            proxy.command_inout(name)
        except tango.DevFailed as error:
            raise _failure(self.name, f"refuses {name}", error) from error


class _Macro:
    """One run: the subscriptions that belong to it and what they brought.

    Tango delivers all events of a server in order, hence every line before the state that
    ends the run. What an attribute still holds from earlier comes while subscribing, in
    our thread, and is skipped.
    """

    def __init__(self, proxy: tango.DeviceProxy, words: tuple[str, ...]) -> None:
        self._proxy = proxy
        self._words = words
        self._events: queue.SimpleQueue[tuple[str, tuple[str, ...]]] = queue.SimpleQueue()
        self._is_listening = False
        self._lines: list[tuple[str, str]] = []
        self._ids: list[int] = []
        try:
            for attribute in (_STATE, *_LEVELS):
                self._ids.append(self._subscribe(attribute))
            self._is_listening = True
            self._began = time.monotonic()
            proxy.command_inout("RunMacro", list(words))
        except tango.DevFailed as error:
            self.close()
            raise _failure(proxy.dev_name(), f"refuses {self._title}", error) from error

    @property
    def _title(self) -> str:
        return f"the macro `{' '.join(self._words)}`"

    def wait(self, timeout: float, on_line: OnLine | None) -> MacroRun:
        deadline = time.monotonic() + timeout
        was_running = False
        idle_polls = 0
        while True:
            try:
                kind, values = self._events.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                state = self._poll()
                idle_polls = idle_polls + 1 if state in _ENDED else 0
                if idle_polls >= _LOST_EVENT_POLLS:
                    return self._result(state)
            else:
                if kind != _STATE:
                    self._take(kind.lower(), values, on_line)
                elif was_running and values[0] in _ENDED:
                    return self._result(values[0])
                was_running = was_running or values == ("RUNNING",)
            if time.monotonic() > deadline:
                self._give_up(timeout)

    def close(self) -> None:
        """Ends the subscriptions."""
        ids, self._ids = self._ids, []
        for number in ids:
            try:
                self._proxy.unsubscribe_event(number)
            except tango.DevFailed:
                continue  # the server is gone, and the subscription with it

    def _subscribe(self, attribute: str) -> int:
        def take(event: Any) -> None:
            if event.err or not self._is_listening:
                return
            value = event.attr_value.value
            values = (str(value),) if attribute == _STATE else tuple(value or ())
            self._events.put((attribute, values))

        number: int = self._proxy.subscribe_event(attribute, tango.EventType.CHANGE_EVENT, take)
        return number

    def _take(self, level: str, lines: tuple[str, ...], on_line: OnLine | None) -> None:
        for line in lines:
            self._lines.append((level, line))
            if on_line is not None:
                on_line(level, line)

    def _poll(self) -> str:
        try:
            return str(self._proxy.state())
        except tango.DevFailed as error:
            if any(item.reason == _TIMED_OUT for item in error.args):
                return "UNKNOWN"  # busy or frozen, not gone
            name = self._proxy.dev_name()
            raise _failure(name, f"ended during {self._title}", error) from error

    def _give_up(self, timeout: float) -> None:
        last = "\n".join(line for _, line in self._lines[-20:])
        try:
            self._proxy.command_inout("AbortMacro")
        except tango.DevFailed as error:
            raise _failure(self._proxy.dev_name(), "refuses AbortMacro", error) from error
        raise ControlSystemError(
            f"{self._title} did not end within {timeout:g} s and was aborted. "
            f"The last that it said:\n{last}"
        )

    def _result(self, state: str) -> MacroRun:
        return MacroRun(tuple(self._lines), state, time.monotonic() - self._began)


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


def _failure(name: str, what: str, error: tango.DevFailed) -> ControlSystemError:
    return ControlSystemError(f"{name} {what}: {error.args[0].desc.strip()}")
