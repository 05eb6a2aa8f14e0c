"""A client of a Door, where the Door itself is not Sardana's."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sardana_redis.device_server import Door
from sardana_redis.errors import ControlSystemError
from sardana_redis.local._ports import HOST, free_port


def door_at(port: int) -> Door:
    return Door(f"{HOST}:{port}", "door/late/1#dbase=no", macroserver="none/none/1")


def test_a_door_that_cannot_be_reached_yet_is_waited_for() -> None:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.device_server.late_door", str(port)]
    )
    try:
        run = door_at(port).run("good", "morning")
    finally:
        server.kill()
        server.wait()
    assert run.state == "ON"
    assert run.text("output") == "good\nmorning"


def test_a_door_that_is_not_there_is_told() -> None:
    with pytest.raises(
        ControlSystemError, match=r"door/late/1\S* does not answer: .*ConnectFailed"
    ):
        door_at(free_port()).start("ascan")
