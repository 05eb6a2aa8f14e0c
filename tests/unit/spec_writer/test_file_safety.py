"""A SPEC file on a disk that fails, and what is no file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sardana_redis.spec_writer._file import SpecFile


def _no_room(_fd: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_an_earlier_process_wrote_is_synced_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    path = tmp_path / "a.dat"
    path.write_bytes(b"of a process that was killed\n")
    file = SpecFile(path)
    file.sync()
    assert synced
    file.close()


def test_rows_that_the_disk_refused_at_the_sync_are_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.dat"
    file = SpecFile(path)
    file.append(b"safe\n")
    file.sync()
    file.append(b"never on the disk\n")
    monkeypatch.setattr(os, "fsync", _no_room)
    with pytest.raises(OSError, match="No space"):
        file.sync()
    file.close()
    assert path.read_bytes() == b"safe\n"


def test_what_others_wrote_meanwhile_is_never_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.dat"
    file = SpecFile(path)
    file.append(b"ours\n")
    with path.open("ab") as other:
        other.write(b"theirs\n")
    monkeypatch.setattr(os, "fsync", _no_room)
    with pytest.raises(OSError, match="No space"):
        file.sync()
    file.close()
    assert path.read_bytes() == b"ours\ntheirs\n"


@pytest.mark.parametrize("kind", ["fifo", "device", "directory"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.dat"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("/dev/null")
    with pytest.raises(OSError, match=r"regular file|Is a directory"):
        SpecFile(path)


def test_an_error_at_the_close_raises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SpecFile(tmp_path / "a.dat")
    descriptor = file._fd
    with monkeypatch.context() as patch:
        patch.setattr(os, "close", _no_room)
        file.close()
    os.close(descriptor)
