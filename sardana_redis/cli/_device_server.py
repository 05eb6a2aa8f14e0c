"""`sardana-redis device-server`: a Pool or a MacroServer in a container."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sardana_redis import log
from sardana_redis.flags import Config, LogLevel
from sardana_redis.runtime import need_extra, stop_on_signals
from sardana_redis.settings import load_settings

__all__ = ["device_server"]

device_server = typer.Typer(
    help="A Pool or a MacroServer that registers itself, and spock for it.",
    no_args_is_help=True,
)


@device_server.command()
def pool(config: Config = None, log_level: LogLevel = None) -> None:
    """Run Sardana's Pool until SIGTERM or Ctrl-C.

    Waits for the Tango database of TANGO_HOST and writes what is missing in it: nothing that is
    there is overwritten. Settings: docs/settings.md, section device_server.
    """
    _run("pool", config, log_level)


@device_server.command()
def macroserver(config: Config = None, log_level: LogLevel = None) -> None:
    """Run Sardana's MacroServer, with its doors and our recorder, until SIGTERM or Ctrl-C.

    Like `pool`; then sets variables that Sardana's environment lacks, and makes demo elements
    where that is asked for. Ready means that a scan can begin.
    """
    _run("macroserver", config, log_level)


@device_server.command(context_settings={"ignore_unknown_options": True})
def spock(
    words: Annotated[list[str] | None, typer.Argument(help="Options of spock itself.")] = None,
) -> None:
    """Open spock on the first door, without a question and without a home folder."""
    need_extra("macroserver", "sardana", "tango", "itango")
    from sardana_redis.device_server import run_spock

    run_spock(load_settings().device_server, words or [])


def _run(kind: Literal["pool", "macroserver"], config: Path | None, log_level: str | None) -> None:
    need_extra("macroserver", "sardana", "tango")
    from sardana_redis.device_server import Kind, run_device_server

    settings = load_settings(config, log_level=log_level)
    log.configure(settings.log_level)
    with stop_on_signals() as stop:
        raise typer.Exit(run_device_server(Kind(kind), settings, stop, config=config))
