"""The NeXus file that scans are written into."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from sardana_redis.errors import FileChangedError, FileRefusedError
from sardana_redis.nexus import KEY_ATTRIBUTE, STATUS, SUCCEEDED, entry_name
from sardana_redis.nexus_writer._disk import Disk

__all__ = ["WRITER_NAME", "NexusFile", "Place"]

WRITER_NAME = "sardana-redis nexus-writer"
"""Stands in `writer/name` of each entry that we completed."""

_EARLIER = ".{}.earlier"
_H5PY_ERRORS = (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError)
"""What h5py raises, beside OSError, for what it cannot read or write."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a scan belongs: the `part` of its number, in which it `is_complete` or not.

    `earlier` is the name of what a process that was killed wrote of the scan, if anything.
    """

    part: int
    is_complete: bool = False
    earlier: str | None = None


class NexusFile:
    """An open NeXus file, ours alone as long as it is open.

    Every method may raise OSError, FileRefusedError or FileChangedError: the file then is
    as it was at the last `sync`, and can only be closed.
    """

    def __init__(self, path: Path, *, fsync: bool = True) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._disk = Disk(path, fsync=fsync)
        self._is_broken = False
        self._tree: Any = None
        try:
            with self.tree(), _quietly_named(path):
                mode = "w" if self._disk.is_empty else "r+"
                self._tree = h5py.File(self._disk, mode, track_order=True)
        except BaseException:
            self._disk.release()
            raise

    @contextmanager
    def tree(self) -> Iterator[Any]:
        """The open h5py.File, to be read and changed within; errors of the disk come out."""
        try:
            yield self._tree
        except OSError as error:
            self._is_broken = True
            raise self._disk.error or error from None
        except _H5PY_ERRORS as error:
            self._is_broken = True
            raise self._disk.error or FileRefusedError(
                f"{type(error).__name__}: {error}"
            ) from error
        except BaseException:
            self._is_broken = True
            raise
        if self._disk.error is not None:
            self._is_broken = True
            raise self._disk.error

    def place(self, key: str, number: int, part: int) -> Place:
        """Finds or makes the place of a scan; what is there of it unfinished is set aside."""
        with self.tree() as tree:
            while (name := entry_name(number, part)) in tree:
                if _key_of(tree.get(name)) == key:
                    return self._taken(tree, name, part)
                part += 1
            earlier = _EARLIER.format(name)
            return Place(part, earlier=earlier if earlier in tree else None)

    def remove(self, name: str) -> None:
        """Removes an item of the root."""
        with self.tree() as tree:
            del tree[name]

    def sync(self) -> None:
        """Returns when all that was written is on the disk."""
        if not self._disk.is_ours():
            self._is_broken = True
            raise FileChangedError(f"{self.path} was moved or removed")
        with self.tree() as tree:
            tree.flush()
            self._disk.commit()

    def close(self) -> None:
        """Closes the file and gives up its lock; what an error left half done is forgotten."""
        with suppress(OSError, *_H5PY_ERRORS):
            self._tree.close()
            if not self._is_broken:
                self._disk.commit()
        self._disk.release()

    def _taken(self, tree: Any, name: str, part: int) -> Place:
        if _is_complete(tree[name]):
            return Place(part, is_complete=True)
        earlier = _EARLIER.format(name)
        if earlier in tree:
            del tree[name]  # killed again before it was as far as the first time
        else:
            tree.move(name, earlier)
        return Place(part, earlier=earlier)


@contextmanager
def _quietly_named(path: Path) -> Iterator[None]:
    """Gives h5py's errors, which know only an object of ours, the name of the file."""
    try:
        yield
    except OSError as error:
        raise FileRefusedError(f"{path} cannot be opened: {error}") from error


def _key_of(entry: Any) -> str | None:
    return None if entry is None else entry.attrs.get(KEY_ATTRIBUTE)


def _is_complete(entry: Any) -> bool:
    found = [entry.get(f"writer/{name}") for name in (STATUS, "name")]
    if not all(isinstance(item, h5py.Dataset) for item in found):
        return False
    return [item.asstr()[()] for item in found] == [SUCCEEDED, WRITER_NAME]
