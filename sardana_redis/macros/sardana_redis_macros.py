"""The macros: Sardana's MacroPath names the folder of this file.

Sardana loads every file of the folder whose name does not begin with `_`, and refuses relative
imports. Macros are named as operators type them.
"""

from __future__ import annotations

from typing import Any, NoReturn

import tango
from sardana.macroserver.macro import Macro, Type
from sardana.macroserver.msexception import MacroServerException, UnknownEnv

from sardana_redis.errors import BadInputError
from sardana_redis.macros._experiment import (
    KEYS,
    VARIABLE,
    described,
    with_member,
    with_value,
    without_member,
)
from sardana_redis.macros._last_scan import last_scan_lines
from sardana_redis.settings import load_settings

__all__ = ["add_expmember", "expinfo", "lastscan", "rm_expmember", "set_expinfo"]


def _variable(macro: Macro, name: str) -> Any:
    """The value of a variable of Sardana's environment; None where it is not set."""
    try:
        return macro.getEnv(name)
    except UnknownEnv:
        return None


def _refuse(macro: Macro, error: BadInputError) -> NoReturn:
    """Ends the macro with the error's one line, without a traceback."""
    raise MacroServerException({"type": macro.getName(), "msg": str(error)}) from error


class expinfo(Macro):  # type: ignore[misc]  # Sardana ships no types
    """Show the experiment information, which goes into Redis and into NeXus files."""

    def run(self) -> None:
        """Shows it."""
        try:
            lines = described(_variable(self, VARIABLE))
        except BadInputError as error:
            _refuse(self, error)
        for line in lines:
            self.output("%s", line)


class set_expinfo(Macro):  # type: ignore[misc]  # Sardana ships no types
    """Set a part of the experiment information, or remove it: set_expinfo KEY [VALUE]"""

    param_def = [
        ["key", Type.String, None, f"One of {', '.join(KEYS)}"],
        ["value", Type.String, "", "Its value, in quotes where it has blanks; none: remove it"],
    ]

    def run(self, key: str, value: str) -> None:
        """Sets it."""
        try:
            info = with_value(_variable(self, VARIABLE), key, value)
        except BadInputError as error:
            _refuse(self, error)
        self.setEnv(VARIABLE, info)


class add_expmember(Macro):  # type: ignore[misc]  # Sardana ships no types
    """Add a member to the team of the experiment, or replace the one of that name."""

    param_def = [
        ["name", Type.String, None, "Name, in quotes where it has blanks"],
        ["role", Type.String, "", "Role, such as local contact"],
        ["affiliation", Type.String, "", "Institute"],
        ["email", Type.String, "", "Address"],
        ["orcid", Type.String, "", "ORCID"],
    ]

    def run(self, name: str, role: str, affiliation: str, email: str, orcid: str) -> None:
        """Adds the member."""
        facts = {"role": role, "affiliation": affiliation, "email": email, "orcid": orcid}
        try:
            info = with_member(_variable(self, VARIABLE), name, **facts)
        except BadInputError as error:
            _refuse(self, error)
        self.setEnv(VARIABLE, info)


class rm_expmember(Macro):  # type: ignore[misc]  # Sardana ships no types
    """Remove a member from the team of the experiment."""

    param_def = [["name", Type.String, None, "Name as expinfo shows it"]]

    def run(self, name: str) -> None:
        """Removes the member."""
        try:
            info = without_member(_variable(self, VARIABLE), name)
        except BadInputError as error:
            _refuse(self, error)
        self.setEnv(VARIABLE, info)


class lastscan(Macro):  # type: ignore[misc]  # Sardana ships no types
    """Show the files of the last scans, and whether each writer has finished them."""

    param_def = [["count", Type.Integer, 1, "How many scans, newest first"]]

    def run(self, count: int) -> None:
        """Shows them; waits for Redis 2 s at most."""
        url = _variable(self, "RedisURL")
        host = tango.ApiUtil.get_env_var("TANGO_HOST")
        macroserver = f"{host}/{self.getMacroServer().name}"
        try:
            settings = load_settings(url=url if isinstance(url, str) else None)
        except BadInputError as error:
            _refuse(self, error)
        for line in last_scan_lines(settings, macroserver, min(max(1, count), 20)):
            self.output("%s", line)
