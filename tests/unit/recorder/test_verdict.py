"""Why a scan is over although nobody ended it."""

from __future__ import annotations

import gc
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
    executor = SimpleNamespace(_macro_stack=[], _aborted=aborted, _stopped=stopped)
    macro = Macro(executor)
    verdict = plugin.make_verdict(macro)
    assert verdict() is None, "it runs"
    executor._macro_stack.clear()
    if is_gone:
        del macro
        gc.collect()
    assert verdict() is reason
