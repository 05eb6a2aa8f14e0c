"""The row "Recorder" of the engineer's dashboard."""

from __future__ import annotations

from typing import Final

from dashboards.kit import LIMIT_OF, OF, Query, graph, states
from dashboards.shared import UP

__all__ = ["recorder"]

_RATE: Final = "$__rate_interval"


def recorder() -> list[object]:
    """The panels of the row."""
    latency = "sardana_redis_recorder_publish_latency_seconds"
    return [
        graph(
            "Points published",
            "Points a second that Redis confirmed, and those that were sent again after a fault.",
            "cps",
            [
                Query(f"sum(rate(sardana_redis_recorder_points_total{OF}[{_RATE}]))", "confirmed"),
                Query(
                    f"sum(rate(sardana_redis_recorder_resent_points_total{OF}[{_RATE}]))",
                    "sent again",
                ),
            ],
        ),
        graph(
            "Points that wait in MacroServer",
            "Size of what Redis has not confirmed. Grows while Redis is away or nearly full. "
            "Dashed: the alert RecorderBuffering.",
            "bytes",
            [
                Query(
                    f"max by (instance) (sardana_redis_recorder_buffered_bytes{OF})",
                    "{{instance}}",
                ),
                Query(
                    f"max(sardana_redis:threshold:recorder_buffered_bytes{LIMIT_OF})",
                    "alert",
                    is_limit=True,
                ),
            ],
            runbooks=["RecorderBuffering"],
        ),
        graph(
            "Time to Redis",
            "From a point's record to Redis' confirmation: half and 99 % of the points are faster. "
            "About 20 ms is normal: batches wait for company.",
            "s",
            [
                Query(
                    f"histogram_quantile({quantile}, "
                    f"sum by (le) (rate({latency}_bucket{OF}[{_RATE}])))",
                    name,
                )
                for quantile, name in ((0.5, "half"), (0.99, "99 %"))
            ]
            + [
                Query(
                    f"sum(rate({latency}_sum{OF}[{_RATE}])) / "
                    f"sum(rate({latency}_count{OF}[{_RATE}]))",
                    "mean",
                )
            ],
            runbooks=["RecorderBuffering"],
        ),
        states(
            "Redis, seen from MacroServer",
            "Whether MacroServer reaches Redis.",
            [Query(f"min by (instance) (sardana_redis_recorder_redis_up{OF})", "{{instance}}")],
            UP,
            runbooks=["RedisDown"],
        ),
        graph(
            "Errors while publishing",
            "By the reason; points are sent again.",
            "short",
            [
                Query(
                    "sum by (reason) "
                    f"(increase(sardana_redis_recorder_publish_errors_total{OF}[{_RATE}]))",
                    "{{reason}}",
                )
            ],
            bars=True,
            runbooks=["RedisDown"],
        ),
        graph(
            "Points dropped",
            "Points that MacroServer gave up because its buffer was full. Always 0 in health.",
            "short",
            [
                Query(
                    f"sum(increase(sardana_redis_recorder_dropped_points_total{OF}[{_RATE}]))",
                    "dropped",
                )
            ],
            bars=True,
            runbooks=["RecorderDroppingPoints"],
        ),
    ]
