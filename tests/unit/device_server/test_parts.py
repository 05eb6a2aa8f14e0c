"""Small parts: quoting for Sardana's environment, spock's profile, programs and folders."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sardana_redis.device_server import (
    as_sardana_reads,
    find_script,
    room_folders,
    spock_command,
    write_spock_profile,
)
from sardana_redis.errors import ProgramMissingError


@pytest.mark.parametrize(
    ("value", "expected"), [("123", "'123'"), ("a'b", '"a\'b"'), (123, 123), (["1"], ["1"])]
)
def test_texts_are_quoted_for_sardana_which_evaluates_them(value: object, expected: object) -> None:
    assert as_sardana_reads(value) == expected


def test_spocks_profile_names_the_door(tmp_path: Path) -> None:
    door = "tango://127.0.0.1:1/door/demo/1"
    write_spock_profile(tmp_path, door=door, macroserver="tango://127.0.0.1:1/m/demo/1")
    content = (tmp_path / "profile_spockdoor" / "ipython_config.py").read_text(encoding="utf-8")
    compile(content, "ipython_config.py", "exec")
    assert f"# door_name = {door}\n" in content
    line = spock_command(tmp_path, "127.0.0.1:1", Path("/bin/spock"))
    assert line == f"TANGO_HOST=127.0.0.1:1 IPYTHONDIR={tmp_path} /bin/spock"


def test_folders_of_rooms_that_there_are_not_are_left_out() -> None:
    (folder,) = room_folders("local.capture", "no_such_room")
    assert (folder / "capture_recorder.py").exists()


def test_finds_a_script_beside_our_python() -> None:
    assert find_script("Pool", "sardana") == Path(sys.executable).with_name("Pool")


def test_finds_a_script_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "only-on-path"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_script("only-on-path", "somewhere") == program


def test_names_the_package_of_a_missing_script() -> None:
    with pytest.raises(ProgramMissingError, match="`pip install pytango-db`"):
        find_script("NoSuchProgram", "pytango-db")
