"""An operator's own terminal, with writers that are away and files that cannot be written.

What spock shows of us is a golden file; UPDATE_GOLDEN=1 writes it anew. The prompt comes within a
second of what it takes without us, measured in the same terminal.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pexpect
import pytest

from sardana_redis.device_server import find_script, spock_command, write_spock_profile
from sardana_redis.local import Door, LocalStack
from sardana_redis.local._process import Process
from sardana_redis.local._sardana import MACROSERVER
from sardana_redis.local._tango import without_foreign_settings
from sardana_redis.store import (
    Link,
    Order,
    OrderKind,
    initialise_database,
    list_parked,
    order_parked,
    read_writers,
)
from tests.faults.arena import eventually
from tests.integration._writers import forget_all_writers, wait_until_up, wait_until_written

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

GOLDEN = Path(__file__).parents[1] / "golden" / "operator_lines.txt"
ASCAN = "ascan mot01 0 1 4 0.01"
PROMPT = r"\[\d+\]: "
COLOUR = re.compile(r"\x1b\[[\d;]*m")
OF_SARDANA = re.compile(
    r"Scan #\d+ (started|ended)|Operation (will be )?saved|^\s*#Pt|^\s*\d+\s+-?\d|^\s*$"
    r"|^Hint:|^Door_"
)
LATE_SECONDS = 1.0
MOST_SCANS = 6
LOOK_SECONDS = 5.0
"""The recorder has looked at the writers once more, as it does every two seconds."""


class Terminal:
    """spock, as a person has it; `transcript` is what it showed, without what changes."""

    def __init__(self, stack: LocalStack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self.transcript: list[str] = []
        full = f"tango://{stack.tango_host}"
        write_spock_profile(
            folder / "ipython", door=f"{full}/{stack.doors[0]}", macroserver=f"{full}/{MACROSERVER}"
        )
        line = spock_command(folder / "ipython", stack.tango_host, find_script("spock", "sardana"))
        self._spock = pexpect.spawn(
            "/bin/sh",
            ["-c", f"{line} --simple-prompt"],
            env=os.environ | {"TERM": "dumb", "COLUMNS": "500"},
            dimensions=(50, 500),
            encoding="utf-8",
        )
        self._spock.expect(PROMPT, timeout=60)

    def close(self) -> None:
        self._spock.close(force=True)

    def title(self, text: str) -> None:
        self.transcript += ["", f"## {text}"]

    def run(self, line: str, *, note: bool = True) -> float:
        """Types a line; returns after how many seconds the prompt is back."""
        began = time.monotonic()
        self._spock.sendline(line)
        self._spock.expect(PROMPT, timeout=60)
        seconds = time.monotonic() - began
        if note:
            shown = COLOUR.sub("", self._spock.before.replace("\r", "")).splitlines()[1:]
            self.transcript.append(f"> {line}")
            self.transcript += [
                self._constant(text.rstrip()) for text in shown if not OF_SARDANA.search(text)
            ]
        return seconds

    def _constant(self, text: str) -> str:
        text = text.replace(str(self._folder), "FOLDER").replace(self._stack.redis.url, "URL")
        text = re.sub(r"Scan #\d+", "Scan #N", text)
        # On a busy machine 0.8 s may be too short for a file, and a writer 10 s behind.
        text = re.sub(
            r"\d+ of (\d+) points safe in (\S+ \(\w+\)), (still writing|which waits[^;.]*)",
            r"all \1 points safe in \2",
            text,
        )
        text = re.sub(r" \w+ is \d+ s behind\.", "", text)
        text = re.sub(r"down for \d+ (s|min)", "down for N s", text)
        text = re.sub(r"\b\d+ MB", "N MB", text)
        # A read-only file system for root, a folder that others may not write into.
        return re.sub(
            r"(Read-only file system|Permission denied)(: FOLDER/\S+)?", "READ-ONLY", text
        )


@pytest.fixture
def terminal(stack: LocalStack, door: Door, tmp_path: Path) -> Iterator[Terminal]:
    door.set_environment("ScanRecorder", ["RedisBlissRecorder"] * 2)
    door.unset_environment("RedisRequireWriters")
    made = Terminal(stack, tmp_path)
    yield made
    made.close()


@contextmanager
def writer(stack: LocalStack, folder: Path, name: str) -> Iterator[Process]:
    """A writer that parks after a second; scans of other modules are none of its business."""
    command = [sys.executable, "-m", "sardana_redis", f"{name}-writer", "--writer-name", name]
    process = Process(
        name,
        [*command, "--url", stack.redis.url, "--park-seconds", "1", "--first-start", "new"],
        folder=folder,
        log=folder / f"{name}.log",
        environment=without_foreign_settings() | {"PYTHONWARNINGS": "ignore"},
    )
    process.start()
    try:
        process.wait_until(
            lambda: "waiting for scans" in process.log_text(), seconds=60, purpose="wait for scans"
        )
        yield process
    finally:
        process.terminate()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that nobody can write into: root heeds no permissions, but file systems."""
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield
        folder.chmod(0o755)
        return
    with file_system(folder, "ro,size=1g"):
        yield


