"""A client of a Door, where the Door itself is not Sardana's."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sardana_redis.device_server import Door
from sardana_redis.errors import ControlSystemError
from sardana_redis.local._ports import HOST, free_port


def door_at(port: int) -> Door:
    return Door(f"{HOST}:{port}", "door/late/1#dbase=no", macroserver="none/none/1")


@pytest.fixture
def late_port() -> Iterator[int]:
    """Where a Door listens, from 2 s after now on."""
    port = free_port()
    words = [sys.executable, "-m", "tests.unit.device_server.late_door", str(port)]
    server = subprocess.Popen(words)
    yield port
    server.kill()
    server.wait()


def test_a_door_that_cannot_be_reached_yet_is_waited_for(late_port: int) -> None:
    run = door_at(late_port).run("good", "morning")
    assert run.state == "ON"
    assert run.text("output") == "good\nmorning"


def test_a_door_that_is_let_go_in_mid_macro_ends_its_subscriptions_at_once(
    late_port: int,
) -> None:
    door = door_at(late_port)
    door.start("good", "morning")
    assert door._macro is not None
    proxy = door._macro._proxy
    assert len(proxy._subscribed_events) == 6
    gc.disable()  # no cycle keeps it, which would be found at any moment, in any thread
    try:
        del door
        assert len(proxy._subscribed_events) == 0
    finally:
        gc.enable()


def test_a_door_that_is_not_there_is_told() -> None:
    with pytest.raises(
        ControlSystemError, match=r"door/late/1\S* does not answer: .*ConnectFailed"
    ):
        door_at(free_port()).start("ascan")
