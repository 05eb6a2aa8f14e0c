"""The writers' lag for Prometheus: what was seen last, so that a scrape waits for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from sardana_redis.lag._lag import WriterLag
from sardana_redis.metrics import gauge_family

__all__ = ["LagCollector"]

_VALUES: Mapping[str, Callable[[WriterLag], float]] = {
    "writer_lag_points": lambda lag: lag.points,
    "writer_lag_seconds": lambda lag: lag.seconds,
    "writer_pending_scans": lambda lag: lag.pending_scans,
    "writer_last_progress_timestamp_seconds": lambda lag: lag.last_progress_seconds,
    "writer_up": lambda lag: lag.is_up,
}


class LagCollector(Collector):
    """Shows the lag of each registered writer; the series of a forgotten one are gone.

    `lags` is replaced as a whole by the tracker's thread, and is empty while nobody knows.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lags: Mapping[str, WriterLag] = {}
        registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families of all writers' gauges."""
        lags = self.lags
        for name, value in _VALUES.items():
            family = gauge_family(name)
            for writer, lag in lags.items():
                family.add_metric((writer,), value(lag))
            yield family
