"""The room on a writer's disks, looked at from a thread of its own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sardana_redis.follower import _disks
from sardana_redis.follower._disks import Disks, root_of
from sardana_redis.vitals import Disk


@pytest.fixture
def disks() -> Iterator[Disks]:
    made = Disks(period_seconds=0.01)
    yield made
    made.stop()


def eventually_known(disks: Disks) -> tuple[Disk, ...]:
    deadline = time.monotonic() + 10
    while not (found := disks.known()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return found


def test_folders_of_one_file_system_are_one_disk(disks: Disks, tmp_path: Path) -> None:
    disks.note(tmp_path / "a")
    disks.note(tmp_path / "b" / "c")
    time.sleep(0.1)
    (disk,) = eventually_known(disks)
    assert tmp_path.is_relative_to(disk.root)
    assert disk.root != "/"
    facts = os.statvfs(tmp_path)
    assert abs(disk.free_bytes - facts.f_bavail * facts.f_frsize) < 2**33


def test_a_folder_that_is_not_there_has_the_disk_of_the_nearest_one(tmp_path: Path) -> None:
    assert root_of(tmp_path / "not" / "there") == root_of(tmp_path)


def test_a_link_keeps_its_own_name(tmp_path: Path) -> None:
    """Scans spell their files with links; what is known of `/proc` must be found under the link."""
    link = tmp_path / "link"
    link.symlink_to("/proc")
    assert root_of(link / "self") in (link, link / "self")


def test_a_file_server_that_hangs_keeps_nobody(
    disks: Disks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_free = threading.Event()

    def hang(_folder: Path) -> Path:
        is_free.wait(30)
        raise OSError

    monkeypatch.setattr(_disks, "root_of", hang)
    began = time.monotonic()
    disks.note(tmp_path)
    assert disks.known() == ()
    disks.stop()
    assert time.monotonic() - began < 5
    is_free.set()


def test_what_was_seen_long_ago_is_not_told(
    disks: Disks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disks.note(tmp_path)
    eventually_known(disks)
    disks.stop()
    later = time.monotonic() + 60
    monkeypatch.setattr(_disks.time, "monotonic", lambda: later)
    assert disks.known() == ()
