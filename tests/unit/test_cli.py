"""The command: exit codes, one sentence for what the user can mend, JSON for programs."""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sardana_redis import __version__, cli
from sardana_redis.cli import _scans
from sardana_redis.errors import (
    LocalStackError,
    Outage,
    ScanNotFoundError,
    StoreUnavailable,
    StoreUnusable,
)
from sardana_redis.spec_writer import _tango_door
from sardana_redis.store import ScanSummary, StreamSummary

KEY = "esrf:scan:01HHMHGD8J5HH0BPMW9P6K5XQF"
SCAN = ScanSummary(
    key=KEY,
    number=123,
    name="ascanct",
    session="test_session",
    title="ascanct mot04 1 10 10 .1 .2",
    state="CLOSED",
    points=11,
    start_time="2026-11-23T07:40:00.123456+01:00",
    end_time="2026-11-23T07:41:00+01:00",
    end_reason="SUCCESS",
)
STREAMS = [
    StreamSummary("ct01", 11, "float64", (), "counts", True, 0.1),
    StreamSummary("mca", 11, "int32", (1024,), None, True, list(range(1024))),
    StreamSummary("image", 0, "uint16", (-1, 480), None, False, None),
]


class Result(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command as a shell would, without settings of this machine."""
    for name in list(os.environ):
        if name.upper().startswith("SARDANA_REDIS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["sardana-redis", *arguments])
        code: Any = None
        try:
            cli.main()
        except SystemExit as exited:
            code = exited.code
        return Result(code or 0, *capsys.readouterr())

    return call


def returns(monkeypatch: pytest.MonkeyPatch, name: str, value: Any) -> list[tuple[Any, ...]]:
    """Makes what the command calls return the value, or raise it; the calls are listed."""
    calls: list[tuple[Any, ...]] = []

    def fake(*args: Any, **kwargs: Any) -> Any:
        calls.append((*args, *kwargs.values()))
        if isinstance(value, Exception):
            raise value
        return value

    monkeypatch.setattr(_scans, name, fake)
    return calls


def test_the_version_is_the_packages(run: Run) -> None:
    assert run("--version") == Result(0, f"sardana-redis {__version__}\n", "")


def test_python_m_is_the_same_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sardana-redis", "--version"])
    with pytest.raises(SystemExit) as exited:
        runpy.run_module("sardana_redis", run_name="__main__")
    assert exited.value.code in (0, None)
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_names_every_command(run: Run, flag: str) -> None:
    result = run(flag)
    assert result.code == 0
    assert all(name in result.out for name in ("demo", "local", "init-db", "scans", "show"))


@pytest.mark.parametrize(
    ("command", "sentence", "options"),
    [
        ("demo", "Scan for real in a beamline of its own", ()),
        ("local", "Start a beamline on this machine", ()),
        ("init-db", "Make a Redis database ready for blissdata.", ("--url", "--config", "--json")),
        ("scans", "List the newest scans in Redis.", ("--url", "--config", "--json", "--limit")),
        ("show", "Show one scan", ("--url", "--config", "--json", "KEY")),
        ("watch", "Watch memory, scans and writers' lag", ("--url", "--once", "--json", "--limit")),
    ],
)
def test_every_command_says_what_it_does(
    run: Run, command: str, sentence: str, options: tuple[str, ...]
) -> None:
    result = run(command, "--help")
    assert result.code == 0
    assert sentence in result.out
    assert all(option in result.out for option in options)


@pytest.mark.parametrize(
    "arguments",
    [
        ("nope",),
        ("scans", "--nope"),
        ("scans", "--limit", "0"),
        ("scans", "--limit", "many"),
        ("show",),
        ("init-db", "extra"),
    ],
)
def test_what_is_no_command_ends_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "Try '" in result.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("scans", "--url", "http://x"), "url: must begin with redis://"),
        (("init-db", "-u", "redis://u:geheim#x@host"), "write it as %2F"),
        (("scans", "--config", "/missing/file"), "/missing/file cannot be read"),
        (("show", "123", "--url", "redis://127.0.0.1:1"), "'123' is no scan key"),
    ],
)
def test_bad_input_ends_with_2_and_one_sentence(
    run: Run, arguments: tuple[str, ...], sentence: str
) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("sardana-redis: ")
    assert result.err.count("\n") == 1
    assert sentence in result.err
    assert "geheim" not in result.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ScanNotFoundError("Redis has no such scan."), 2),
        (StoreUnavailable("Connection refused.", Outage.UNREACHABLE), 1),
        (StoreUnusable("No module ReJSON is loaded."), 1),
        (LocalStackError("Pool ended early."), 1),
    ],
)
def test_errors_of_ours_are_one_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    returns(monkeypatch, "list_scans", error)
    result = run("scans")
    assert (result.code, result.out) == (code, "")
    assert str(error) in result.err
    assert result.err.count("\n") == 1


def test_an_error_that_nobody_foresaw_is_not_hidden(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    returns(monkeypatch, "list_scans", ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        run("scans")


def test_scans_are_a_table_for_people(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = returns(monkeypatch, "list_scans", [SCAN])
    result = run("scans", "--url", "redis://here", "-n", "5")
    assert calls == [("redis://here", 5)]
    for text in (KEY, "123", "ascanct", "CLOSED", "11", "2026-11-23 07:40:00", "SUCCESS"):
        assert text in result.out


def test_scans_are_json_for_programs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    returns(monkeypatch, "list_scans", [SCAN])
    (scan,) = json.loads(run("scans", "--json").out)
    assert (scan["key"], scan["number"], scan["end_reason"]) == (KEY, 123, "SUCCESS")


def test_an_empty_redis_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    returns(monkeypatch, "list_scans", [])
    assert run("scans").out == "There is no scan in this Redis yet.\n"
    assert run("scans", "--json").out == "[]\n"


def test_a_scan_is_shown_with_its_streams(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    returns(monkeypatch, "show_scan", (SCAN, STREAMS))
    out = run("show", KEY).out
    for text in ("ct01", "counts", "scalar", "1024", "[0, 1, 2, ...]", "any x 480"):
        assert text in out


def test_a_scan_is_shown_to_programs_with_every_value(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    returns(monkeypatch, "show_scan", (SCAN, STREAMS))
    shown = json.loads(run("show", KEY, "--json").out)
    assert shown["key"] == KEY
    assert [stream["name"] for stream in shown["streams"]] == ["ct01", "mca", "image"]
    assert shown["streams"][1]["last"] == list(range(1024))


@pytest.mark.parametrize(
    ("done", "words"), [(True, "is ready for blissdata now"), (False, "before")]
)
def test_init_db_says_what_it_did_without_the_password(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, done: bool, words: str
) -> None:
    (tmp_path / "config").write_text(f"password_file: {tmp_path}/password")
    (tmp_path / "password").write_text("geheim\n")
    calls = returns(monkeypatch, "initialise_database", done)
    arguments = ("init-db", "-u", "redis://:old@host", "--config", str(tmp_path / "config"))
    result = run(*arguments)
    assert calls == [("redis://:geheim@host",)]
    assert result.code == 0
    assert result.out.startswith("redis://:***@host ")
    assert words in result.out
    wanted = {"url": "redis://:***@host", "initialised": done}
    assert json.loads(run(*arguments, "--json").out) == wanted


def test_the_command_starts_without_tango_and_blisswriter() -> None:
    heavy = "{'tango', 'blisswriter', 'sardana', 'taurus'} & set(sys.modules)"
    program = f"import sys; import sardana_redis.cli; print({heavy})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("command", "package", "extra"),
    [
        (("nexus-writer",), "blisswriter", "nexus-writer"),
        (("device-server", "pool"), "tango", "macroserver"),
        (("device-server", "macroserver"), "sardana", "macroserver"),
        (("device-server", "spock"), "itango", "macroserver"),
        (("demo",), "databaseds", "local"),
        (("local",), "sardana", "local"),
    ],
)
def test_a_part_that_is_not_installed_ends_with_2_and_the_remedy(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], package: str, extra: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == package else find(name)
    )
    result = run(*command)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert f"needs {package}," in result.err
    assert f"pip install 'sardana-redis[{extra}]'" in result.err


@pytest.mark.parametrize("command", ["pool", "macroserver", "spock"])
def test_a_server_without_a_tango_database_is_told_how_to_name_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.delenv("TANGO_HOST", raising=False)
    result = run("device-server", command)
    assert (result.code, result.out) == (2, "")
    assert "set it to the Tango database, such as TANGO_HOST=tango:10000" in result.err


def test_the_tango_writer_without_tango_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(SystemExit) as exited:
        _tango_door.main()
    assert exited.value.code == 2
    assert "pip install 'sardana-redis[tango]'" in capsys.readouterr().err
