"""Progress of long steps: a spinner on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

__all__ = ["show_progress", "write"]


@contextmanager
def show_progress(console: Console) -> Iterator[Callable[[str], None]]:
    """A function to call with each step while inside; the time that all took stays visible."""
    began = time.monotonic()
    if console.is_terminal:
        with console.status("") as status:
            yield lambda step: status.update(f"{escape(step)} ...")
    else:
        yield lambda step: write(console, f"{step} ...")
    write(console, f"Ready after {time.monotonic() - began:.1f} s.")


def write(console: Console, text: str = "", style: str | None = None) -> None:
    """Prints text as it is: nothing in it is markup, no line is folded."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
