"""The row "Writers" of the engineer's dashboard."""

from __future__ import annotations

from typing import Final

from dashboards.kit import LIMIT_OF, OF, Query, graph, states
from dashboards.shared import UP

__all__ = ["writers"]

_RATE: Final = "$__rate_interval"


def writers() -> list[object]:
    """The panels of the row."""
    return [
        graph(
            "Lag",
            "Age of the oldest point that is not yet safe in a file, without scans that wait for "
            "another one or are parked. Dashed: the alert WriterLagHigh.",
            "s",
            [
                Query(f"max by (writer) (sardana_redis_writer_lag_seconds{OF})", "{{writer}}"),
                Query(
                    f"max by (writer) (sardana_redis:limit:writer_lag_seconds{LIMIT_OF})",
                    "{{writer}}",
                    is_limit=True,
                ),
            ],
            runbooks=["WriterLagHigh"],
        ),
        graph(
            "Points to write",
            "Points in Redis that are not yet safe in a file, with those of scans that wait.",
            "short",
            [Query(f"max by (writer) (sardana_redis_writer_lag_points{OF})", "{{writer}}")],
            runbooks=["WriterStalled"],
        ),
        states(
            "Up",
            "A writer is up that gave a sign of life in the last 10 s.",
            [Query(f"max by (writer) (sardana_redis_writer_up{OF})", "{{writer}}")],
            UP,
            runbooks=["WriterDown"],
        ),
        graph(
            "Pending scans",
            "Scans whose file is taken by another scan, or cannot be written (parked).",
            "short",
            [Query(f"max by (writer) (sardana_redis_writer_pending_scans{OF})", "{{writer}}")],
            runbooks=["WriterStalled"],
        ),
        graph(
            "Time since the last progress",
            "Since points became safe in a file for the last time; grows while nothing is scanned. "
            "Dashed: the alert WriterStalled, if points wait.",
            "s",
            [
                Query(
                    "time() - max by (writer) "
                    f"(sardana_redis_writer_last_progress_timestamp_seconds{OF} > 0)",
                    "{{writer}}",
                ),
                Query(
                    f"max by (writer) (sardana_redis:limit:writer_stalled_seconds{LIMIT_OF})",
                    "{{writer}}",
                    is_limit=True,
                ),
            ],
            runbooks=["WriterStalled"],
        ),
        graph(
            "Points written",
            "Points a second that became safe in files.",
            "cps",
            [
                Query(
                    f"sum by (writer) (rate(sardana_redis_writer_points_written_total{OF}"
                    f"[{_RATE}]))",
                    "{{writer}}",
                )
            ],
        ),
        graph(
            "Scans written",
            "Scans that a writer is through with, by the result. `failed`: gone from Redis before "
            "they were written.",
            "short",
            [
                Query(
                    "sum by (writer, result) "
                    f"(increase(sardana_redis_writer_scans_total{OF}[{_RATE}]))",
                    "{{writer}} {{result}}",
                )
            ],
            width=12,
            bars=True,
        ),
        graph(
            "Files tried again",
            "Tries to open or write a file that failed: folder missing, disk full, locked by a "
            "reader. After 60 s the scan is parked.",
            "short",
            [
                Query(
                    "sum by (writer) "
                    f"(increase(sardana_redis_writer_file_retries_total{OF}[{_RATE}]))",
                    "{{writer}}",
                )
            ],
            width=12,
            bars=True,
            runbooks=["WriterStalled"],
        ),
        graph(
            "Points lost",
            "Points that Redis no longer had when a writer came to them. Always 0 in health.",
            "short",
            [
                Query(
                    "sum by (writer) "
                    f"(increase(sardana_redis_writer_lost_points_total{OF}[{_RATE}]))",
                    "{{writer}}",
                )
            ],
            width=12,
            bars=True,
            runbooks=["UnreadDataTrimmed"],
        ),
    ]
