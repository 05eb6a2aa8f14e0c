"""`sardana-redis parked`: scans that a writer cannot write."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from sardana_redis.cli._options import AsJson, make_console, redis_url
from sardana_redis.errors import BadInputError
from sardana_redis.flags import Config, Url
from sardana_redis.store import Order, OrderKind, Parked, list_parked, order_parked

__all__ = ["parked"]

parked = typer.Typer(
    help="Scans that a writer cannot write: list, retry or skip them.", no_args_is_help=True
)

ScanName = Annotated[
    str, typer.Argument(metavar="SCAN", help="A parked scan's key or number, or `all`.")
]
Writer = Annotated[str | None, typer.Option("--writer", help="Only what this writer has parked.")]


@parked.command("list")
def parked_list(url: Url = None, config: Config = None, as_json: AsJson = False) -> None:
    """List the scans that writers cannot write, where to, and why."""
    found = list_parked(redis_url(url, config))
    if as_json:
        typer.echo(json.dumps([asdict(item) for item in found]))
    elif not found:
        typer.echo("No scan is parked.")
    else:
        make_console().print(_parked_table(found))


@parked.command("retry")
def parked_retry(
    scan: ScanName,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="PATH", help="Another file for the scan.")
    ] = None,
    writer: Writer = None,
    url: Url = None,
    config: Config = None,
) -> None:
    """Let the writer try again now, into another file where one is named."""
    if to is not None and scan == "all":
        raise BadInputError("`--to` names the file of one scan: name its key or number.")
    target = None if to is None else str(to.absolute())
    order = Order(OrderKind.RETRY, target)
    found = order_parked(redis_url(url, config), scan, order, writer=writer)
    for item in found:
        typer.echo(f"{item.writer} is asked to write {item.key} to {target or item.scan.path}.")


@parked.command("skip")
def parked_skip(
    scan: ScanName, writer: Writer = None, url: Url = None, config: Config = None
) -> None:
    """Give a scan up: the writer will not write it, and nothing protects its data any more."""
    order = Order(OrderKind.SKIP)
    for item in order_parked(redis_url(url, config), scan, order, writer=writer):
        typer.echo(f"{item.writer} is asked to skip {item.key}.")


def _parked_table(found: list[Parked]) -> Table:
    table = Table(box=None, header_style="bold")
    for title in ("writer", "key", "number", "file", "reason", "title"):
        table.add_column(title, no_wrap=title == "key")
    for item in found:
        scan = item.scan
        table.add_row(item.writer, item.key, str(scan.number), scan.path, scan.reason, scan.title)
    return table
