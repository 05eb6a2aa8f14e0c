"""Every metric: name, help, labels and buckets, on a registry that is passed in.

`METRICS` is the one table from which all else is made, `docs/metrics.md` too. Each series
of a bounded set exists from the start, so that an alert never meets "no data".
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.metadata import version
from math import nan
from typing import Any, Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily

from sardana_redis.errors import (
    Outage,
    ScanRefusedError,
    StoreUnavailable,
    StoreUnusable,
    StreamSealedError,
)
from sardana_redis.model import EndReason, ScanState, WriterScanState

__all__ = [
    "METRICS",
    "Metric",
    "Owner",
    "ReclaimReason",
    "RecorderMetrics",
    "TrackerMetrics",
    "WriterMetrics",
    "add_build_info",
    "gauge_family",
    "render_table",
    "series_names",
]


class Owner(StrEnum):
    """The processes whose `/metrics` shows a metric."""

    TRACKER = "memory tracker"
    WRITER = "each writer"
    RECORDER = "MacroServer"
    EVERY = "every process"


class ReclaimReason(StrEnum):
    """Why data could be taken out of Redis: only UNREAD costs a writer points."""

    WRITTEN = "written"
    UNREAD = "unread"
    PROTECTED = "protected"
    FINISHED = "finished"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `labels`: name -> all its values, () where the installation decides."""

    short_name: str
    help: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """The name that Prometheus sees."""
        return f"sardana_redis_{self.short_name}"

    @property
    def kind(self) -> str:
        """Prometheus' type, which by its conventions the name tells."""
        if self.buckets:
            return "histogram"
        return "counter" if self.short_name.endswith("_total") else "gauge"


_RESULTS: Final = tuple(state for state in WriterScanState if state is not WriterScanState.OPEN)
_REFUSALS: Final[Mapping[type[BaseException], str]] = {
    StoreUnusable: "unusable",
    ScanRefusedError: "scan refused",
    StreamSealedError: "stream sealed",
}
_OTHER: Final = "other"
_ERROR_REASONS: Final = (*Outage, *_REFUSALS.values(), _OTHER)
_LATENCIES: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)
_BUILD: Final[Mapping[str, tuple[str, ...]]] = {"version": (), "python": (), "blissdata": ()}
_END_REASON: Final = {"end_reason": tuple(EndReason)}
_ERROR: Final = {"reason": _ERROR_REASONS}
_RECLAIM: Final = {"reason": tuple(ReclaimReason)}
_STATE: Final = {"state": tuple(state.name for state in ScanState)}
_WRITER: Final[Mapping[str, tuple[str, ...]]] = {"writer": ()}

# One line or two a metric, because this is a table:
# fmt: off
METRICS: Final[Mapping[Owner, tuple[Metric, ...]]] = {
    Owner.TRACKER: (
        Metric("memory_used_bytes", "Memory that Redis uses."),
        Metric("memory_max_bytes", "Redis' maxmemory."),
        Metric("memory_used_ratio", "Used memory as a share of maxmemory."),
        Metric("memory_cleanup_threshold_ratio", "Share of maxmemory above which data must go."),
        Metric("memory_fragmentation_ratio", "What Redis takes from the system over what it uses."),
        Metric("memory_reclaimed_bytes_total", "Memory that was freed by taking data out."),
        Metric("memory_reclaims_total", "Times that data were taken out, by the reason.", _RECLAIM),
        Metric("memory_reclaim_failures_total", "Cleanups that could free no memory."),
        Metric("scans", "Scans in Redis, by blissdata's state.", _STATE),
        Metric("scans_closed_total", "Scans that closed, by how they ended.", _END_REASON),
        Metric("orphan_scans_closed_total", "Scans closed in place of a lost MacroServer."),
        Metric("writer_lag_points", "Points in Redis that are not yet safe in a file.", _WRITER),
        Metric("writer_lag_seconds",
               "Age of the oldest point in Redis that is not yet safe in a file, or 0.", _WRITER),
        Metric("writer_pending_scans", "Scans whose file is taken or cannot be written.", _WRITER),
        Metric("writer_last_progress_timestamp_seconds",
               "When the writer last reported points as safe in a file (Unix time).", _WRITER),
        Metric("writer_up", "1 if the writer was seen in the last 10 s, else 0.", _WRITER),
    ),
    Owner.WRITER: (
        Metric("writer_points_written_total", "Points that became safe in a file.", _WRITER),
        Metric("writer_scans_total", "Scans that the writer is through with, by the result.",
               {**_WRITER, "result": _RESULTS}),
        Metric("writer_file_retries_total",
               "Tries to write into a file that failed and are repeated.", _WRITER),
        Metric("writer_lost_points_total", "Points gone from Redis before being written.", _WRITER),
    ),
    Owner.RECORDER: (
        Metric("recorder_points_total", "Points that Redis confirmed."),
        Metric("recorder_dropped_points_total", "Points of which all or the arrays found no room."),
        Metric("recorder_publish_errors_total", "Errors while publishing, by the reason.", _ERROR),
        Metric("recorder_resent_points_total", "Points sent again after a fault."),
        Metric("recorder_buffered_bytes", "Size of the points that wait for Redis."),
        Metric("recorder_redis_up", "1 while Redis takes MacroServer's points, else 0."),
        Metric("recorder_publish_latency_seconds",
               "Time from a point's record to Redis' confirmation.", buckets=_LATENCIES),
    ),
    Owner.EVERY: (Metric("build_info", "Always 1; its labels tell the versions.", _BUILD),),
}
# fmt: on
_ALL: Final = {metric.short_name: metric for metrics in METRICS.values() for metric in metrics}
_Family = TypeVar("_Family", Counter, Gauge, Histogram)


