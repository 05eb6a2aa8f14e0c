"""The local stack starts whole, works, and leaves nothing behind, however it ends."""

from __future__ import annotations

import getpass
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
import redis
from rich.console import Console

from sardana_redis.device_server import known_elements, make_demo_elements
from sardana_redis.errors import BadInputError, ControlSystemError, LocalStackError
from sardana_redis.local import Door, LocalStack, MacroRun, RedisServer, _stack, run_demo
from sardana_redis.local._tango import TangoDatabase
from sardana_redis.local.capture import captures
from sardana_redis.store import read_scan
from tests.faults.sardana_hang import unless_sardana_hangs

pytestmark = pytest.mark.timeout(180)

_RUN_LOCAL = (
    "import sys; from rich.console import Console; from sardana_redis.local import run_local; "
    "sys.exit(run_local(Console()))"
)
_UP = "Ctrl-C stops"


def _processes_in(folder: Path) -> list[str]:
    """The command lines of the processes whose working directory is in the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            cwd = (process / "cwd").readlink()
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it ended, or is not ours
        if cwd.is_relative_to(folder) and command:
            found.append(command)
    return found


def _wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def _foreign_traces() -> set[Path]:
    """What these programs write outside our folder when nobody tells them otherwise."""
    user = getpass.getuser()
    return {path for name in ("tango", "omni") for path in Path("/tmp").glob(f"{name}-{user}/*/*")}


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty temporary folder that stands for /tmp."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def local_command(scratch: Path) -> Iterator[subprocess.Popen[str]]:
    """`sardana-redis local` in a process of its own, just started."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", _RUN_LOCAL],
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


def _read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if line.startswith(text):
            return seen
    raise AssertionError(f"It ended and said:\n{seen}")


class TestTheStack:
    def test_leaves_no_process_and_no_file(self, scratch: Path) -> None:
        traces = _foreign_traces()
        with LocalStack() as stack:
            folder = stack.folder
            assert folder.parent == scratch
            assert len(_processes_in(folder)) == 4
        assert _processes_in(scratch) == []
        assert list(scratch.iterdir()) == []
        assert _foreign_traces() <= traces

    def test_cleans_up_when_a_start_fails_half_way(self, scratch: Path) -> None:
        stack = LocalStack(macroserver_variables={"TANGO_HOST": "127.0.0.1:1"})
        with pytest.raises(LocalStackError, match="MacroServer ended with exit code"):
            stack.start()
        assert _processes_in(scratch) == []
        assert list(scratch.iterdir()) == []

    def test_refuses_a_folder_with_something_in_it(self, tmp_path: Path) -> None:
        (tmp_path / "precious").touch()
        with pytest.raises(BadInputError, match="not empty"):
            LocalStack(tmp_path).start()
        assert [path.name for path in tmp_path.iterdir()] == ["precious"]

    def test_is_in_the_state_that_it_promises(self, stack: LocalStack, door: Door) -> None:
        environment = door.environment()
        assert environment["RedisURL"] == stack.redis.url
        assert environment["ScanDir"] == str(stack.scan_dir)
        assert environment["ScanRecorder"] == ["RedisBlissRecorder"]
        assert "DataRecorder" not in environment
        assert "error" not in {level for level, _ in door.run("wa").lines}

    def test_runs_scans_on_after_macroserver_was_killed(
        self, stack: LocalStack, door: Door
    ) -> None:
        stack.macroserver.kill()
        with pytest.raises(ControlSystemError):
            door.run("lsenv")
        stack.macroserver.start()
        assert door.run("ascan", "mot01", "0", "1", "2", "0.01").state == "ON"

    def test_ends_a_wait_when_macroserver_dies(self, stack: LocalStack, door: Door) -> None:
        door.start("ascan", "mot01", "0", "100", "100", "0.1")
        stack.macroserver.kill()
        with pytest.raises(ControlSystemError, match="ended during the macro `ascan"):
            door.wait()


