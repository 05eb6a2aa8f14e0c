"""`sardana-redis init-db`, `scans` and `show`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from sardana_redis.cli._options import AsJson, full_url, make_console, redis_url
from sardana_redis.flags import Config, Url
from sardana_redis.settings import load_settings, masked_url
from sardana_redis.store import (
    ScanSummary,
    StreamSummary,
    initialise_database,
    list_scans,
    show_scan,
)

__all__ = ["init_db", "scans", "show"]


def init_db(url: Url = None, config: Config = None, as_json: AsJson = False) -> None:
    """Make a Redis database ready for blissdata.

    Safe to repeat and beside foreign keys; does nothing where it was done before. The
    recorder does the same by itself at its first scan.
    """
    settings = load_settings(config, url=url)
    done = initialise_database(full_url(settings))
    if as_json:
        typer.echo(json.dumps({"url": masked_url(settings.url), "initialised": done}))
    else:
        what = "is ready for blissdata now" if done else "was ready for blissdata before"
        typer.echo(f"{masked_url(settings.url)} {what}.")


def scans(
    url: Url = None,
    config: Config = None,
    as_json: AsJson = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=2048, help="How many, newest first.")
    ] = 20,
) -> None:
    """List the newest scans in Redis."""
    found = list_scans(redis_url(url, config), limit=limit)
    if as_json:
        typer.echo(json.dumps([asdict(scan) for scan in found]))
        return
    if not found:
        typer.echo("There is no scan in this Redis yet.")
        return
    make_console().print(_scan_table(found))


def show(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A scan's key, from `scans`.")],
    url: Url = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show one scan: its streams with length, dtype, shape and unit, and their last values."""
    scan, streams = show_scan(redis_url(url, config), key)
    if as_json:
        document = {**asdict(scan), "streams": [asdict(stream) for stream in streams]}
        typer.echo(json.dumps(document))
        return
    console = make_console()
    console.print(_scan_table([scan]))
    console.print(_stream_table(streams))


def _scan_table(found: list[ScanSummary]) -> Table:
    table = Table(box=None, header_style="bold")
    for title in ("key", "number", "name", "state", "points", "start", "end reason"):
        justify: Literal["left", "right"] = "right" if title in ("number", "points") else "left"
        table.add_column(title, justify=justify, no_wrap=title in ("key", "start"))
    for scan in found:
        start = (scan.start_time or "").partition(".")[0].replace("T", " ")
        table.add_row(
            scan.key,
            str(scan.number),
            scan.name,
            scan.state,
            str(scan.points),
            start,
            scan.end_reason or "",
        )
    return table


def _stream_table(streams: list[StreamSummary]) -> Table:
    table = Table(box=None, header_style="bold")
    for title in ("stream", "length", "dtype", "shape", "unit", "sealed", "last value"):
        table.add_column(title, justify="right" if title == "length" else "left")
    for stream in streams:
        table.add_row(
            stream.name,
            str(stream.length),
            stream.dtype,
            " x ".join("any" if n < 0 else str(n) for n in stream.shape) or "scalar",
            stream.unit or "",
            "yes" if stream.sealed else "no",
            _short(stream.last),
        )
    return table


def _short(value: Any) -> str:
    """A value in at most a few words; of arrays only the first numbers."""
    if isinstance(value, list):
        text = json.dumps(value[:3])[:40]
        return text[:-1] + ", ...]" if len(value) > 3 else text
    return "" if value is None else str(value)[:40]
