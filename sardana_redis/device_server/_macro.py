"""One run of a macro on a Sardana Door: what the operator would read of it, and its end."""

from __future__ import annotations

import queue
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import tango

from sardana_redis.errors import ControlSystemError

OnLine = Callable[[str, str], None]
"""Called with the level (`output`, `info`, `warning`, `error`, `critical`) and one line."""

_LEVELS: Final = ("Output", "Info", "Warning", "Error", "Critical")
_STATE: Final = "State"
_ENDED: Final = ("ON", "ALARM", "FAULT")
_POLL_SECONDS: Final = 0.5
_LOST_EVENT_POLLS: Final = 4
_TIMED_OUT: Final = "API_DeviceTimedOut"


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


class _Inbox:
    """What events brought. It knows no macro: their callbacks must not keep one alive."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[tuple[str, tuple[str, ...]]] = queue.SimpleQueue()
        self.is_open = False

    def taker(self, attribute: str) -> Callable[[Any], None]:
        """The callback for an attribute's events."""

        def take(event: Any) -> None:
            if event.err or not self.is_open:
                return
            value = event.attr_value.value
            values = (str(value),) if attribute == _STATE else tuple(value or ())
            self.events.put((attribute, values))

        return take


class Macro:
    """One run: the subscriptions that belong to it and what they brought.

    Tango delivers all events of a server in order, hence every line before the state that
    ends the run. What an attribute still holds from earlier comes while subscribing, in
    our thread, and is skipped. The subscriptions end before the proxy is destroyed, which an
    event could still be using.
    """

    def __init__(self, proxy: tango.DeviceProxy, words: tuple[str, ...]) -> None:
        self._proxy = proxy
        self._words = words
        self._inbox = _Inbox()
        self._lines: list[tuple[str, str]] = []
        ids: list[int] = []
        self._unsubscribe = weakref.finalize(self, _unsubscribe, proxy, ids)
        self._unsubscribe.atexit = False
        try:
            for attribute in (_STATE, *_LEVELS):
                take = self._inbox.taker(attribute)
                ids.append(proxy.subscribe_event(attribute, tango.EventType.CHANGE_EVENT, take))
            self._inbox.is_open = True
            self._began = time.monotonic()
            proxy.command_inout("RunMacro", list(words))
        except tango.DevFailed as error:
            self.close()
            raise failure(proxy.dev_name(), f"refuses {self._title}", error) from error

    @property
    def _title(self) -> str:
        return f"the macro `{' '.join(self._words)}`"

    def wait(self, timeout: float, on_line: OnLine | None) -> MacroRun:
        deadline = time.monotonic() + timeout
        was_running = False
        idle_polls = 0
        while True:
            try:
                kind, values = self._inbox.events.get(timeout=_POLL_SECONDS)
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
        """Ends the subscriptions; so does the end of this object."""
        self._unsubscribe()

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
            raise failure(name, f"ended during {self._title}", error) from error

    def _give_up(self, timeout: float) -> None:
        last = "\n".join(line for _, line in self._lines[-20:])
        try:
            self._proxy.command_inout("AbortMacro")
        except tango.DevFailed as error:
            raise failure(self._proxy.dev_name(), "refuses AbortMacro", error) from error
        raise ControlSystemError(
            f"{self._title} did not end within {timeout:g} s and was aborted. "
            f"The last that it said:\n{last}"
        )

    def _result(self, state: str) -> MacroRun:
        return MacroRun(tuple(self._lines), state, time.monotonic() - self._began)


def _unsubscribe(proxy: tango.DeviceProxy, ids: list[int]) -> None:
    for number in ids:
        try:
            proxy.unsubscribe_event(number)
        except tango.DevFailed:
            continue  # the server is gone, and the subscription with it


def failure(name: str, what: str, error: tango.DevFailed) -> ControlSystemError:
    """What Tango raised, as an error that names the device and what it did not do."""
    return ControlSystemError(f"{name} {what}: {error.args[0].desc.strip()}")
