"""The NeXus writer: it follows Redis and knows no command line."""

from __future__ import annotations

from functools import partial

from sardana_redis.follower import Kind, Writer
from sardana_redis.metrics import WriterMetrics
from sardana_redis.nexus_writer._file import NexusFile
from sardana_redis.nexus_writer._job import NexusJob
from sardana_redis.settings import Settings
from sardana_redis.store import FollowedScan
from sardana_redis.targets import nexus_target

__all__ = ["NexusWriter"]


class NexusWriter(Writer):
    """Writes the scans that Redis holds and gets into NeXus files, until it is told to stop."""

    def __init__(self, settings: Settings, metrics: WriterMetrics | None = None) -> None:
        own = settings.nexus_writer

        def begin(scan: FollowedScan, file: NexusFile) -> NexusJob:
            return NexusJob(scan, file, own)

        kind = Kind(
            name="nexus",
            title="The NeXus writer",
            settings=own,
            target=nexus_target,
            open_file=partial(NexusFile, fsync=own.fsync),
            begin=begin,
            sync_seconds=own.sync_seconds,
        )
        super().__init__(kind, settings, metrics)
