"""The NeXus writer as a service of its own.

`python -m sardana_redis.nexus_writer.nexus_writer_service` is `sardana-redis nexus-writer`.
"""

from __future__ import annotations

import sys

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
from sardana_redis.runtime import need_extra, stop_on_signals
from sardana_redis.settings import load_settings

__all__ = ["main", "nexus_writer"]


def nexus_writer(
    *,
    url: Url = None,
    config: Config = None,
    writer_name: WriterName = None,
    output_root: OutputRoot = None,
    session: Sessions = None,
    first_start: FirstStart = None,
    fsync: Fsync = None,
    park_seconds: ParkSeconds = None,
    least_free_bytes: LeastFreeBytes = None,
    http_host: HttpHost = None,
    http_port: HttpPort = None,
    log_level: LogLevel = None,
) -> None:
    """Write scans into NeXus files as they come into Redis, until SIGTERM or Ctrl-C.

    What was scanned while the writer was down is written first, as long as Redis has it.
    Each option is a setting too: docs/settings.md, section nexus_writer.
    """
    own = {
        "writer_name": writer_name,
        "output_root": output_root,
        "sessions": tuple(session) if session else None,
        "first_start": first_start,
        "fsync": fsync,
        "park_seconds": park_seconds,
        "least_free_bytes": least_free_bytes,
        "http_host": http_host,
        "http_port": http_port,
    }
    settings = load_settings(config, url=url, log_level=log_level, nexus_writer=own)
    log.configure(settings.log_level)
    need_extra("nexus-writer", "blisswriter", "h5py")
    # HDF5 and blisswriter take half a second to import, which no other command needs.
    from sardana_redis.nexus_writer import run_nexus_writer

    with stop_on_signals() as stop:
        run_nexus_writer(settings, stop)


def main() -> None:
    """Runs the service; exit code 2 and one sentence for what the user can mend."""
    try:
        typer.run(nexus_writer)
    except BadInputError as error:
        typer.echo(f"nexus-writer: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
