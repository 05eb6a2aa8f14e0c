"""Sardana's environment lies on a disk that stays, or the MacroServer does not run."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from sardana_redis.device_server._environment_db import (
    check_environment_db,
    confirm_environment_db,
    environment_db,
    forget_fallback,
)
from sardana_redis.device_server._errands import missing_variables
from sardana_redis.errors import BadInputError

NAME = "macroserver/demo/1"


class Database:
    """The one property, as pytango's Database gives it."""

    def __init__(self, *place: str) -> None:
        self.place = list(place)

    def get_device_property(self, _device: str, name: str) -> dict[str, list[str]]:
        return {name: self.place}

    def put_device_property(self, _device: str, values: dict[str, Any]) -> None:
        self.place = values["EnvironmentDb"]

    def delete_device_property(self, _device: str, _name: str) -> None:
        self.place = []


def test_the_folder_is_made(tmp_path: Path) -> None:
    check_environment_db(str(tmp_path / "a" / "b" / "environment"))
    assert (tmp_path / "a" / "b").is_dir()


def test_a_redis_is_no_folder() -> None:
    check_environment_db("redis://somewhere:6379")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BadInputError, match="Mount a writable volume there"):
        check_environment_db(str(tmp_path / "environment"))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInputError, match="its folder cannot be made"):
        check_environment_db(str(tmp_path / "file" / "environment"))


def test_what_sardana_chose_by_itself_is_forgotten() -> None:
    database = Database(f"{tempfile.mkdtemp()}/macroserver.properties")
    Path(database.place[0]).parent.rmdir()
    forget_fallback(database, NAME)
    assert environment_db(database, NAME) is None


def test_what_a_person_chose_stays() -> None:
    database = Database("/home/operator/environment")
    forget_fallback(database, NAME)
    confirm_environment_db(database, NAME, "/home/operator/environment")
    assert environment_db(database, NAME) == "/home/operator/environment"


def test_a_silent_move_to_tmp_ends_the_server_and_is_undone() -> None:
    database = Database(f"{tempfile.gettempdir()}/tmpx/macroserver.properties")
    with pytest.raises(BadInputError, match=r"/data/environment cannot be used.* went to"):
        confirm_environment_db(database, NAME, "/data/environment")
    assert database.place == ["/data/environment"]


def test_only_variables_that_are_missing_are_set() -> None:
    found = {"ScanDir": "/theirs", "door/demo/1.ScanFile": "a"}
    wanted = {"ScanDir": "/ours", "ScanFile": ["b"]}
    assert missing_variables(found, wanted) == {"ScanFile": ["b"]}
