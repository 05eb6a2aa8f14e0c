"""Holds points and brings them into the store: one thread, nothing that blocks a scan."""

from __future__ import annotations

from sardana_redis.publisher._cast import missing_value
from sardana_redis.publisher._feed import ScanFeed, Verdict
from sardana_redis.publisher._lines import (
    bug_line,
    dropped_line,
    misfit_line,
    nexus_options_line,
)
from sardana_redis.publisher._lookout import Question
from sardana_redis.publisher._publisher import BOOT, Publisher

__all__ = [
    "BOOT",
    "Publisher",
    "Question",
    "ScanFeed",
    "Verdict",
    "bug_line",
    "dropped_line",
    "misfit_line",
    "missing_value",
    "nexus_options_line",
]
