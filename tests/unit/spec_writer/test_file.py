"""SPEC files on the disk: where the writing goes on, and what never stays in them."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from sardana_redis.errors import FileChangedError
from sardana_redis.spec_writer import _file
from sardana_redis.spec_writer._file import SpecFile
from sardana_redis.spec_writer._header import file_header, scan_header
from sardana_redis.spec_writer._layout import make_layout

from ._scans import KEY, POINT, STANDARD, make_scan, stream

OTHER = b"\n#S 9 ascan\n#D Thu Dec 21 17:14:26 2023\n#N 1\n#L a\n1\n2\n"


class Scan:
    """A scan's texts, and its place in a file that is opened for a moment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        layout = make_layout(make_scan([stream(POINT, "int64"), stream("a")]))
        self.first = file_header(layout, str(path), STANDARD)
        self.header = scan_header(layout, STANDARD)

    def write(self, text: bytes = b"") -> tuple[int, int, bool]:
        file = SpecFile(self.path)
        try:
            place = file.place(KEY, self.first, self.header)
            if text:
                file.append(text)
            file.sync()
            return place.points, place.lost, place.is_complete
        finally:
            file.close()


@pytest.fixture
def scan(tmp_path: Path) -> Scan:
    return Scan(tmp_path / "a.dat")


def test_a_new_file_gets_its_header_once(scan: Scan) -> None:
    assert scan.write(b"0 1\n") == (0, 0, False)
    assert scan.write(b"1 2\n") == (1, 0, False)
    assert scan.path.read_bytes() == scan.first + scan.header + b"0 1\n1 2\n"


def test_a_torn_line_is_cut_off(scan: Scan) -> None:
    scan.write(b"0 1\n1 2\n2")
    assert scan.write() == (2, 0, False)
    assert scan.path.read_bytes().endswith(b"\n0 1\n1 2\n")


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_torn_header_is_written_again(scan: Scan, cut: int) -> None:
    whole = scan.first + scan.header
    scan.path.write_bytes(whole[:-cut])
    scan.write()
    assert scan.path.read_bytes() == whole
    scan.path.write_bytes(OTHER[1:] + scan.header[:cut])
    scan.write()
    assert scan.path.read_bytes() == OTHER[1:] + scan.header


def test_a_file_whose_last_line_has_no_end_gets_one(scan: Scan) -> None:
    scan.path.write_bytes(OTHER[1:-1])
    scan.write()
    assert scan.path.read_bytes() == OTHER[1:] + scan.header


def test_an_unfinished_scan_behind_which_others_wrote_goes_on_in_a_block_of_its_own(
    scan: Scan,
) -> None:
    scan.write(b"0 1\n1 2\n")
    with scan.path.open("ab") as file:
        file.write(OTHER)
    before = scan.path.read_bytes()
    assert scan.write(b"2 3\n") == (2, 0, False)
    assert scan.path.read_bytes().startswith(before + scan.header)
    assert scan.write(b"3 4\n") == (3, 0, False)
    assert scan.path.read_bytes().endswith(b"2 3\n3 4\n")


def test_a_finished_scan_is_left_alone(scan: Scan) -> None:
    scan.write(b"0 1\n#C Acquisition ended at noon\n")
    before = scan.path.read_bytes()
    assert scan.write() == (1, 0, True)
    assert scan.path.read_bytes() == before


def test_a_file_that_stayed_empty_is_removed(scan: Scan) -> None:
    SpecFile(scan.path).close()
    assert not scan.path.exists()
    scan.path.touch()
    SpecFile(scan.path).close()
    assert scan.path.exists()


@pytest.mark.parametrize("how", ["removed", "replaced", "longer"])
def test_what_others_do_to_an_open_file_is_noticed(scan: Scan, how: str) -> None:
    file = SpecFile(scan.path)
    file.place(KEY, scan.first, scan.header)
    try:
        if how == "longer":
            with scan.path.open("ab") as other:
                other.write(b"#C hello\n")
        else:
            scan.path.unlink()
            if how == "replaced":
                scan.path.write_bytes(OTHER)
        with pytest.raises(FileChangedError):
            file.append(b"0 1\n")
    finally:
        file.close()


def test_a_write_that_fails_half_way_leaves_whole_lines(
    scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SpecFile(scan.path)
    file.place(KEY, scan.first, scan.header)
    before = scan.path.read_bytes()
    write, calls = os.write, []

    def half(fd: int, data: memoryview) -> int:
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data[: len(data) // 2])

    monkeypatch.setattr(_file.os, "write", half)
    with pytest.raises(OSError, match="No space left"):
        file.append(b"0 1\n1 2\n2 3\n")
    monkeypatch.undo()
    assert scan.path.read_bytes() == before
    file.append(b"0 1\n")
    file.close()
    assert scan.path.read_bytes() == before + b"0 1\n"


def test_a_file_that_somebody_has_locked_is_refused_with_the_reason(scan: Scan) -> None:
    with scan.path.open("wb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError, match="another process has locked it"):
            SpecFile(scan.path)


def test_a_file_system_without_locks_is_used_all_the_same(
    scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(_file.fcntl, "flock", refuse)
    assert scan.write(b"0 1\n") == (0, 0, False)
