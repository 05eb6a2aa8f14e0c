"""Writing scans into SPEC files, as they come into Redis.

`SpecWriter` is the writer; `spec_writer_service` and `spec_writer_tango` are its two doors.
"""

from __future__ import annotations

from sardana_redis.follower import ScanStatus, WriterState, WriterStatus
from sardana_redis.spec_writer._service import run_spec_writer
from sardana_redis.spec_writer._writer import SpecWriter

__all__ = ["ScanStatus", "SpecWriter", "WriterState", "WriterStatus", "run_spec_writer"]
