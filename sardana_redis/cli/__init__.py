"""The `sardana-redis` command: a thin door over the rooms behind it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sardana_redis import __version__
from sardana_redis.cli._device_server import device_server
from sardana_redis.cli._parked import parked
from sardana_redis.cli._scans import init_db, scans, show
from sardana_redis.cli._stack import demo, local
from sardana_redis.cli._watch import watch
from sardana_redis.cli._writers import writers
from sardana_redis.errors import (
    BadInputError,
    Outage,
    SardanaRedisError,
    ScanNotFoundError,
    StoreUnavailable,
)
from sardana_redis.memory_tracker import memory_tracker
from sardana_redis.nexus_writer.nexus_writer_service import nexus_writer
from sardana_redis.spec_writer.spec_writer_service import spec_writer

__all__ = ["app", "main"]

app = typer.Typer(
    name="sardana-redis",
    help="Sardana scans, streamed point by point into Redis in ESRF's blissdata format.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo)
app.command()(local)
app.command("init-db")(init_db)
app.command()(scans)
app.command()(show)
app.command()(watch)
app.add_typer(parked, name="parked")
app.add_typer(writers, name="writers")
app.command("spec-writer")(spec_writer)
app.command("nexus-writer")(nexus_writer)
app.command("memory-tracker")(memory_tracker)
app.add_typer(device_server, name="device-server")


def _remedy(reason: Outage) -> str:
    if reason is Outage.REFUSED:
        return (
            "Are user and password right, and may that user do it? docs/redis.md has the rights "
            "of each role."
        )
    return "Is it running, is --url right?"


def main() -> None:
    """Runs the command; exit code 2 and one sentence for what the user can mend."""
    try:
        app()
    except (BadInputError, ScanNotFoundError) as error:
        _complain(str(error), code=2)
    except StoreUnavailable as error:
        text = str(error).rstrip(".")
        _complain(f"Redis cannot be used now: {text}. {_remedy(error.reason)}", code=1)
    except SardanaRedisError as error:
        _complain(str(error), code=1)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"sardana-redis {__version__}")
        raise typer.Exit


def _complain(sentence: str, *, code: int) -> None:
    typer.echo(f"sardana-redis: {sentence}", err=True)
    sys.exit(code)
