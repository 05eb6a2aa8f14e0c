"""Folders in a property: those that somebody put there stay, ours are always among them."""

from __future__ import annotations

import threading
import time

import pytest

from sardana_redis.device_server._registry import merged_folders, wait_for_database
from sardana_redis.local._ports import free_port

OURS = "/opt/sardana-redis/lib/python3.11/site-packages/sardana_redis/recorder"
OLDER = "/opt/old/lib/python3.10/site-packages/sardana_redis/recorder"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], [OURS]),
        ([OURS], [OURS]),
        (["/theirs"], ["/theirs", OURS]),
        ([OURS, "/theirs"], [OURS, "/theirs"]),
        ([OLDER, "/theirs"], ["/theirs", OURS]),
        (["/theirs/sardana_redis/macros"], ["/theirs/sardana_redis/macros", OURS]),
    ],
)
def test_our_folder_is_added_and_an_earlier_installations_goes(
    found: list[str], expected: list[str]
) -> None:
    assert merged_folders(found, [OURS]) == expected


def test_nothing_of_ours_leaves_what_is_there() -> None:
    assert merged_folders(["/theirs", "/theirs"], []) == ["/theirs", "/theirs"]


def test_the_wait_for_a_database_ends_when_told_to() -> None:
    stop = threading.Event()
    found: list[object] = []
    host = f"127.0.0.1:{free_port()}"
    thread = threading.Thread(target=lambda: found.append(wait_for_database(host, stop)))
    thread.start()
    time.sleep(0.1)
    assert not found
    stop.set()
    thread.join(20)
    assert found == [None]
