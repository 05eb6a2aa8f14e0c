"""Imports what an image runs; an error ends the image's build.

`python images/smoke.py NAME...`: each name a module; with `.*` behind it a package and all that
is in it. pip compiles nothing here: the bytecode in an image is that of these imports.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys


def load(name: str) -> None:
    """Imports a module and, for `PACKAGE.*`, all modules and packages in it."""
    module = importlib.import_module(name.removesuffix(".*"))
    if not name.endswith(".*"):
        return
    for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{module.__name__}."):
        importlib.import_module(found.name)


if __name__ == "__main__":
    for word in sys.argv[1:]:
        load(word)
