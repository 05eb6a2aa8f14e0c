"""How far writers are behind: from their positions to points and seconds, and to Prometheus."""

from __future__ import annotations

from sardana_redis.lag._collector import LagCollector
from sardana_redis.lag._lag import ScanPosition, WriterLag, writer_lag

__all__ = ["LagCollector", "ScanPosition", "WriterLag", "writer_lag"]
