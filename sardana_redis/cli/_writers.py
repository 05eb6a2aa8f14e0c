"""`sardana-redis writers`: the programs that write scans into files."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from sardana_redis.cli._options import AsJson, make_console, redis_url
from sardana_redis.flags import Config, Url
from sardana_redis.store import RegisteredWriter, forget_registered_writer, list_writers

__all__ = ["writers"]

_COUNTS = ("scans", "finished", "parked")

writers = typer.Typer(
    help="Programs that write scans into files: list them, forget one.", no_args_is_help=True
)


@writers.command("list")
def writers_list(url: Url = None, config: Config = None, as_json: AsJson = False) -> None:
    """List the registered writers, also those that do not run."""
    found = list_writers(redis_url(url, config))
    if as_json:
        typer.echo(json.dumps([asdict(writer) for writer in found]))
    elif not found:
        typer.echo("No writer is registered in this Redis.")
    else:
        make_console().print(_writer_table(found))


@writers.command("forget")
def writers_forget(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from `writers list`.")],
    url: Url = None,
    config: Config = None,
) -> None:
    """Forget a writer that is gone for good: nothing is kept for its sake any more.

    A writer that runs registers again, and writes what Redis still holds.
    """
    forget_registered_writer(redis_url(url, config), name)
    typer.echo(f"The writer {name} is forgotten.")


def _writer_table(found: list[RegisteredWriter]) -> Table:
    table = Table(box=None, header_style="bold")
    for title in ("name", "kind", "state", "host", "version", "scans", "finished", "parked"):
        table.add_column(title, justify="right" if title in _COUNTS else "left", no_wrap=True)
    for writer in found:
        state = "up" if writer.is_up else f"down for {writer.seen_seconds_ago:.0f} s"
        counts = (writer.scans, writer.finished, writer.parked)
        table.add_row(
            writer.name, writer.kind, state, writer.host, writer.version, *map(str, counts)
        )
    return table
