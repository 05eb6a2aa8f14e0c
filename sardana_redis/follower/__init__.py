"""What every writer shares: which scans it has to write, how far it is, what it cannot write."""

from __future__ import annotations

from sardana_redis.follower._desk import Desk
from sardana_redis.follower._kind import Kind, ScanJob, WriterFile
from sardana_redis.follower._pace import Pace
from sardana_redis.follower._service import run_writer, writer_health
from sardana_redis.follower._status import ScanStatus, WriterState, WriterStatus
from sardana_redis.follower._writer import Writer

__all__ = [
    "Desk",
    "Kind",
    "Pace",
    "ScanJob",
    "ScanStatus",
    "Writer",
    "WriterFile",
    "WriterState",
    "WriterStatus",
    "run_writer",
    "writer_health",
]
