"""A commit that was begun is completed, whoever dies meanwhile.

The journal `.<name>.journal` holds the pages that a commit is about to change. It is only
there while the file is open for writing.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from sardana_redis.errors import FileRefusedError

__all__ = ["Journal", "committed_size"]

_MAGIC: Final = b"sardana-redis journal 1\n"
_HEAD: Final = struct.Struct(f"<{len(_MAGIC)}sQQI")  # magic, file size, pages, checksum
_PAGE: Final = struct.Struct("<QI")  # place and length of the bytes that follow

_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_LONGEST_HEAD: Final = 4096


class Journal:
    """The journal of the file at `path`. Methods may raise OSError.

    It `is_needed` while its pages may be only half in the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f".{path.name}.journal")
        self.is_needed = False

    def write(self, pages: Mapping[int, bytes], size: int, *, fsync: bool) -> None:
        """Holds the pages, by their places, and the file's size, on the disk."""
        body = b"".join(_PAGE.pack(place, len(page)) + page for place, page in pages.items())
        head = _HEAD.pack(_MAGIC, size, len(pages), zlib.crc32(body))
        is_new = not self.path.exists()
        try:
            with self.path.open("wb") as file:
                file.write(head + body)
                file.flush()
                if fsync:
                    os.fsync(file.fileno())
        except OSError:
            self.remove()
            raise
        if is_new and fsync:
            self.sync_folder()
        self.is_needed = True

    def apply(self, fd: int, pages: Mapping[int, bytes], size: int) -> None:
        """Writes the pages into the file; safe to repeat."""
        for place, page in pages.items():
            rest = memoryview(page)
            while rest:
                done = os.pwrite(fd, rest, place)
                rest, place = rest[done:], place + done  # noqa: PLW2901 - what is still to write
        os.ftruncate(fd, size)

    def recover(self, fd: int) -> None:
        """Completes the commit that was interrupted, if there is one."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        found = _parse(content)
        if found is not None:
            self.apply(fd, *found)
            os.fsync(fd)
        self.remove()

    def clear(self) -> None:
        """Makes it hold nothing: its pages are in the file."""
        self.is_needed = False
        with suppress(OSError):
            os.truncate(self.path, 0)

    def remove(self) -> None:
        """Removes it; raises nothing."""
        with suppress(OSError):
            self.path.unlink()

    def sync_folder(self) -> None:
        """Returns when the names in the folder are on the disk."""
        fd = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def committed_size(fd: int, path: Path) -> int:
    """The size of the HDF5 file, without what a killed process wrote behind its end.

    0 for a file that never became one; raises FileRefusedError for another kind of file.
    The end of the file stands in HDF5's superblock (HDF5 File Format Specification, II.A).
    """
    size = os.fstat(fd).st_size
    head = os.pread(fd, _LONGEST_HEAD, 0)
    if not any(head):
        return 0
    if not head.startswith(_SIGNATURE):
        if _has_user_block(fd, size):
            return size
        raise FileRefusedError(f"{path} is no HDF5 file")
    return min(size, _end_of_file(head) or size)


def _end_of_file(head: bytes) -> int | None:
    """What the superblock says; None where it is of a kind that h5py does not write."""
    version = head[8]
    place = {0: 40, 1: 44, 2: 28, 3: 28}.get(version)
    offset_bytes = head[13] if version < 2 else head[9]
    if place is None or offset_bytes != 8:
        return None
    end: int = struct.unpack_from("<Q", head, place)[0]
    return end


def _has_user_block(fd: int, size: int) -> bool:
    place = 512
    while place < size:
        if os.pread(fd, len(_SIGNATURE), place) == _SIGNATURE:
            return True
        place *= 2
    return False


def _parse(content: bytes) -> tuple[dict[int, bytes], int] | None:
    """The pages and the file's size; None for a journal that was not written to its end."""
    if len(content) < _HEAD.size:
        return None
    magic, size, count, checksum = _HEAD.unpack_from(content)
    body = memoryview(content)[_HEAD.size :]
    if magic != _MAGIC or zlib.crc32(body) != checksum:
        return None
    pages: dict[int, bytes] = {}
    at = 0
    for _ in range(count):
        place, length = _PAGE.unpack_from(body, at)
        at += _PAGE.size
        pages[place] = bytes(body[at : at + length])
        at += length
    return pages, size
