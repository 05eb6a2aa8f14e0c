"""The dashboard "Sardana Redis": for whoever looks after the parts."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard as d

from dashboards.board import new_dashboard, with_row
from dashboards.kit import LIMIT_OF, OF, Query, columns, graph, number
from dashboards.recorder import recorder
from dashboards.shared import ENDS, all_beamlines
from dashboards.writers import writers

__all__ = ["dashboard"]

_RATE: Final = "$__rate_interval"


def dashboard() -> d.Dashboard:
    """Builds it."""
    board = new_dashboard(
        "Sardana Redis",
        "sardana-redis",
        "For the engineer: memory, writers, MacroServer's recorder, and all beamlines at a glance.",
        span="3h",
    )
    with_row(board, "All beamlines", [all_beamlines()])
    with_row(board, "Memory of $beamline", _memory())
    with_row(board, "Scans of $beamline", _scans())
    with_row(board, "Writers of $beamline", writers())
    with_row(board, "Recorder of $beamline", recorder())
    with_row(board, "Versions", [_versions()])
    return board


def _memory() -> list[object]:
    return [
        number(
            "Used memory",
            "Share of Redis' maxmemory. It climbs to the cleaning threshold and stays near it: "
            "that is normal.",
            "percentunit",
            Query(f"max(sardana_redis_memory_used_ratio{OF})"),
            steps={0.88: "orange", 0.95: "red"},
            height=8,
            runbooks=["RedisMemoryHigh", "MemoryTrackerDown", "RedisDown"],
        ),
        graph(
            "Memory against its limits",
            "What Redis uses, where the tracker begins to trim, and maxmemory. Dashed: the alert "
            "RedisMemoryHigh.",
            "bytes",
            [
                Query(f"max(sardana_redis_memory_used_bytes{OF})", "used"),
                Query(
                    f"max(sardana_redis_memory_max_bytes{OF} * "
                    f"sardana_redis_memory_cleanup_threshold_ratio{OF})",
                    "trimming begins",
                ),
                Query(f"max(sardana_redis_memory_max_bytes{OF})", "maxmemory"),
                Query(
                    f"max(sardana_redis_memory_max_bytes{OF} * on (beamline) group_left () "
                    f"sardana_redis:threshold:memory_used_ratio{LIMIT_OF})",
                    "alert",
                    is_limit=True,
                ),
            ],
            width=12,
            runbooks=["RedisMemoryHigh"],
        ),
        graph(
            "Memory that was freed",
            "Bytes a second that trimming gave back.",
            "Bps",
            [Query(f"sum(rate(sardana_redis_memory_reclaimed_bytes_total{OF}[{_RATE}]))", "freed")],
        ),
        graph(
            "Why data left Redis",
            "Times that data were taken out. `written`: by every writer. `finished`, `inactive`: "
            "whole scans. `unread`: a writer still needed them, and misses them now.",
            "short",
            [
                Query(
                    f"sum by (reason) (increase(sardana_redis_memory_reclaims_total{OF}[{_RATE}]))",
                    "{{reason}}",
                )
            ],
            bars=True,
            runbooks=["UnreadDataTrimmed"],
            colours={"unread": "red"},
        ),
        graph(
            "Nothing could be freed",
            "Seconds of the last five minutes, about, in which memory was short and nothing could "
            "go. Dashed: the alert RedisMemoryUnfreeable, if memory is high as well.",
            "short",
            [
                Query(
                    f"sum(increase(sardana_redis_memory_reclaim_failures_total{OF}[5m]))",
                    "failures",
                ),
                Query(
                    f"max(sardana_redis:threshold:reclaim_failures{LIMIT_OF})",
                    "alert",
                    is_limit=True,
                ),
            ],
            runbooks=["RedisMemoryUnfreeable"],
        ),
        graph(
            "Fragmentation",
            "What Redis takes from the system over what it uses. Far above 1.5 for long: restart "
            "Redis, or `activedefrag yes`. High while little is used is normal.",
            "none",
            [Query(f"max(sardana_redis_memory_fragmentation_ratio{OF})", "ratio")],
        ),
    ]


def _scans() -> list[object]:
    return [
        graph(
            "Scans in Redis",
            "Scans that Redis holds, by blissdata's state. STARTED: running.",
            "short",
            [Query(f"sum by (state) (sardana_redis_scans{OF})", "{{state}}")],
        ),
        graph(
            "Scans that ended",
            "By how they ended.",
            "short",
            [
                Query(
                    "sum by (end_reason) "
                    f"(increase(sardana_redis_scans_closed_total{OF}[{_RATE}]))",
                    "{{end_reason}}",
                )
            ],
            bars=True,
            colours=ENDS,
        ),
        graph(
            "Orphans",
            "Scans that the tracker closed because their MacroServer did not come back.",
            "short",
            [
                Query(
                    f"sum(increase(sardana_redis_orphan_scans_closed_total{OF}[{_RATE}]))",
                    "closed",
                )
            ],
            bars=True,
            runbooks=["ScanOrphaned"],
        ),
    ]


def _versions() -> object:
    by = ["instance", "version", "python", "blissdata"]
    info = f"count by ({', '.join(by)}) (sardana_redis_build_info{OF})"
    return columns(
        "Versions",
        "What runs where. Two versions side by side: an upgrade is not through.",
        by,
        {"processes": (info, "short", None)},
        height=6,
    )
