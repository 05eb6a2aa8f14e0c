"""What of a NeXus file can be read while its writer is at it."""

from __future__ import annotations

from pathlib import Path

import h5py


def ended_points(path: Path, column: str) -> dict[str, int]:
    """Entry -> points of a column, of the scans that have ended; empty while there is no file."""
    try:
        with h5py.File(path, locking=False) as file:
            ended = {name: entry for name, entry in file.items() if "end_reason" in entry}
            return {name: len(entry[f"measurement/{column}"]) for name, entry in ended.items()}
    except (OSError, KeyError):  # not there, or in the middle of a write
        return {}
