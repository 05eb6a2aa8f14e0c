"""The SPEC writer: it follows Redis and knows neither Tango nor the command line."""

from __future__ import annotations

from functools import partial

from sardana_redis.follower import Kind, Writer
from sardana_redis.metrics import WriterMetrics
from sardana_redis.settings import Settings
from sardana_redis.spec_writer._file import SpecFile
from sardana_redis.spec_writer._job import Job
from sardana_redis.store import FollowedScan
from sardana_redis.targets import spec_target

__all__ = ["SpecWriter"]


class SpecWriter(Writer):
    """Writes the scans that Redis holds and gets into SPEC files, until it is told to stop."""

    def __init__(self, settings: Settings, metrics: WriterMetrics | None = None) -> None:
        own = settings.spec_writer

        def begin(scan: FollowedScan, file: SpecFile) -> Job:
            return Job(scan, own.dialect, file)

        kind = Kind(
            name="spec",
            title="The SPEC writer",
            settings=own,
            target=spec_target,
            open_file=partial(SpecFile, fsync=own.fsync),
            begin=begin,
        )
        super().__init__(kind, settings, metrics)
