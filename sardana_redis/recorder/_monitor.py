"""What MacroServer tells Prometheus about its publishers, on a port where one is set.

Nothing here concerns a scan: counters belong to the publishers' threads, gauges are read
when somebody asks, and the port is opened by a thread of its own.
"""

from __future__ import annotations

import threading
from typing import Final, Protocol

from prometheus_client import CollectorRegistry

from sardana_redis.errors import BadInputError
from sardana_redis.http import Health, HealthServer
from sardana_redis.log import guest_logger
from sardana_redis.metrics import RecorderMetrics
from sardana_redis.settings import RecorderSettings

__all__ = ["Monitor", "Monitored"]

_RETRY_SECONDS: Final = 10.0
_STOP_SECONDS: Final = 1.0

_log = guest_logger(__name__)


class Monitored(Protocol):
    """What is shown of the publishers; any thread may ask, and nobody waits."""

    @property
    def held_bytes(self) -> int:
        """Bytes of the points that wait, of all scans."""

    @property
    def are_up(self) -> bool:
        """Whether each Redis takes what is published."""


class Monitor:
    """Counts in `metrics`, and serves them once `serve` named a port."""

    def __init__(self, publishers: Monitored, *, retry_seconds: float = _RETRY_SECONDS) -> None:
        self._publishers = publishers
        self._retry_seconds = retry_seconds
        self._registry = CollectorRegistry()
        self.metrics = RecorderMetrics(self._registry)
        self.metrics.buffered_bytes.set_function(lambda: publishers.held_bytes)
        self.metrics.redis_up.set_function(lambda: publishers.are_up)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def serve(self, settings: RecorderSettings) -> None:
        """Serves from now on if a port is set; waits for nothing, and a port holds for good."""
        if settings.http_port is None or self._thread is not None:
            return
        server = HealthServer(settings.http_host, settings.http_port, self._registry, self._health)
        thread = threading.Thread(
            target=self._run, args=(server,), name="sardana-redis-metrics", daemon=True
        )
        thread.start()
        self._thread = thread

    def stop(self) -> None:
        """Frees the port."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def _run(self, server: HealthServer) -> None:
        """The thread: gets the port, however long somebody else has it, and frees it at the end."""
        is_told = False
        while not self._stop.is_set():
            try:
                server.start()
            except BadInputError as error:
                if not is_told:
                    _log.warning("no metrics of the recorder for now", reason=str(error))
                is_told = True
                self._stop.wait(self._retry_seconds)
            else:
                _log.info("serving metrics of the recorder", port=server.port)
                self._stop.wait()
                server.stop()

    def _health(self) -> Health:
        """MacroServer is ready also without Redis: scans go on, and so must who reaches it."""
        reason = "ok" if self._publishers.are_up else "Redis is away; points are kept for it"
        return Health(is_alive=True, is_ready=True, reason=reason)