class TestTheCommand:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_ends_in_order_on_a_signal(
        self, local_command: subprocess.Popen[str], scratch: Path, number: signal.Signals
    ) -> None:
        said = _read_until(local_command, _UP)
        for title in ("TANGO_HOST", "RedisURL", "Reader URL", "spock"):
            assert f"\n{title}" in said
        local_command.send_signal(number)
        assert local_command.wait(30) == 0
        assert _processes_in(scratch) == []
        assert list(scratch.iterdir()) == []

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_cleans_up_when_it_is_stopped_while_it_starts(
        self, local_command: subprocess.Popen[str], scratch: Path, number: signal.Signals
    ) -> None:
        _read_until(local_command, "Starting the Pool")
        local_command.send_signal(number)
        assert local_command.wait(30) == 130
        assert _processes_in(scratch) == []
        assert list(scratch.iterdir()) == []

    def test_leaves_no_process_when_it_is_killed(
        self, local_command: subprocess.Popen[str], scratch: Path
    ) -> None:
        _read_until(local_command, "Starting the MacroServer")
        _wait_until(lambda: len(_processes_in(scratch)) == 4)
        local_command.kill()
        _wait_until(lambda: _processes_in(scratch) == [])

    def test_demo_finds_every_value_equal(self, scratch: Path) -> None:
        said = StringIO()
        assert run_demo(Console(file=said, width=200)) == 0, said.getvalue()
        for text in ("ascanct mot04 1 10 10 .1 .2", "Scan #1 ended", "1024", "values read equal"):
            assert text in said.getvalue()
        assert list(scratch.iterdir()) == []


