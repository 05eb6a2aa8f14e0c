"""Takes out of an environment what an image never imports; the image's own smoke test is the judge.

`python images/slim.py ENVIRONMENT LIST`: each line of LIST is a package to uninstall or, with a
`/` in it, a pattern of folders or files below site-packages to remove.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path


def lines_of(path: Path) -> list[str]:
    """The lines without comments and empty ones."""
    lines = (
        line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").split("\n")
    )
    return [line for line in lines if line]


def uninstall(environment: Path, packages: list[str]) -> None:
    """Uninstalls the packages; those that are not there count as done."""
    if packages:
        pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python")]
        subprocess.run([*pip, "uninstall", "--quiet", "--yes", *packages], check=True)


def remove(environment: Path, patterns: list[str]) -> None:
    """Removes what matches; SystemExit for a pattern that matches nothing, which is out of date."""
    site_packages = next(environment.glob("lib/python3.*/site-packages"))
    for pattern in patterns:
        found = list(site_packages.glob(pattern.rstrip("/")))
        if not found:
            sys.exit(f"slim.py: {pattern} matches nothing; take it off the list")
        for path in found:
            if path.is_dir():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()


def main(environment: Path, listed: Path) -> None:
    """Does both."""
    lines = lines_of(listed)
    uninstall(environment, [line for line in lines if "/" not in line])
    remove(environment, [line for line in lines if "/" in line])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