class WriterMetrics:
    """What a writer counts about itself; `writer` is its name in Redis."""

    def __init__(self, registry: CollectorRegistry, writer: str) -> None:
        scans = _make(Counter, registry, "writer_scans_total")
        self.points_written = _make(Counter, registry, "writer_points_written_total").labels(writer)
        self.lost_points = _make(Counter, registry, "writer_lost_points_total").labels(writer)
        self.file_retries = _make(Counter, registry, "writer_file_retries_total").labels(writer)
        self.scans = {result: scans.labels(writer, result) for result in _RESULTS}
        add_build_info(registry)


class RecorderMetrics:
    """What MacroServer counts about the points on their way to Redis."""

    def __init__(self, registry: CollectorRegistry) -> None:
        errors = _make(Counter, registry, "recorder_publish_errors_total")
        self._errors = {reason: errors.labels(reason) for reason in _ERROR_REASONS}
        self.points = _make(Counter, registry, "recorder_points_total")
        self.dropped_points = _make(Counter, registry, "recorder_dropped_points_total")
        self.resent_points = _make(Counter, registry, "recorder_resent_points_total")
        self.buffered_bytes = _make(Gauge, registry, "recorder_buffered_bytes")
        self.redis_up = _make(Gauge, registry, "recorder_redis_up")
        self.publish_latency_seconds = _make(
            Histogram, registry, "recorder_publish_latency_seconds"
        )
        add_build_info(registry)

    def count_error(self, error: BaseException) -> None:
        """Counts `error` under its reason; what nobody foresaw counts as `other`."""
        known = error.reason if isinstance(error, StoreUnavailable) else _REFUSALS.get(type(error))
        self._errors[known or _OTHER].inc()


class TrackerMetrics:
    """What the tracker knows of Redis; a gauge is NaN while nobody knows.

    The gauges of the writers are not here: a collector yields them from `gauge_family`.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.used_bytes = _unknown(_make(Gauge, registry, "memory_used_bytes"))
        self.max_bytes = _unknown(_make(Gauge, registry, "memory_max_bytes"))
        self.used_ratio = _unknown(_make(Gauge, registry, "memory_used_ratio"))
        self.threshold_ratio = _unknown(_make(Gauge, registry, "memory_cleanup_threshold_ratio"))
        self.fragmentation_ratio = _unknown(_make(Gauge, registry, "memory_fragmentation_ratio"))
        self.reclaimed_bytes = _make(Counter, registry, "memory_reclaimed_bytes_total")
        self.reclaim_failures = _make(Counter, registry, "memory_reclaim_failures_total")
        self.orphan_scans_closed = _make(Counter, registry, "orphan_scans_closed_total")
        reclaims = _make(Counter, registry, "memory_reclaims_total")
        self.reclaims = {reason: reclaims.labels(reason) for reason in ReclaimReason}
        scans = _make(Gauge, registry, "scans")
        self.scans = {state: _unknown(scans.labels(state.name)) for state in ScanState}
        closed = _make(Counter, registry, "scans_closed_total")
        self.scans_closed = {reason: closed.labels(reason) for reason in EndReason}
        add_build_info(registry)

    def lose_sight(self) -> None:
        """Makes NaN of what is true only as long as Redis answers."""
        memory = (self.used_bytes, self.max_bytes, self.used_ratio, self.fragmentation_ratio)
        for gauge in (*memory, *self.scans.values()):
            _unknown(gauge)


def add_build_info(registry: CollectorRegistry) -> None:
    """Adds `build_info`, once however often it is called; no label can hold a secret."""
    with suppress(ValueError):  # the registry has it already
        _make(Gauge, registry, "build_info").labels(
            version("sardana-redis"), platform.python_version(), version("blissdata")
        ).set(1)


def gauge_family(short_name: str) -> GaugeMetricFamily:
    """An empty family for a collector to fill; KeyError for a name that is not in the table."""
    metric = _ALL[short_name]
    return GaugeMetricFamily(metric.name, metric.help, labels=tuple(metric.labels))


def series_names() -> frozenset[str]:
    """Every name that rules and dashboards may use, with those that a histogram makes."""
    parts = {"histogram": ("_bucket", "_count", "_sum")}
    return frozenset(
        metric.name + part for metric in _ALL.values() for part in parts.get(metric.kind, ("",))
    )


def render_table() -> str:
    """The Markdown table of all metrics that stands in `docs/metrics.md`."""
    rows = [
        f"| `{m.name}` | {m.kind} | {_labels_text(m.labels)} | {owner} | {m.help} |"
        for owner, metrics in METRICS.items()
        for m in metrics
    ]
    return "\n".join(["| metric | type | labels | where | what it is |", "| --- " * 5 + "|", *rows])


def _labels_text(labels: Mapping[str, tuple[str, ...]]) -> str:
    return "; ".join(
        f"`{name}`: {', '.join(values)}" if values else f"`{name}`"
        for name, values in labels.items()
    )


def _make(family: type[_Family], registry: CollectorRegistry, name: str) -> _Family:
    metric = _ALL[name]
    more: dict[str, Any] = {"buckets": metric.buckets} if metric.buckets else {}
    return family(metric.name, metric.help, tuple(metric.labels), registry=registry, **more)


def _unknown(gauge: Gauge) -> Gauge:
    gauge.set(nan)
    return gauge