class TestRedis:
    def test_has_both_modules_and_our_configuration(self, redis_server: RedisServer) -> None:
        with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
            assert client.execute_command("JSON.SET", "a", "$", "1")
            assert client.execute_command("FT._LIST") == []
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            limit = client.execute_command("FT.CONFIG", "GET", "MAXPREFIXEXPANSIONS")
            assert "2000" in str(limit)

    @pytest.mark.parametrize("end", [RedisServer.stop, RedisServer.kill])
    def test_keeps_data_and_port_over_a_restart(
        self, redis_server: RedisServer, end: Callable[[RedisServer], None]
    ) -> None:
        port = redis_server.port
        with redis.Redis.from_url(redis_server.url) as client:
            client.set("kept", "1")
        end(redis_server)
        assert not redis_server.is_running
        redis_server.start()
        assert redis_server.port == port
        with redis.Redis.from_url(redis_server.url) as client:
            assert client.get("kept") == b"1"

    def test_answers_nothing_while_it_is_paused(self, redis_server: RedisServer) -> None:
        with redis.Redis.from_url(redis_server.url, socket_timeout=2, retry=None) as client:
            client.set("kept", "1")
            redis_server.pause()
            with pytest.raises(redis.exceptions.TimeoutError):
                client.get("kept")
            redis_server.resume()
            assert client.get("kept") == b"1"

    def test_stops_while_it_is_paused(self, redis_server: RedisServer) -> None:
        redis_server.pause()
        redis_server.stop()
        assert not redis_server.is_running

    def test_takes_arguments_and_a_password(self, tmp_path: Path) -> None:
        secret = 'p"ä\\ss @/'
        server = RedisServer(tmp_path, arguments=("--maxmemory", "64mb"), password=secret)
        with server, redis.Redis.from_url(server.url) as client:
            assert client.info("memory")["maxmemory"] == 64 * 2**20
            command = Path(f"/proc/{server.pid}/cmdline").read_bytes()
            assert secret.encode() not in command
            with (
                redis.Redis.from_url(server.plain_url) as stranger,
                pytest.raises(redis.exceptions.AuthenticationError),
            ):
                stranger.get("anything")

    def test_says_when_its_port_is_taken(self, redis_server: RedisServer, tmp_path: Path) -> None:
        second = RedisServer(tmp_path / "second", port=redis_server.port)
        with pytest.raises(LocalStackError, match="Address already in use"):
            second.start()
        assert not second.is_running

    def test_takes_another_port_when_its_choice_was_taken(
        self, redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        choices = [redis_server.port]
        original = sys.modules["sardana_redis.local._redis_server"].free_port
        monkeypatch.setattr(
            "sardana_redis.local._redis_server.free_port",
            lambda: choices.pop() if choices else original(),
        )
        with RedisServer(tmp_path / "second") as second:
            assert second.port != redis_server.port


class TestTangoDatabase:
    def test_takes_another_port_when_its_choice_was_taken(
        self, redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        original = sys.modules["sardana_redis.local._tango"].free_port
        choices = [redis_server.port]
        monkeypatch.setattr(
            "sardana_redis.local._tango.free_port",
            lambda: choices.pop() if choices else original(),
        )
        folder = tmp_path / "tango"
        folder.mkdir()
        database = TangoDatabase(folder, tmp_path / "tango.log")
        try:
            database.start()
            assert database.host != f"127.0.0.1:{redis_server.port}"
            with pytest.raises(LocalStackError, match="knows no mot99"):
                database.device_of("mot99")
        finally:
            database.stop()


class TestDoor:
    def test_collects_what_the_operator_reads(self, door: Door) -> None:
        live: list[tuple[str, str]] = []
        run = door.run(
            "ascan", "mot01", "0", "1", "3", "0.01", on_line=lambda *line: live.append(line)
        )
        assert run.state == "ON"
        assert tuple(live) == run.lines
        assert sum(line.strip()[:1].isdigit() for line in run.text("output").splitlines()) == 4
        assert "started at" in run.text("info")

    def test_shows_nothing_of_the_macro_before(self, door: Door) -> None:
        door.run("lsenv")
        assert "ScanDir" not in door.run("wm", "mot01").text()

    def test_tells_that_a_macro_raised(self, door: Door) -> None:
        run = door.run("genv", "NoSuchVariable")
        assert run.state == "ALARM"
        assert "NoSuchVariable" in run.text("error")

    def test_refuses_an_unknown_macro(self, door: Door) -> None:
        with pytest.raises(ControlSystemError, match="Unknown macro nosuchmacro"):
            door.run("nosuchmacro")

    @pytest.mark.parametrize("end", [Door.stop, Door.abort])
    def test_stops_and_aborts(
        self, stack: LocalStack, door: Door, end: Callable[[Door], None]
    ) -> None:
        def ended() -> MacroRun:
            door.start("ascan", "mot01", "0", "100", "100", "0.1")
            end(door)
            return door.wait(timeout=20)

        run = unless_sardana_hangs(stack, ended)
        assert run.state == "ON"
        assert run.seconds < 20

    def test_aborts_a_macro_that_takes_too_long(self, stack: LocalStack, door: Door) -> None:
        def aborted() -> bool:
            with pytest.raises(ControlSystemError, match="did not end within 1 s"):
                door.run("ascan", "mot01", "0", "100", "100", "0.1", timeout=1)
            deadline = time.monotonic() + 20
            while door.state == "RUNNING":
                if time.monotonic() > deadline:
                    raise ControlSystemError("The Door stays RUNNING.")
                time.sleep(0.02)
            return True

        assert unless_sardana_hangs(stack, aborted)

    @pytest.mark.parametrize(
        "value",
        [
            "plain text",
            "123",
            "None",
            "a 'b' \"c\"",
            "äöü",
            True,
            1.5,
            None,
            ["RedisBlissRecorder", "x y"],
            {"a": [1, {"b": "2"}]},
        ],
    )
    def test_sets_exactly_that_value(self, door: Door, value: object) -> None:
        door.set_environment("Tried", value)
        read = door.environment()["Tried"]
        assert read == value
        assert type(read) is type(value)

    def test_unsets_known_and_unknown_variables(self, door: Door) -> None:
        door.set_environment("Tried", 1)
        door.unset_environment("Tried", "NeverSet")
        assert "Tried" not in door.environment()

    def test_resets_the_environment(self, stack: LocalStack, door: Door) -> None:
        door.set_environment("Tried", 1)
        door.set_environment("ScanDir", "/elsewhere")
        door.unset_environment("RedisURL")
        stack.reset_environment()
        environment = door.environment()
        assert "Tried" not in environment
        assert stack.default_environment.items() <= environment.items()


class TestTwoDoors:
    def test_run_two_macros_at_once(self, stack: LocalStack, door: Door) -> None:
        second = stack.door(2)
        door.start("ascan", "mot01", "0", "1", "5", "0.01")
        run = second.run("wm", "mot02")
        assert "mot02" in run.text("output")
        assert "mot01" not in run.text()
        assert "Scan #" in door.wait().text("info")


class TestCapture:
    @pytest.fixture
    def capturing(self, stack: LocalStack, door: Door, tmp_path: Path) -> Path:
        door.unset_environment("ScanDir")
        door.set_environment("DataRecorder", ["CaptureRecorder"])
        door.set_environment("CaptureDir", str(tmp_path))
        door.set_environment("PreScanSnapshot", [(stack.tango_name("mot02"), "mot02")])
        return tmp_path

    def test_holds_what_sardana_recorded(self, door: Door, capturing: Path) -> None:
        assert door.run("umv", "mot02", "1.5").state == "ON"
        assert door.run("ascan", "mot01", "0", "1", "3", "0.01").state == "ON"
        (capture,) = captures(capturing)
        assert capture.number == door.environment()["ScanID"]
        assert [column.label for column in capture.columns[:3]] == ["#Pt No", "mot01", "ct01"]
        by_label = {column.label: capture.values(column) for column in capture.columns}
        assert by_label["#Pt No"] == [0, 1, 2, 3]
        assert by_label["ct02"] == [0.02] * 4
        (snapshot,) = capture.start["preScanSnapShot"]
        assert (snapshot["label"], snapshot["pre_scan_value"]) == ("mot02", 1.5)
        assert "endtime" in capture.end

    def test_writes_nothing_without_a_folder(self, door: Door, capturing: Path) -> None:
        door.unset_environment("CaptureDir")
        assert door.run("ascan", "mot01", "0", "1", "1", "0.01").state == "ON"
        assert captures(capturing) == []

    def test_never_fails_a_scan(self, door: Door, capturing: Path) -> None:
        door.set_environment("CaptureDir", "/proc/no-such-folder")
        assert door.run("ascan", "mot01", "0", "1", "1", "0.01").state == "ON"
        assert captures(capturing) == []

    def test_reading_back_waits_for_the_end(self, stack: LocalStack, door: Door) -> None:
        assert door.run("ascan", "mot01", "0", "1", "2", "0.01").state == "ON"
        scan = read_scan(stack.redis.url)
        assert (scan.name, scan.state) == ("ascan", "CLOSED")
        assert [int(point) for point in scan.streams["#Pt No"].points] == [0, 1, 2]


def test_a_macroserver_that_crashes_while_elements_are_made_is_started_again(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def crashes_once(door: Door, macroserver: str) -> None:
        calls.append(macroserver)
        if len(calls) == 1:
            door.start("sar_demo")
            while "ct02" not in known_elements(macroserver):
                time.sleep(0.01)
            stack.macroserver.kill()
            raise ControlSystemError("it is gone")
        make_demo_elements(door, macroserver)

    monkeypatch.setattr(_stack, "make_demo_elements", crashes_once)
    stack = LocalStack()
    with stack:
        assert stack.door().run("ascan", "mot01", "0", "1", "2", "0.01").state == "ON"
        assert {"ct05", "mot05", "mntgrp02"}.isdisjoint(known_elements(calls[-1]))
    assert len(calls) == 2
