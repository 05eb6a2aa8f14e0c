"""The command `SpecWriter`: the Tango server, or a sentence where Tango is not installed."""

from __future__ import annotations

import sys

import typer

from sardana_redis.errors import ExtraMissingError
from sardana_redis.runtime import need_extra

__all__ = ["main"]


def main() -> None:
    """Runs the Tango server; its arguments are Tango's own: INSTANCE -v4."""
    try:
        need_extra("tango", "tango")
    except ExtraMissingError as error:
        typer.echo(f"SpecWriter: {error}", err=True)
        sys.exit(2)
    from sardana_redis.spec_writer import spec_writer_tango

    spec_writer_tango.main()
