"""The NeXus writer as a process: with health and metrics around it."""

from __future__ import annotations

import threading

from sardana_redis.follower import run_writer
from sardana_redis.nexus_writer._writer import NexusWriter
from sardana_redis.settings import Settings

__all__ = ["run_nexus_writer"]


def run_nexus_writer(settings: Settings, stop: threading.Event) -> None:
    """Writes scans until `stop` is set, with /metrics and /healthz where a port is set.

    Raises BadInputError where the port is taken or another process has the writer's name.
    """
    run_writer(NexusWriter, settings, settings.nexus_writer, stop)
