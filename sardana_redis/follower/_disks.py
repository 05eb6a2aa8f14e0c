"""How much room there is where a writer writes, looked at from a thread of its own.

A file server that hangs keeps `statvfs` for ever: that must not keep the writer from other files.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Final

from sardana_redis.vitals import Disk

__all__ = ["Disks", "root_of"]

_PERIOD_SECONDS: Final = 2.0
_BELIEVED_SECONDS: Final = 10.0
_MOST_FOLDERS: Final = 8


class Disks:
    """The file systems of the last few folders. Any thread may call `note` and `known`."""

    def __init__(self, *, period_seconds: float = _PERIOD_SECONDS) -> None:
        self._period_seconds = period_seconds
        self._folders: OrderedDict[Path, None] = OrderedDict()
        self._seen: dict[str, tuple[Disk, float]] = {}
        self._lock = threading.Lock()
        self._bell = threading.Event()
        self._is_over = False
        self._thread: threading.Thread | None = None

    def note(self, folder: Path) -> None:
        """Has the file system of that folder looked at from now on; waits for nothing."""
        with self._lock:
            is_new = folder not in self._folders
            self._folders[folder] = None
            self._folders.move_to_end(folder)
            if len(self._folders) > _MOST_FOLDERS:
                self._folders.popitem(last=False)
        if is_new:
            self._bell.set()
        if self._thread is None:
            # A daemon: a file server that hangs must not keep the writer from its end.
            self._thread = threading.Thread(target=self._run, name="disks", daemon=True)
            self._thread.start()

    def known(self) -> tuple[Disk, ...]:
        """What was seen within the last 10 s."""
        oldest = time.monotonic() - _BELIEVED_SECONDS
        with self._lock:
            return tuple(disk for disk, when in self._seen.values() if when >= oldest)

    def stop(self) -> None:
        """Ends the thread as soon as it can."""
        self._is_over = True
        self._bell.set()

    def _run(self) -> None:
        while not self._is_over:
            self._bell.clear()
            with self._lock:
                folders = tuple(self._folders)
            for folder in folders:
                self._look(folder)
            self._bell.wait(self._period_seconds)

    def _look(self, folder: Path) -> None:
        try:
            root = root_of(folder)
            facts = os.statvfs(root)
        except OSError:
            return  # the writer itself meets what is wrong there, and says so
        disk = Disk(str(root), facts.f_bavail * facts.f_frsize)
        with self._lock:
            self._seen[disk.root] = disk, time.monotonic()
            while len(self._seen) > _MOST_FOLDERS:
                del self._seen[min(self._seen, key=lambda name: self._seen[name][1])]


def root_of(folder: Path) -> Path:
    """The highest folder above it, as it is spelled, on the same file system; never `/` itself.

    A folder that does not exist has that of the nearest one that does. May raise OSError.
    """
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    device = folder.stat().st_dev
    while folder.parent != folder.parent.parent and folder.parent.stat().st_dev == device:
        folder = folder.parent
    return folder
