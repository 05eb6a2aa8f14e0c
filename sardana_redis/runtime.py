"""What every long-running process shares: a stop event, signals, a backoff, a pulse."""

from __future__ import annotations

import gc
import importlib.util
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from sardana_redis.errors import ExtraMissingError

__all__ = ["Backoff", "Pulse", "need_extra", "spare_the_collector", "stop_on_signals"]


def need_extra(extra: str, *packages: str) -> None:
    """Raises ExtraMissingError, which names the remedy, unless all these packages are installed."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise ExtraMissingError(
            f"This needs {', '.join(missing)}, which the installation here does not have: "
            f"pip install 'sardana-redis[{extra}]'."
        )


def spare_the_collector() -> None:
    """Keeps Python's garbage collector from looking at all that was loaded so far.

    A full collection takes 90 ms with all modules loaded, in the middle of somebody's turn.
    """
    gc.collect()
    gc.freeze()


class Backoff:
    """Pauses that double from `first` to `longest` seconds until `reset`."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def next(self) -> float:
        """The pause before the next try, in seconds."""
        pause = self._next
        self._next = min(self._longest, pause * 2)
        return pause

    def reset(self) -> None:
        """Makes the next pause the shortest one again, after a success."""
        self._next = self._first


class Pulse:
    """Whether a loop still turns: it beats once a turn, any thread may ask; made, it has beaten.

    `clock` is monotonic and in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()

    def beat(self) -> None:
        """Notes that the loop turned just now."""
        self._last = self._clock()

    @property
    def age(self) -> float:
        """Seconds since the last beat."""
        return self._clock() - self._last

    def is_alive(self, limit_seconds: float) -> bool:
        """True while the last beat is at most `limit_seconds` ago."""
        return self.age <= limit_seconds


@contextmanager
def stop_on_signals(*extra: signal.Signals) -> Iterator[threading.Event]:
    """An event that SIGTERM, SIGINT, SIGHUP (and `extra`) set; the old handlers come back.

    Off the main thread no handler can be installed: the event is then set by others only.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    with _setter(stop) as ask:

        def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
            ask(True)

        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, *extra)
        previous = {number: signal.signal(number, ask_to_stop) for number in numbers}
        try:
            yield stop
        finally:
            for number, handler in previous.items():
                # None: a handler that C code had installed, which Python cannot put back
                signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextmanager
def _setter(stop: threading.Event) -> Iterator[Callable[[bool], None]]:
    """What a signal handler calls to have the event set, by a thread that lives meanwhile.

    A handler interrupts the main thread anywhere, also where that holds the event's own lock:
    `Event.set` would then wait for ever. `SimpleQueue.put` is made for such a moment.
    """
    asked: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def pass_on() -> None:
        while asked.get():
            stop.set()

    thread = threading.Thread(target=pass_on, name="sardana-redis-signals", daemon=True)
    thread.start()
    try:
        yield asked.put
    finally:
        asked.put(False)
        thread.join()
