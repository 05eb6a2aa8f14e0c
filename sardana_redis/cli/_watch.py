"""`sardana-redis watch`: memory, scans and writers, as they are now."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from sardana_redis.cli._options import AsJson, make_console
from sardana_redis.cli._view import View, make_view, render
from sardana_redis.errors import StoreError
from sardana_redis.flags import Config, Url
from sardana_redis.runtime import stop_on_signals
from sardana_redis.settings import load_settings, masked_url
from sardana_redis.store import Onlooker, Outlook

__all__ = ["watch"]

_PERIOD_SECONDS = 1.0


def watch(
    url: Url = None,
    config: Config = None,
    as_json: AsJson = False,
    once: Annotated[bool, typer.Option("--once", help="Look once, for scripts.")] = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=2048, help="How many scans, newest first.")
    ] = 10,
) -> None:
    """Watch memory, scans and writers' lag, until Ctrl-C.

    Refreshes each second, also through restarts of Redis. With --json one document a line, until
    Redis is away. Where the output is neither a terminal nor JSON it looks once.
    """
    settings = load_settings(config, url=url)
    console = make_console()
    with Onlooker(settings.url, password_file=settings.password_file) as onlooker:
        viewer = _Viewer(onlooker, masked_url(settings.url), limit)
        if once or not (as_json or console.is_terminal):
            view = viewer.look()
            if as_json:
                _print_json(view)
            else:
                console.print(render(view))
            return
        with stop_on_signals() as stop:
            if as_json:
                _repeat(stop, lambda: _print_json(viewer.look()))
                return
            with Live(console=console, auto_refresh=False) as live:
                _repeat(stop, lambda: live.update(viewer.look_or_tell(), refresh=True))


class _Viewer:
    """Looks, and remembers what it saw last."""

    def __init__(self, onlooker: Onlooker, url: str, limit: int) -> None:
        self._onlooker = onlooker
        self._url = url
        self._limit = limit
        self._seen: Outlook | None = None
        self._view: View | None = None

    def look(self) -> View:
        """What there is now; raises StoreError."""
        before, self._seen = self._seen, self._onlooker.look(self._limit)
        self._view = make_view(self._url, self._seen, before)
        return self._view

    def look_or_tell(self) -> RenderableType:
        """What there is now or, while Redis does not say, was last, with the reason."""
        try:
            return render(self.look())
        except StoreError as error:
            trouble = f"{self._url} cannot be used now: {error} Trying again."
            if self._view is None:
                return Text(trouble, style="bold red")
            return render(self._view, trouble)


def _repeat(stop: threading.Event, act: Callable[[], None]) -> None:
    while True:
        act()
        if stop.wait(_PERIOD_SECONDS):
            return


def _print_json(view: View) -> None:
    typer.echo(json.dumps(asdict(view)))
