"""The only room that talks to Redis and knows blissdata's protocol."""

from __future__ import annotations

from sardana_redis.store._catalog import ScanSummary, StreamSummary, list_scans, show_scan
from sardana_redis.store._document import Birth, dump, new_birth, new_scan_key, plain
from sardana_redis.store._exact import survives_redis
from sardana_redis.store._fate import ScanFate, last_scans
from sardana_redis.store._fit import fit_info
from sardana_redis.store._follow_store import FollowStore
from sardana_redis.store._followed import (
    MALFORMED,
    OTHER,
    Chunk,
    FollowedScan,
    FollowedStream,
    Gap,
    Values,
)
from sardana_redis.store._init_db import initialise_database
from sardana_redis.store._link import Link, reader_url, url_with_password
from sardana_redis.store._memory_store import MemoryStore, StoredScan
from sardana_redis.store._onlook import Parked, list_parked, order_parked, wait_for_report
from sardana_redis.store._outlook import Onlooker, Outlook, UnfinishedScan, WriterOutlook
from sardana_redis.store._protocol import Entry, Memory, PublishStore, Standing
from sardana_redis.store._read_back import ReadScan, ReadStream, read_scan
from sardana_redis.store._redis_store import RedisStore
from sardana_redis.store._registry import (
    RegisteredWriter,
    forget_registered_writer,
    list_writers,
)
from sardana_redis.store._scan_document import followed_scan
from sardana_redis.store._scan_reader import ScanReader
from sardana_redis.store._survey import Survey
from sardana_redis.store._track_store import TrackStore
from sardana_redis.store._tracked import LastState, StreamStanding, TrackedScan, Trimmed
from sardana_redis.store._writer_keys import (
    Order,
    OrderKind,
    ParkedScan,
    forget_writer,
    give_order,
    progress_command,
    read_orders,
    read_parked,
    read_progress,
    read_writers,
    remove_order,
    remove_parked,
    write_parked,
    write_writer,
)

__all__ = [
    "MALFORMED",
    "OTHER",
    "Birth",
    "Chunk",
    "Entry",
    "FollowStore",
    "FollowedScan",
    "FollowedStream",
    "Gap",
    "LastState",
    "Link",
    "Memory",
    "MemoryStore",
    "Onlooker",
    "Order",
    "OrderKind",
    "Outlook",
    "Parked",
    "ParkedScan",
    "PublishStore",
    "ReadScan",
    "ReadStream",
    "RedisStore",
    "RegisteredWriter",
    "ScanFate",
    "ScanReader",
    "ScanSummary",
    "Standing",
    "StoredScan",
    "StreamStanding",
    "StreamSummary",
    "Survey",
    "TrackStore",
    "TrackedScan",
    "Trimmed",
    "UnfinishedScan",
    "Values",
    "WriterOutlook",
    "dump",
    "fit_info",
    "followed_scan",
    "forget_registered_writer",
    "forget_writer",
    "give_order",
    "initialise_database",
    "last_scans",
    "list_parked",
    "list_scans",
    "list_writers",
    "new_birth",
    "new_scan_key",
    "order_parked",
    "plain",
    "progress_command",
    "read_orders",
    "read_parked",
    "read_progress",
    "read_scan",
    "read_writers",
    "reader_url",
    "remove_order",
    "remove_parked",
    "show_scan",
    "survives_redis",
    "url_with_password",
    "wait_for_report",
    "write_parked",
    "write_writer",
]
