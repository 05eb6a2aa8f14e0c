"""The requirements of some extras of pyproject.toml, one a line, or with none of the base alone.

`python images/requirements.py [EXTRA...]`: an image installs these before our source is there,
so that a change of the source installs nothing anew. `--only EXTRA` leaves the base out.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

_PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def requirements(extras: list[str], *, with_base: bool) -> list[str]:
    """What pip has to install; KeyError for an extra that pyproject.toml does not have."""
    project = tomllib.loads(_PYPROJECT.read_text(encoding="utf-8"))["project"]
    found = list(project["dependencies"]) if with_base else []
    for extra in extras:
        found += project["optional-dependencies"][extra]
    return found


def main(words: list[str]) -> None:
    """Prints them."""
    only = "--only" in words
    extras = [word for word in words if word != "--only"]
    sys.stdout.write("\n".join(requirements(extras, with_base=not only)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
