"""The file of Sardana's environment: on a disk that stays, or the MacroServer does not run.

Sardana 3.7.1 makes a new environment in /tmp where it cannot open the file, and writes that
place into its property for good (`sardana/tango/macroserver/MacroServer.py`, `init_device`):
ScanID begins anew, and nobody is told.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

import tango

from sardana_redis.errors import BadInputError
from sardana_redis.log import get_logger

__all__ = ["check_environment_db", "confirm_environment_db", "environment_db", "forget_fallback"]

_PROPERTY: Final = "EnvironmentDb"
_FALLBACK: Final = str(Path(tempfile.gettempdir(), tempfile.gettempprefix()))

_log = get_logger(__name__)


def environment_db(database: tango.Database, macroserver: str) -> str | None:
    """Where the environment of a MacroServer lies; None as long as nobody said."""
    found = database.get_device_property(macroserver, _PROPERTY)[_PROPERTY]
    return str(found[0]) if found else None


def forget_fallback(database: tango.Database, macroserver: str) -> None:
    """Removes a place in /tmp that Sardana chose by itself; what a person set stays."""
    place = environment_db(database, macroserver)
    if place is not None and place.startswith(_FALLBACK):
        database.delete_device_property(macroserver, _PROPERTY)
        _log.warning("forgot an environment that does not last", path=place)


def check_environment_db(place: str) -> None:
    """Makes the file's folder where it is missing; raises BadInputError where none can be used."""
    if "redis" in place:  # Sardana's other kind of environment
        return
    path = Path(place)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(path, f"its folder cannot be made: {error.strerror}") from error
    files = [file for file in path.parent.glob(f"{path.name}*") if file.is_file()]
    for item in (path.parent, *files):
        if not os.access(item, os.R_OK | os.W_OK):
            raise _unusable(path, f"{item} is not writable for user id {os.getuid()}")


def confirm_environment_db(database: tango.Database, macroserver: str, place: str) -> None:
    """Raises BadInputError where Sardana left `place` for another; the property is put back."""
    found = environment_db(database, macroserver)
    if found != place:
        database.put_device_property(macroserver, {_PROPERTY: [place]})
        raise _unusable(Path(place), f"Sardana cannot open it and went to {found}")


def _unusable(path: Path, why: str) -> BadInputError:
    return BadInputError(
        f"Sardana's environment {path} cannot be used: {why}. Mount a writable volume there, or "
        "set device_server.environment_db."
    )
