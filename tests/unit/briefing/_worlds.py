"""Writers as a recorder may see them."""

from __future__ import annotations

from typing import Any

from sardana_redis.briefing import ScanFacts
from sardana_redis.model import WriterRecord
from sardana_redis.store import Survey
from sardana_redis.vitals import Vitals

NOW = 1_000_000


def record(kind: str = "spec", *, silent: float = 1.0, **vitals: Any) -> WriterRecord:
    return WriterRecord(kind, "host", "1", "boot", NOW - int(silent * 1000), Vitals(**vitals))


def survey(*, uptime: int = 1000, is_full: bool = False, **writers: WriterRecord) -> Survey:
    return Survey(NOW, uptime, is_full, writers)


def scan(*paths: str, session: str = "s", writer: str = "redis", **info: Any) -> ScanFacts:
    files = [{"path": path, "writer": writer} for path in paths]
    identity = {"session": session, "number": 7, "path": paths[0] if paths else None}
    return ScanFacts(identity, {"sardana": {"files": files}, **info})
