"""A SPEC file on the disk: locked, never left with half a line, continued where it ended.

What is in the file decides where the writing goes on, not what this process remembers: so a
restart at any moment, a rotation and a second writer all come down to opening the file.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sardana_redis.errors import FileChangedError
from sardana_redis.log import get_logger
from sardana_redis.spec_writer._block import Block, earlier_line, find_block, torn_header_length
from sardana_redis.spec_writer._key import KEY_LINE

__all__ = ["Place", "SpecFile"]

_log = get_logger("sardana_redis.spec_writer")

_OPEN_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
"""What a file system without locks, as a Lustre without its option `flock`, answers."""


class Place:
    """Where a scan stands in its file: `points` are there, `lost` of them in gap lines only."""

    __slots__ = ("is_complete", "lost", "points")

    def __init__(self, points: int = 0, lost: int = 0, *, is_complete: bool = False) -> None:
        self.points = points
        self.lost = lost
        self.is_complete = is_complete


class SpecFile:
    """An open SPEC file, ours alone among writers as long as it is open.

    Every method may raise OSError: the file then ends as it did before, in a whole line. Its
    folder has to be there. `size` is the file's size in bytes.
    """

    def __init__(self, path: Path, *, fsync: bool = True) -> None:
        self.path = path
        self._fsync = fsync
        self._is_new_entry = not path.exists()
        self._fd = os.open(path, _OPEN_FLAGS, 0o666)
        try:
            self._require_regular()
            self._lock()
            self.size = os.fstat(self._fd).st_size
            self._keys = self._keys_in_file()
        except BaseException:
            os.close(self._fd)
            raise
        # Who wrote what we find may have been killed before it was on the disk.
        self.is_dirty = self.size > 0
        self._must_sync_folder = True
        self._safe_size = self.size

    def place(self, key: str, first_header: bytes, header: bytes) -> Place:
        """Finds or begins the scan's block and returns where to go on.

        `header` begins the block, `first_header` a file that is empty. What a torn write left
        behind the last whole point, or of a torn header, is cut off.
        """
        self._require_unchanged()
        block = self._block(key) if key in self._keys else None
        if block is not None and (block.is_complete or block.is_last):
            if not block.is_complete:
                self._cut(self.size - block.keep)
            return Place(block.points, block.lost, is_complete=block.is_complete)
        if block is not None:  # somebody wrote another scan behind the unfinished block
            header += earlier_line(block.points)
        self._begin(first_header + header, header)
        self._keys.add(key)
        return Place() if block is None else Place(block.points, block.lost)

    def append(self, text: bytes) -> None:
        """Writes whole lines at the end; all of them or, with an OSError, none."""
        self._require_unchanged()
        begin = self.size
        rest = memoryview(text)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, begin)
            raise
        self.size = begin + len(text)
        self.is_dirty = True

    def sync(self) -> None:
        """Returns when all that was written, or was found, is on the disk.

        Where that fails, what this process wrote since the last time is cut off again: the
        kernel tells such a failure once, and takes the same pages for written afterwards.
        """
        if not self.is_dirty:
            return
        if self._fsync:
            try:
                self._sync_file()
            except OSError:
                with suppress(OSError, FileChangedError):
                    self._require_unchanged()
                    self._cut(max(0, self.size - self._safe_size))
                raise
        self._is_new_entry = False
        self._safe_size = self.size
        self.is_dirty = False

    def close(self) -> None:
        """Closes the file and gives up its lock; one that stayed empty is removed again."""
        with suppress(OSError):
            if self._is_new_entry and self._is_ours() and os.fstat(self._fd).st_size == 0:
                self.path.unlink()
        with suppress(OSError):  # NFS tells here what it could not write; it is closed then
            os.close(self._fd)

    def _sync_file(self) -> None:
        os.fsync(self._fd)
        if self._must_sync_folder:
            _sync_folder(self.path.resolve().parent)
            self._must_sync_folder = False

    def _require_regular(self) -> None:
        """Raises OSError for a pipe or a device, on which a write may wait for ever."""
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")

    def _begin(self, whole: bytes, header: bytes) -> None:
        """Writes the header, the file's own one before it where the file is empty."""
        if self.size < len(whole):
            self._cut(torn_header_length(self._tail(len(whole)), whole))
        if self.size:
            self._cut(torn_header_length(self._tail(len(header)), header))
        begin = header if self.size else whole
        if self.size and self._tail(1) != b"\n":
            begin = b"\n" + begin
        self.append(begin)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(error.errno, "another process has locked it") from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            _log.warning("file system has no locks", path=str(self.path), reason=error.strerror)

    def _require_unchanged(self) -> None:
        if not self._is_ours():
            raise FileChangedError(f"{self.path} was moved or removed")
        if os.fstat(self._fd).st_size != self.size:
            raise FileChangedError(f"somebody else wrote into {self.path}")

    def _is_ours(self) -> bool:
        """Whether the file at the path is still the one that is open."""
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        ours = os.fstat(self._fd)
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def _cut(self, length: int) -> None:
        if length:
            os.ftruncate(self._fd, self.size - length)
            self.size -= length
            self.is_dirty = True

    def _tail(self, length: int) -> bytes:
        begin = max(0, self.size - length)
        return os.pread(self._fd, self.size - begin, begin)

    def _block(self, key: str) -> Block | None:
        with self._mapped() as content:
            return find_block(content, key)

    @contextmanager
    def _mapped(self) -> Iterator[mmap.mmap | bytes]:
        if not self.size:
            yield b""
            return
        with mmap.mmap(self._fd, self.size, access=mmap.ACCESS_READ) as content:
            yield content

    def _keys_in_file(self) -> set[str]:
        """The keys of all scans in the file, from one pass over it."""
        keys: set[str] = set()
        with self._mapped() as content:
            at = content.find(KEY_LINE)
            while at >= 0:
                begin = at + len(KEY_LINE)
                end = content.find(b"\n", begin)
                words = content[begin : end if end >= 0 else len(content)].split()
                keys.update(word.decode(errors="replace") for word in words[:1])
                at = content.find(KEY_LINE, begin)
        return keys


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
