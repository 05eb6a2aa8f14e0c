"""What all commands that look at Redis share: their options, their settings, their console."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sardana_redis.settings import Settings, load_settings
from sardana_redis.store import url_with_password

__all__ = ["AsJson", "full_url", "make_console", "redis_url"]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def redis_url(url: str | None, config: Path | None) -> str:
    """Redis' URL from the options and all settings, with its password."""
    return full_url(load_settings(config, url=url))


def full_url(settings: Settings) -> str:
    """Redis' URL with its password."""
    return url_with_password(settings.url, settings.password_file)


def make_console() -> Console:
    """A console that cuts nothing off where its output is not a terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=200)
