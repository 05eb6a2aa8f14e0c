"""The only room that talks to Redis and knows blissdata's protocol."""

from __future__ import annotations

from sardana_redis.store._catalog import ScanSummary, StreamSummary, list_scans, show_scan
from sardana_redis.store._document import Birth, dump, new_birth, plain
from sardana_redis.store._fit import fit_info
from sardana_redis.store._init_db import initialise_database
from sardana_redis.store._link import reader_url, url_with_password
from sardana_redis.store._memory_store import MemoryStore, StoredScan
from sardana_redis.store._protocol import Entry, Memory, PublishStore, Standing
from sardana_redis.store._read_back import ReadScan, ReadStream, read_scan
from sardana_redis.store._redis_store import RedisStore

__all__ = [
    "Birth",
    "Entry",
    "Memory",
    "MemoryStore",
    "PublishStore",
    "ReadScan",
    "ReadStream",
    "RedisStore",
    "ScanSummary",
    "Standing",
    "StoredScan",
    "StreamSummary",
    "dump",
    "fit_info",
    "initialise_database",
    "list_scans",
    "new_birth",
    "plain",
    "read_scan",
    "reader_url",
    "show_scan",
    "url_with_password",
]
