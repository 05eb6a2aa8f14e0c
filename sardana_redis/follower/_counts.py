"""What the writer has done since its start, for its status and for the metrics."""

from __future__ import annotations

from typing import Literal

from sardana_redis.metrics import WriterMetrics
from sardana_redis.model import WriterScanState

__all__ = ["Counts", "FinalState"]

FinalState = Literal[WriterScanState.DONE, WriterScanState.SKIPPED, WriterScanState.FAILED]


class Counts:
    """Counts rows, lost points and scans; also what a person asks for first."""

    def __init__(self, metrics: WriterMetrics | None = None) -> None:
        self.rows = 0
        self.lost = 0
        self.scans = 0
        self.retries = 0
        self.last_file = ""
        self.last_error = ""
        self._metrics = metrics

    def points(self, rows: int, lost: int) -> None:
        """Takes rows that are safe now, and points that were found missing."""
        self.rows += rows
        self.lost += lost
        if self._metrics is not None:
            self._metrics.points_written.inc(rows)
            self._metrics.lost_points.inc(lost)

    def retry(self) -> None:
        """Takes a try to write into a file that failed and will be repeated."""
        self.retries += 1
        if self._metrics is not None:
            self._metrics.file_retries.inc()

    def scan(self, result: FinalState) -> None:
        """Takes a scan that came to its end."""
        self.scans += result is WriterScanState.DONE
        if self._metrics is not None:
            self._metrics.scans[result].inc()
