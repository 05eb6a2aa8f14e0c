"""Panels that both dashboards show, and the one big answer."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import table

from dashboards.kit import LIMIT_OF, OF, columns, text_map

__all__ = ["ENDS", "SAFE", "SAFETY", "UP", "all_beamlines"]

UP: Final = text_map({0: ("down", "red"), 1: ("up", "green")})

ENDS: Final = {"SUCCESS": "green", "USER_ABORT": "orange", "FAILURE": "red"}

SAFETY: Final = text_map(
    {
        0: ("SAFE", "green"),
        1: ("LATE: kept in Redis, files are behind", "yellow"),
        2: ("WAITING: kept, but no file is being written", "orange"),
        3: ("POINTS LOST in the last hour", "red"),
    }
)


def _level(level: int, because: str, expr: str) -> str:
    return f'label_replace({level} * {expr}, "because", "{because}", "", "")'


_LEVELS: Final = (
    _level(3, "lost", f"(sum(increase(sardana_redis_writer_lost_points_total{OF}[1h])) > bool 0)"),
    _level(
        3,
        "dropped",
        f"(sum(increase(sardana_redis_recorder_dropped_points_total{OF}[1h])) > bool 0)",
    ),
    _level(2, "down", f"max(1 - sardana_redis_writer_up{OF})"),
    _level(2, "redis", f"max(1 - sardana_redis_recorder_redis_up{OF})"),
    _level(2, "pending", f"(sum(sardana_redis_writer_pending_scans{OF}) > bool 0)"),
    _level(
        1,
        "late",
        f"max(sardana_redis_writer_lag_seconds{OF} > bool on (beamline, writer) group_left () "
        f"sardana_redis:limit:writer_lag_seconds{LIMIT_OF})",
    ),
)
SAFE: Final = (
    "max(\n  "
    + "\n  or ".join(_LEVELS)
    + "\n)\n# without the tracker, or a writer, nobody knows\n"
    + f"and on () (count(sardana_redis_writer_up{OF}) "
    + f"or count(sardana_redis_recorder_redis_up{OF} == 0))"
)
"""0 to 3, as in `SAFETY`; nothing where nobody knows."""


def all_beamlines() -> table.Panel:
    """One line for each beamline that this Prometheus knows."""
    job = '{job=~"$job"}'
    by = "by (beamline)"
    good, bad = "orange", "red"
    return columns(
        "All beamlines",
        "One line for each beamline of this Prometheus; a click on its name opens it. Lag: of the "
        "slowest writer. Lost and dropped: points that writers missed, and that MacroServer gave "
        "up, in the last day.",
        ["beamline"],
        {
            "Redis memory": (
                f"max {by} (sardana_redis_memory_used_ratio{job})",
                "percentunit",
                {0.88: good, 0.95: bad},
            ),
            "Writers down": (
                f"sum {by} (1 - sardana_redis_writer_up{job})",
                "short",
                {1: bad},
            ),
            "Lag": (
                f"max {by} (sardana_redis_writer_lag_seconds{job})",
                "s",
                {30: good, 300: bad},
            ),
            "Pending scans": (
                f"sum {by} (sardana_redis_writer_pending_scans{job})",
                "short",
                {1: good},
            ),
            "Points lost": (
                f"sum {by} (increase(sardana_redis_writer_lost_points_total{job}[1d]))",
                "short",
                {1: bad},
            ),
            "Points dropped": (
                f"sum {by} (increase(sardana_redis_recorder_dropped_points_total{job}[1d]))",
                "short",
                {1: bad},
            ),
            "Running scans": (
                f'sum {by} (sardana_redis_scans{{job=~"$job", state="STARTED"}})',
                "short",
                None,
            ),
        },
        link_to_beamline=True,
        height=7,
    )