@contextmanager
def file_system(folder: Path, options: str) -> Iterator[None]:
    """A file system of its own; where that cannot be had the test is skipped."""
    folder.mkdir(exist_ok=True)
    command = ("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a file system here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def settle(stack: LocalStack, *names: str) -> None:
    """Waits until these writers run and are not behind, and the recorder has looked at them."""
    wait_until_up(stack.redis.url, *names)
    wait_until_written(stack.redis.url)
    time.sleep(LOOK_SECONDS)


def wait_until_known(stack: LocalStack) -> None:
    """Waits until both writers say that they have parked one scan, and the recorder knows."""

    def is_told() -> bool:
        with closing(Link(stack.redis.url, timeout_seconds=5)) as link:
            records = read_writers(link)
        return [records[name].vitals.parked for name in ("nexus", "spec")] == [1, 1]

    eventually(is_told, 30, "one parked scan of each writer")
    time.sleep(LOOK_SECONDS)


def test_what_the_operator_reads_and_when_the_prompt_is_back(
    stack: LocalStack,
    door: Door,
    terminal: Terminal,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    initialise_database(stack.redis.url)
    forget_all_writers(stack.redis.url)
    seconds: dict[str, list[float]] = {}
    go_to(door, tmp_path)
    usual = without_us(door, terminal)

    def scans(title: str) -> int:
        """Runs two scans, and more while each prompt came late; returns how many."""
        terminal.title(title)
        took = seconds[title] = [terminal.run(ASCAN, note=not number) for number in range(2)]
        while min(took) >= usual + LATE_SECONDS and len(took) < MOST_SCANS:
            took.append(terminal.run(ASCAN, note=False))
        return len(took)

    def refuses() -> None:
        terminal.run("senv RedisRequireWriters refuse", note=False)
        terminal.run(ASCAN)
        terminal.run("senv RedisRequireWriters warn", note=False)

    with writer(stack, tmp_path, "nexus"), writer(stack, tmp_path, "spec") as spec:
        settle(stack, "nexus", "spec")
        scans("all is well")
        with read_only(tmp_path / "read-only"):
            go_to(door, tmp_path / "read-only")
            terminal.run(ASCAN, note=False)
            wait_until_known(stack)
            parked = 2 * (1 + scans("a read-only folder"))
            refuses()
            eventually(lambda: len(list_parked(stack.redis.url)) == parked, 20, "parked scans")
            terminal.run("lastscan")
        skip_parked(stack)
        with file_system(tmp_path / "full", "size=50m"):
            go_to(door, tmp_path / "full")
            fill(tmp_path / "full" / "others")
            terminal.run(ASCAN, note=False)
            wait_until_known(stack)
            scans("a full file system of 50 MB")
            refuses()
            skip_parked(stack)
        go_to(door, tmp_path)
        spec.terminate()
        settle(stack, "nexus")
        scans("a writer that is stopped")
        refuses()
    text = "\n".join(terminal.transcript).strip() + "\n"
    usual = max(usual, without_us(door, terminal))  # the machine may have got busier meanwhile
    figures = f"prompt without us after {usual:.2f} s, with us: {summary(seconds)}"
    record_property("figures", figures)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
    for title, took in seconds.items():
        assert min(took) < usual + LATE_SECONDS, title


def without_us(door: Door, terminal: Terminal) -> float:
    """The seconds until the prompt is back while the recorder is off."""
    door.unset_environment("ScanRecorder")
    terminal.run(ASCAN, note=False)
    seconds = statistics.median(terminal.run(ASCAN, note=False) for _ in range(5))
    door.set_environment("ScanRecorder", ["RedisBlissRecorder"] * 2)
    return seconds


def go_to(door: Door, folder: Path) -> None:
    door.set_environment("ScanDir", str(folder))
    door.set_environment("ScanFile", ["a.h5", "a.dat"])


def fill(path: Path) -> None:
    """Writes until there is no room."""
    with path.open("wb") as file:
        try:
            while True:
                file.write(bytes(2**16))
                file.flush()
        except OSError:
            return


def skip_parked(stack: LocalStack) -> None:
    """Gives parked scans up, so that nothing of them is told later."""
    while list_parked(stack.redis.url):
        order_parked(stack.redis.url, "all", Order(OrderKind.SKIP))
        time.sleep(2.0)


def summary(seconds: dict[str, list[float]]) -> str:
    return "; ".join(f"{title} {min(took):.2f} s" for title, took in seconds.items())
