"""The writers of the stack: the services as users start them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sardana_redis.local._process import Process
from sardana_redis.local._tango import without_foreign_settings

__all__ = ["NEXUS_WRITER", "SPEC_WRITER", "Writers", "make_writer"]

SPEC_WRITER: Final = "spec"
NEXUS_WRITER: Final = "nexus"
"""Their names in Redis."""

_TITLES: Final = {SPEC_WRITER: "The SPEC writer", NEXUS_WRITER: "The NeXus writer"}


def make_writer(
    name: str, url: str, folder: Path, log: Path, *, arguments: Sequence[str] = ()
) -> Process:
    """The writer of that name, following the Redis at `url`; it is not started."""
    command = [sys.executable, "-m", "sardana_redis", f"{name}-writer", "--url", url]
    return Process(
        _TITLES[name],
        [*command, "--writer-name", name, *arguments],
        folder=folder,
        log=log,
        environment=without_foreign_settings(),
    )


class Writers:
    """The writers of a stack whose folder is `folder`; each is made when it is asked for.

    `arguments` are given to all of them.
    """

    def __init__(self, folder: Path, arguments: Sequence[str] = ()) -> None:
        self._folder = folder
        self._arguments = tuple(arguments)
        self._made: dict[str, Process] = {}

    def get(self, name: str, url: str) -> Process:
        """The writer of that name."""
        if name not in self._made:
            log = self._folder / "log" / f"{name}-writer.log"
            self._made[name] = make_writer(name, url, self._folder, log, arguments=self._arguments)
        return self._made[name]

    def stop(self) -> None:
        """Ends those that were started."""
        for writer in self._made.values():
            writer.ask_to_end()
        for writer in self._made.values():
            writer.terminate()
