"""The bytes of an HDF5 file, of which the disk has a whole state at any moment.

HDF5 changes its metadata in place, so that a process killed while it writes leaves a file
that nobody can open, with all scans in it. Here what was there at the last commit stays as
it is until the next one: changes to it wait in memory, new bytes go behind it at once. A
commit writes the changes into a journal beside the file first, from which whoever opens the
file next completes a commit that was interrupted.

An error of the disk is remembered, never raised into HDF5, which does not survive it.
"""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from sardana_redis.nexus_writer._journal import Journal, committed_size
from sardana_redis.nexus_writer._lock import lock

__all__ = ["Disk"]

_PAGE = 4096


class Disk(io.RawIOBase):
    """A file for h5py to write into, locked; `commit` makes what was written its state.

    Opening it may raise OSError. `error` is what the disk refused since then.
    """

    def __init__(self, path: Path, *, fsync: bool = True) -> None:
        super().__init__()
        self.path = path
        self.error: OSError | None = None
        self._fsync = fsync
        self._is_new = not path.exists()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._journal = Journal(path)
        try:
            lock(self._fd, path)
            self._journal.recover(self._fd)
            self._size = self._committed = committed_size(self._fd, path)
            # Somebody may have made it between our look and our lock.
            self._is_new = self._is_new and self._size == 0
        except BaseException:
            os.close(self._fd)
            raise
        self._place = 0
        self._pages: dict[int, bytearray] = {}
        self._is_dirty = False

    @property
    def is_empty(self) -> bool:
        """Whether there is no HDF5 file yet."""
        return self._size == 0

    def is_ours(self) -> bool:
        """Whether the file at the path is still the one that is open."""
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        ours = os.fstat(self._fd)
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def commit(self) -> None:
        """Returns when all that was written is on the disk. May raise OSError."""
        if self.error is not None:
            raise self.error
        if not self._is_dirty:
            return
        self._sync()
        if self._pages:
            pages = {number * _PAGE: bytes(page) for number, page in self._pages.items()}
            self._journal.write(pages, self._size, fsync=self._fsync)
            self._journal.apply(self._fd, pages, self._size)
            self._sync()
            self._journal.clear()
        self._pages.clear()
        self._committed = self._size
        self._is_dirty = False
        if self._is_new and self._fsync:
            self._journal.sync_folder()
        self._is_new = False

    def release(self) -> None:
        """Closes the file, as it was at the last commit; raises nothing."""
        if not self._journal.is_needed:
            with suppress(OSError):
                if self._is_new and self.is_ours():
                    self.path.unlink()
                elif self._is_dirty:
                    os.ftruncate(self._fd, self._committed)
            self._journal.remove()
        os.close(self._fd)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """The new place, as for any file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = base + offset
        return self._place

    def tell(self) -> int:
        """The place of the next byte."""
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer; what was never written is zero."""
        view = memoryview(buffer).cast("B")
        begin, end = self._place, self._place + len(view)
        self._read_disk(view, begin)
        for number in range(begin // _PAGE, -(-end // _PAGE)) if self._pages else ():
            page = self._pages.get(number)
            if page is not None:
                first = max(begin, number * _PAGE)
                last = min(end, (number + 1) * _PAGE)
                inner = first - number * _PAGE
                view[first - begin : last - begin] = page[inner : inner + last - first]
        self._place = end
        return len(view)

    def write(self, buffer: Any) -> int:
        """Takes all of the buffer."""
        view = memoryview(buffer).cast("B")
        begin, end = self._place, self._place + len(view)
        border = min(max(begin, self._border), end)
        self._into_pages(view[: border - begin], begin)
        try:
            self._write_disk(view[border - begin :], border)
        except OSError as error:
            self.error = self.error or error
            self._into_pages(view[border - begin :], border)  # HDF5 may want it back
        self._place = end
        self._size = max(self._size, end)
        self._is_dirty = True
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Makes the file end there."""
        before = self._size
        self._size = self._place if size is None else size
        self._is_dirty = True
        waiting = min(before, self._border) - self._size
        if waiting > 0:  # what is cut off here must not come back when the file grows again
            self._into_pages(memoryview(bytes(waiting)), self._size)
        if self._size >= self._border:
            try:
                os.ftruncate(self._fd, self._size)
            except OSError as error:
                self.error = self.error or error
        return self._size

    def flush(self) -> None:
        """Does nothing: only a commit counts."""

    @property
    def _border(self) -> int:
        """Where the bytes begin that nobody counts on, at the edge of a page.

        The first page always waits: it makes HDF5 of the file.
        """
        return max(1, -(-self._committed // _PAGE)) * _PAGE

    def _into_pages(self, view: memoryview, begin: int) -> None:
        at = 0
        while at < len(view):
            number, inner = divmod(begin + at, _PAGE)
            length = min(_PAGE - inner, len(view) - at)
            page = self._pages.get(number)
            if page is None:
                page = self._pages[number] = bytearray(_PAGE)
                if length < _PAGE:
                    self._read_disk(memoryview(page), number * _PAGE)
            page[inner : inner + length] = view[at : at + length]
            at += length

    def _read_disk(self, view: memoryview, begin: int) -> None:
        at = 0
        try:
            while at < len(view):
                got = os.preadv(self._fd, [view[at:]], begin + at)
                if not got:
                    break
                at += got
        except OSError as error:
            self.error = self.error or error
        view[at:] = bytes(len(view) - at)

    def _write_disk(self, view: memoryview, begin: int) -> None:
        while view:
            done = os.pwrite(self._fd, view, begin)
            view = view[done:]
            begin += done

    def _sync(self) -> None:
        if self._fsync:
            os.fsync(self._fd)
