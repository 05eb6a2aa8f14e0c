"""Programs that the local stack starts are watched and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sardana_redis.errors import LocalStackError
from sardana_redis.local._process import Process

MakeProcess = Callable[[str], Process]

_STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('up', flush=True); time.sleep(60)"
)
_SLEEP = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def make_process(tmp_path: Path) -> Iterator[MakeProcess]:
    """Makes processes that run a line of Python, and ends them after the test."""
    made = []

    def make(code: str) -> Process:
        process = Process(
            "The program",
            [sys.executable, "-c", code],
            folder=tmp_path,
            log=tmp_path / "log" / "program.log",
        )
        made.append(process)
        return process

    yield make
    for process in made:
        process.kill()


def _start(process: Process) -> Process:
    process.start()
    process.wait_until(lambda: "up" in process.log_text(), seconds=10, purpose="come up")
    return process


def test_writes_its_output_into_its_log(make_process: MakeProcess) -> None:
    process = _start(make_process("import os; print('up', os.getcwd()); print(os.getsid(0))"))
    process.terminate()
    where, session, *_ = process.log_text().splitlines()  # coverage may add a line at the end
    assert where == f"up {process.log.parents[1]}"
    assert int(session) == process.pid


def test_an_early_end_is_an_error_with_the_end_of_the_log(make_process: MakeProcess) -> None:
    process = make_process("import sys; print('no such thing'); sys.exit(3)")
    process.start()
    with pytest.raises(LocalStackError, match="exit code 3 and did not answer") as caught:
        process.wait_until(lambda: False, seconds=10, purpose="answer")
    assert "no such thing" in str(caught.value)
    assert process.exit_code == 3


def test_a_wait_has_a_limit(make_process: MakeProcess) -> None:
    process = _start(make_process(_SLEEP))
    with pytest.raises(LocalStackError, match=r"did not answer within 0\.05 s"):
        process.wait_until(lambda: False, seconds=0.05, purpose="answer")


def test_ends_on_sigterm(make_process: MakeProcess) -> None:
    process = _start(make_process(_SLEEP))
    process.terminate()
    assert process.exit_code == -signal.SIGTERM


def test_ends_by_sigkill_when_it_ignores_sigterm(make_process: MakeProcess) -> None:
    process = _start(make_process(_STUBBORN))
    process.terminate(grace_seconds=0.1)
    assert process.exit_code == -signal.SIGKILL


def test_ends_while_it_is_paused(make_process: MakeProcess) -> None:
    process = _start(make_process(_SLEEP))
    process.pause()
    assert process.is_running
    process.terminate()
    assert not process.is_running


def test_goes_on_after_a_pause(make_process: MakeProcess) -> None:
    process = _start(make_process("print('up', flush=True); input() if 0 else None"))
    process.pause()
    process.resume()
    process.wait_until(lambda: process.exit_code == 0, seconds=10, purpose="end")


def test_starts_again_with_a_log_of_its_own(make_process: MakeProcess) -> None:
    process = _start(make_process(_SLEEP))
    first = process.pid
    process.start()
    assert process.pid == first
    process.kill()
    _start(process)
    assert process.pid != first
    assert process.log_text() == "up\n"
    assert process.log.read_text(encoding="utf-8") == "up\nup\n"


def test_a_process_that_was_never_started_is_harmless(make_process: MakeProcess) -> None:
    process = make_process(_SLEEP)
    process.terminate()
    process.kill()
    assert not process.is_running
    assert process.exit_code is None
    assert process.log_text() == ""
    with pytest.raises(LocalStackError, match="was not started"):
        _ = process.pid


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_does_not_survive_the_one_who_started_it(tmp_path: Path) -> None:
    code = (
        "import sys, threading, time; from pathlib import Path\n"
        "from sardana_redis.local._process import Process\n"
        f"p = Process('p', [sys.executable, '-c', {_SLEEP!r}], folder=Path({str(tmp_path)!r}),"
        f" log=Path({str(tmp_path)!r}) / 'log')\n"
        "thread = threading.Thread(target=p.start); thread.start(); thread.join()\n"
        "p.wait_until(lambda: 'up' in p.log_text(), seconds=10, purpose='come up')\n"
        "print(p.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)
        parent.kill()
    deadline = time.monotonic() + 10
    while _is_alive(pid):
        assert time.monotonic() < deadline, "it survived"
        time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2] != "Z"
    except OSError:
        return False
