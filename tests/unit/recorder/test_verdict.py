"""Why a scan is over although nobody ended it."""

from __future__ import annotations

import gc
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from sardana_redis.model import EndReason

plugin = pytest.importorskip("sardana_redis.recorder._sardana")


class Macro:
    """Stands for one that runs on its Door's executor."""

    def __init__(self, executor: Any) -> None:
        self.executor = executor
        executor._macro_stack.append(self)

    def isAborted(self) -> bool:  # noqa: N802 - Sardana's name
        return bool(self.executor._aborted)

    def isStopped(self) -> bool:  # noqa: N802 - Sardana's name
        return bool(self.executor._stopped)


def executor_of(*, aborted: bool, stopped: bool = False) -> Any:
    return SimpleNamespace(
        _macro_stack=[], _aborted=aborted, _stopped=stopped, _abort_done=threading.Event()
    )


@pytest.mark.parametrize("is_gone", [True, False])
@pytest.mark.parametrize(
    ("aborted", "stopped", "reason"),
    [
        (True, False, EndReason.USER_ABORT),
        (False, True, EndReason.USER_ABORT),
        (False, False, EndReason.FAILURE),
    ],
)
def test_a_macro_that_is_over_says_why_also_when_it_is_gone(
    aborted: bool, stopped: bool, reason: EndReason, is_gone: bool
) -> None:
    executor = executor_of(aborted=aborted, stopped=stopped)
    macro = Macro(executor)
    verdict = plugin.make_verdict(macro)
    assert verdict() is None, "it runs"
    executor._macro_stack.clear()
    if is_gone:
        del macro
        gc.collect()
    assert verdict() is reason


def test_the_abort_of_a_later_macro_says_nothing_of_one_that_is_gone() -> None:
    executor = executor_of(aborted=False)
    macro = Macro(executor)
    verdict = plugin.make_verdict(macro)
    executor._macro_stack.clear()
    del macro
    gc.collect()
    executor._abort_done, executor._aborted = threading.Event(), True
    assert verdict() is EndReason.FAILURE
