"""The SPEC writer as a service of its own.

`python -m sardana_redis.spec_writer.spec_writer_service` is `sardana-redis spec-writer`.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sardana_redis import log
from sardana_redis.errors import BadInputError
from sardana_redis.flags import (
    Config,
    FirstStart,
    Fsync,
    HttpHost,
    HttpPort,
    LeastFreeBytes,
    LogLevel,
    OutputRoot,
    ParkSeconds,
    Sessions,
    Url,
    WriterName,
)
from sardana_redis.runtime import stop_on_signals
from sardana_redis.settings import SpecDialect, load_settings
from sardana_redis.spec_writer._service import run_spec_writer

__all__ = ["main", "spec_writer"]


def spec_writer(
    *,
    url: Url = None,
    config: Config = None,
    writer_name: WriterName = None,
    output_root: OutputRoot = None,
    dialect: Annotated[
        SpecDialect | None, typer.Option("--dialect", help="`standard`, or the `poc`'s lines.")
    ] = None,
    session: Sessions = None,
    first_start: FirstStart = None,
    fsync: Fsync = None,
    next_scan_timeout: Annotated[
        float | None, typer.Option("--next-scan-timeout", help="Longest wait in s; 0: no limit.")
    ] = None,
    park_seconds: ParkSeconds = None,
    least_free_bytes: LeastFreeBytes = None,
    http_host: HttpHost = None,
    http_port: HttpPort = None,
    log_level: LogLevel = None,
) -> None:
    """Write scans into SPEC files as they come into Redis, until SIGTERM or Ctrl-C.

    What was scanned while the writer was down is written first, as long as Redis has it.
    Each option is a setting too: docs/settings.md, section spec_writer.
    """
    own = {
        "writer_name": writer_name,
        "output_root": output_root,
        "dialect": dialect,
        "sessions": tuple(session) if session else None,
        "first_start": first_start,
        "fsync": fsync,
        "next_scan_timeout": next_scan_timeout,
        "park_seconds": park_seconds,
        "least_free_bytes": least_free_bytes,
        "http_host": http_host,
        "http_port": http_port,
    }
    settings = load_settings(config, url=url, log_level=log_level, spec_writer=own)
    log.configure(settings.log_level)
    with stop_on_signals() as stop:
        run_spec_writer(settings, stop)


def main() -> None:
    """Runs the service; exit code 2 and one sentence for what the user can mend."""
    try:
        typer.run(spec_writer)
    except BadInputError as error:
        typer.echo(f"spec-writer: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
