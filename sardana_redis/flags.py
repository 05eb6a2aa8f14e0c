"""The command line's options that several commands share, as types of their parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Config",
    "FirstStart",
    "Fsync",
    "HttpHost",
    "HttpPort",
    "LeastFreeBytes",
    "LogLevel",
    "OutputRoot",
    "ParkSeconds",
    "Sessions",
    "Url",
    "WriterName",
]

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        "-u",
        metavar="URL",
        help="Redis, such as redis://localhost:6379. Default: SARDANA_REDIS_URL, then the "
        "settings file, then redis://localhost:6379.",
        show_default=False,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="YAML file with settings.", show_default=False),
]
LogLevel = Annotated[str | None, typer.Option("--log-level", help="debug, info, warning or error.")]
HttpHost = Annotated[
    str | None, typer.Option("--http-host", help="Address of /metrics and /healthz.")
]
HttpPort = Annotated[int | None, typer.Option("--http-port", help="Port of /metrics and /healthz.")]

# --- of all writers -------------------------------------------------------------------------------

WriterName = Annotated[
    str | None,
    typer.Option("--writer-name", help="Name in Redis and metrics. Default: the writer's kind."),
]
OutputRoot = Annotated[
    Path | None, typer.Option("--output-root", help="No file may lie outside this folder.")
]
Sessions = Annotated[
    list[str] | None, typer.Option("--session", help="Only this session; may be repeated.")
]
FirstStart = Annotated[
    str | None,
    typer.Option("--first-start", help="With a Redis new to it: write `all` scans, or `new`."),
]
Fsync = Annotated[
    bool | None, typer.Option("--fsync/--no-fsync", help="Count points that are on the disk.")
]
ParkSeconds = Annotated[
    float | None,
    typer.Option("--park-seconds", help="A file is tried for as long, then its scan is parked."),
]
LeastFreeBytes = Annotated[
    int | None,
    typer.Option("--least-free-bytes", help="With less left on a disk operators are told."),
]
