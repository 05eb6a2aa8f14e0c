"""HDF5's own lock on a file, and who holds it."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

__all__ = ["lock"]

_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)


def lock(fd: int, path: Path) -> None:
    """Locks the file for us alone, as HDF5 does it (flock); raises BlockingIOError if it cannot.

    Nothing happens on a file system that has no locks.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holders = _holders(os.fstat(fd))
        who = ", ".join(holders) or "another process"
        raise BlockingIOError(error.errno, f"it is opened by {who}", str(path)) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def _holders(status: os.stat_result) -> list[str]:
    """The processes of this machine that have a lock on the file, with their names."""
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    pids = {item[4] for item in words if len(item) > 5 and item[5] == device and item[1] != "->"}
    return [f"process {pid}{_name(pid)}" for pid in sorted(pids)]


def _name(pid: str) -> str:
    try:
        return f" ({Path(f'/proc/{pid}/comm').read_text(encoding='utf-8').strip()})"
    except (OSError, UnicodeDecodeError):
        return ""
