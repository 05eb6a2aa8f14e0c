"""What an operator is told of the writers of a scan: before it, and after it. Pure."""

from __future__ import annotations

from sardana_redis.briefing._duties import Duty, Obstacle, ObstacleKind, ScanFacts, duties
from sardana_redis.briefing._lines import (
    Remark,
    end_line,
    full_line,
    no_writer_line,
    outcome,
    refusal_line,
    start_line,
)
from sardana_redis.briefing._require import RequireWriters, require_writers, wrong_require_line

__all__ = [
    "Duty",
    "Obstacle",
    "ObstacleKind",
    "Remark",
    "RequireWriters",
    "ScanFacts",
    "duties",
    "end_line",
    "full_line",
    "no_writer_line",
    "outcome",
    "refusal_line",
    "require_writers",
    "start_line",
    "wrong_require_line",
]
