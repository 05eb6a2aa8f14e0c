"""The `sardana-redis` command: a thin door over the rooms behind it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from sardana_redis import __version__, log
from sardana_redis.errors import (
    BadInputError,
    SardanaRedisError,
    ScanNotFoundError,
    StoreUnavailable,
)
from sardana_redis.settings import Settings, load_settings, masked_url
from sardana_redis.store import (
    ScanSummary,
    StreamSummary,
    initialise_database,
    list_scans,
    show_scan,
    url_with_password,
)

__all__ = ["app", "main"]

app = typer.Typer(
    name="sardana-redis",
    help="Sardana scans, streamed point by point into Redis in ESRF's blissdata format.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

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
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def main() -> None:
    """Runs the command; exit code 2 and one sentence for what the user can mend."""
    try:
        app()
    except (BadInputError, ScanNotFoundError) as error:
        _complain(str(error), code=2)
    except StoreUnavailable as error:
        _complain(f"Redis cannot be used now: {error} Is it running, is --url right?", code=1)
    except SardanaRedisError as error:
        _complain(str(error), code=1)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"sardana-redis {__version__}")
        raise typer.Exit


@app.command()
def demo() -> None:
    """Scan for real in a beamline of its own, and read every value back from Redis.

    Starts Redis, a Tango database, Pool and MacroServer on free ports in a temporary
    folder, runs one scan, compares what a reader gets with what was recorded, and removes
    everything. Exit code 0 only when every value is equal.
    """
    from sardana_redis.local import run_demo

    _log_to_stderr()
    raise typer.Exit(run_demo(Console()))


@app.command()
def local() -> None:
    """Start a beamline on this machine, with the recorder on, until Ctrl-C.

    Redis, a Tango database, Pool with Sardana's demo elements and MacroServer, on free
    ports of 127.0.0.1. Says what to type next; removes everything at the end.
    """
    from sardana_redis.local import run_local

    _log_to_stderr()
    raise typer.Exit(run_local(Console()))


@app.command("init-db")
def init_db(url: Url = None, config: Config = None, as_json: AsJson = False) -> None:
    """Make a Redis database ready for blissdata.

    Safe to repeat and beside foreign keys; does nothing where it was done before. The
    recorder does the same by itself at its first scan.
    """
    settings = _settings(url, config)
    done = initialise_database(_full_url(settings))
    if as_json:
        typer.echo(json.dumps({"url": masked_url(settings.url), "initialised": done}))
    else:
        what = "is ready for blissdata now" if done else "was ready for blissdata before"
        typer.echo(f"{masked_url(settings.url)} {what}.")


@app.command()
def scans(
    url: Url = None,
    config: Config = None,
    as_json: AsJson = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=2048, help="How many, newest first.")
    ] = 20,
) -> None:
    """List the newest scans in Redis."""
    found = list_scans(_full_url(_settings(url, config)), limit=limit)
    if as_json:
        typer.echo(json.dumps([asdict(scan) for scan in found]))
        return
    if not found:
        typer.echo("There is no scan in this Redis yet.")
        return
    _console().print(_scan_table(found))


@app.command()
def show(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A scan's key, from `scans`.")],
    url: Url = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show one scan: its streams with length, dtype, shape and unit, and their last values."""
    scan, streams = show_scan(_full_url(_settings(url, config)), key)
    if as_json:
        document = {**asdict(scan), "streams": [asdict(stream) for stream in streams]}
        typer.echo(json.dumps(document))
        return
    console = _console()
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


def _console() -> Console:
    """A console that cuts nothing off where its output is not a terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=200)


def _settings(url: str | None, config: Path | None) -> Settings:
    return load_settings(config, url=url)


def _full_url(settings: Settings) -> str:
    return url_with_password(settings.url, settings.password_file)


def _log_to_stderr() -> None:
    log.configure("warning")


def _complain(sentence: str, *, code: int) -> None:
    typer.echo(f"sardana-redis: {sentence}", err=True)
    sys.exit(code)
