"""Whose hang it is, from stacks as faulthandler writes them."""

from __future__ import annotations

import faulthandler
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.faults.sardana_hang import is_in_sardana

SARDANA = "/site-packages/sardana/macroserver/msmacromanager.py"
OURS = "/src/sardana_redis/recorder/_start.py"
LOG = "/site-packages/taurus/core/util/log.py"


def stacks(path: Path, *frames: tuple[str, str]) -> str:
    """The stacks while a thread waits in these (file, function), the outermost first."""
    is_there, may_end = threading.Event(), threading.Event()

    def wait() -> None:
        is_there.set()
        may_end.wait(10)

    call: Any = wait
    for file, name in reversed(frames):
        namespace = {"call": call}
        exec(compile(f"def {name}():\n    call()\n", file, "exec"), namespace)
        call = namespace[name]
    thread = threading.Thread(target=call)
    thread.start()
    is_there.wait(10)
    with path.open("w") as file:
        faulthandler.dump_traceback(file, all_threads=True)
    may_end.set()
    thread.join()
    return path.read_text()


@pytest.mark.parametrize(
    ("frames", "theirs"),
    [
        ([(SARDANA, "runMacro")], True),
        ([(SARDANA, "runMacro"), (OURS, "start_recording")], False),
        ([(SARDANA, "runMacro"), (OURS, "start_recording"), ("/lib/queue.py", "get")], False),
        ([(SARDANA, "runMacro"), (OURS, "warn"), (LOG, "warning")], True),
        ([(OURS, "_run")], False),
        ([(SARDANA, "_handle_abort")], False),
    ],
)
def test_a_hang_is_sardanas_where_a_macros_thread_is_there_and_not_in_our_code(
    frames: list[tuple[str, str]], theirs: bool, tmp_path: Path
) -> None:
    assert is_in_sardana(stacks(tmp_path / "stacks", *frames)) is theirs
