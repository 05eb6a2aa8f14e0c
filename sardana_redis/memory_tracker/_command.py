"""`sardana-redis memory-tracker`: the service behind its flags."""

from __future__ import annotations

from typing import Annotated

import typer

from sardana_redis import log
from sardana_redis.flags import Config
from sardana_redis.memory_tracker._service import MemoryTrackerService
from sardana_redis.runtime import spare_the_collector, stop_on_signals
from sardana_redis.settings import load_settings

__all__ = ["memory_tracker"]


def memory_tracker(
    *,
    url: Annotated[
        str | None,
        typer.Option("--url", "--redis-url", "-u", metavar="URL", help="Redis."),
    ] = None,
    config: Config = None,
    cleaning_threshold: Annotated[
        float | None, typer.Option(metavar="PERCENT", help="Use from which written data go. [80]")
    ] = None,
    hard_threshold: Annotated[
        float | None, typer.Option(metavar="PERCENT", help="Use from which unread data go. [95]")
    ] = None,
    protected_history: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Younger data stay. [180]")
    ] = None,
    monitoring_period: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Period of a full look. [30]")
    ] = None,
    inactive_scan_deletion: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Life of a silent open scan. [86400]")
    ] = None,
    closed_scan_deletion: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Life of a closed scan. [604800]")
    ] = None,
    cleaning_time_slice: Annotated[
        float | None, typer.Option(metavar="PERCENT", help="History that goes at once. [20]")
    ] = None,
    orphan_timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Silence after which an open scan is closed. [600]"),
    ] = None,
    init_db: Annotated[
        bool, typer.Option("--init-db", help="Make a new Redis ready for blissdata.")
    ] = False,
    http_host: Annotated[
        str | None, typer.Option(metavar="HOST", help="Address of /metrics. [127.0.0.1]")
    ] = None,
    http_port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Port of /metrics. [none]")
    ] = None,
) -> None:
    """Keep Redis' memory bounded, until Ctrl-C or SIGTERM.

    Trims what is old and written by every registered writer, lets closed scans expire, closes
    those that a lost MacroServer left open. What it does when: docs/memory.md.
    """
    settings = load_settings(
        config,
        url=url,
        memory_tracker={
            "cleaning_threshold": cleaning_threshold,
            "hard_threshold": hard_threshold,
            "protected_history": protected_history,
            "monitoring_period": monitoring_period,
            "inactive_scan_deletion": inactive_scan_deletion,
            "closed_scan_deletion": closed_scan_deletion,
            "cleaning_time_slice": cleaning_time_slice,
            "orphan_timeout": orphan_timeout,
            "init_db": init_db or None,
            "http_host": http_host,
            "http_port": http_port,
        },
    )
    log.configure(settings.log_level)
    service = MemoryTrackerService(settings)
    spare_the_collector()
    with stop_on_signals() as stop:
        service.run(stop)
