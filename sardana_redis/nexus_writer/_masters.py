"""Files that only link to the entries of scans in files of their own."""

from __future__ import annotations

from pathlib import Path

from sardana_redis.model import Info
from sardana_redis.nexus import linking_tree, masters_of
from sardana_redis.nexus_writer._blisswriter import BlissWriter
from sardana_redis.nexus_writer._file import NexusFile

__all__ = ["link_masters"]


def link_masters(info: Info, path: Path, entry: str, *, fsync: bool) -> None:
    """Makes each of the scan's master files link to its entry; safe to repeat.

    May raise OSError, FileRefusedError or FileChangedError.
    """
    for master in masters_of(info, str(path)):
        file = NexusFile(Path(master), fsync=fsync)
        try:
            root = linking_tree(master, str(path), entry)
            with file.tree() as tree:
                for name in root["children"]:
                    if tree.get(name, getlink=True) is not None:
                        del tree[name]
                BlissWriter(Path(master), 0.0).begin(tree, root)
            file.sync()
        finally:
            file.close()
