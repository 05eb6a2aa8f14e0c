"""Signals while the stack is up: each ends it in order, none interrupts its removal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["hold_signals", "interrupt_on_signals"]

_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interrupt_on_signals() -> Iterator[None]:
    """Makes SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does, while inside.

    Whatever else would handle them waits: the stack must not be left behind. Signals that
    are ignored (nohup), and threads but the main one, are left alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    handlers = {number: signal.getsignal(number) for number in _ENDING}
    previous = {
        number: handler
        for number, handler in handlers.items()
        if handler is not None and handler is not signal.SIG_IGN
    }
    for number in previous:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def hold_signals() -> Iterator[None]:
    """Holds back SIGINT, SIGTERM and SIGHUP while inside and delivers them afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []

    def hold(number: int, _frame: FrameType | None) -> None:
        held.append(number)

    previous = {number: signal.signal(number, hold) for number in (signal.SIGINT, *_ENDING)}
    try:
        yield
    finally:
        for known, handler in previous.items():
            signal.signal(known, handler)
        for number in dict.fromkeys(held):
            signal.raise_signal(number)
