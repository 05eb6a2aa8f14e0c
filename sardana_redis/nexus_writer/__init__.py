"""Writing scans into NeXus files, as they come into Redis, by the hand of blisswriter 3.

`NexusWriter` is the writer; `nexus_writer_service` is its door. What needs blisswriter is
imported when it is asked for: blisswriter brings h5py and Tango along, which take a second and
are no business of the other commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sardana_redis.follower import WriterState, WriterStatus

if TYPE_CHECKING:
    from sardana_redis.nexus_writer._service import run_nexus_writer
    from sardana_redis.nexus_writer._writer import NexusWriter

__all__ = ["NexusWriter", "WriterState", "WriterStatus", "run_nexus_writer"]


def __getattr__(name: str) -> Any:
    """The name of `__all__` that needs blisswriter."""
    if name == "NexusWriter":
        from sardana_redis.nexus_writer._writer import NexusWriter

        return NexusWriter
    if name == "run_nexus_writer":
        from sardana_redis.nexus_writer._service import run_nexus_writer

        return run_nexus_writer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
