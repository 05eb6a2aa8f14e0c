"""Where the servers' programs and our own rooms lie."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

from sardana_redis.errors import ProgramMissingError

__all__ = ["find_script", "room_folders"]


def find_script(name: str, package: str) -> Path:
    """The console script of a package: beside our Python, else on PATH.

    Raises ProgramMissingError, which names the package to install.
    """
    beside = Path(sys.executable).with_name(name)
    found = beside if beside.exists() else shutil.which(name)
    if found is None:
        raise ProgramMissingError(
            f"The program {name} of {package} is not installed: `pip install {package}`."
        )
    return Path(found)


def room_folders(*names: str) -> list[Path]:
    """The folders of those of our packages that there are, without importing them."""
    specs = (importlib.util.find_spec(f"sardana_redis.{name}") for name in names)
    return [
        Path(spec.submodule_search_locations[0])
        for spec in specs
        if spec is not None and spec.submodule_search_locations
    ]
