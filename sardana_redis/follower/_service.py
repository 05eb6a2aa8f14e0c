"""A writer as a process: with health and metrics around it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack

from prometheus_client import CollectorRegistry

from sardana_redis.follower._writer import Writer
from sardana_redis.http import Health, HealthServer
from sardana_redis.metrics import WriterMetrics
from sardana_redis.settings import Settings, WriterSettings

__all__ = ["run_writer", "writer_health"]

_LONGEST_TURN_SECONDS = 60.0


def run_writer(
    make: Callable[[Settings, WriterMetrics], Writer],
    settings: Settings,
    own: WriterSettings,
    stop: threading.Event,
) -> None:
    """Writes scans until `stop` is set, with /metrics and /healthz where a port is set.

    Raises BadInputError where the port is taken or another process has the writer's name.
    """
    registry = CollectorRegistry()
    writer = make(settings, WriterMetrics(registry, own.writer_name))
    with ExitStack() as cleanup:
        if own.http_port is not None:
            server = HealthServer(
                own.http_host, own.http_port, registry, lambda: writer_health(writer)
            )
            cleanup.enter_context(server)
        writer.run(stop)


def writer_health(writer: Writer) -> Health:
    """Whether the writer's loop turns, and whether Redis answers."""
    status = writer.status
    is_alive = writer.pulse.is_alive(_LONGEST_TURN_SECONDS)
    reason = status.text() if is_alive else f"no turn for {writer.pulse.age:.0f} s"
    return Health(is_alive, status.is_ready, reason)
