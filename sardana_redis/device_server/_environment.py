"""Sardana's environment, read and written through the MacroServer's Tango attribute.

The attribute takes values as they are, where `senv` needs them quoted twice.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from typing import Any

import tango

from sardana_redis.errors import ControlSystemError

__all__ = ["as_sardana_reads", "read_environment", "write_environment"]

_FORMAT = "pickle"


def read_environment(macroserver: str) -> dict[str, Any]:
    """All variables of a MacroServer, by their full names."""
    try:
        _, content = tango.DeviceProxy(macroserver).read_attribute("Environment").value
    except tango.DevFailed as error:
        raise _failure(macroserver, error) from error
    # Our own MacroServer wrote it; there is no other format.
    variables: dict[str, Any] = pickle.loads(content)["new"]  # noqa: S301  # see above
    return variables


def write_environment(
    macroserver: str, variables: Mapping[str, Any], *, remove: Iterable[str] = ()
) -> None:
    """Sets variables and removes others, in one step; unknown names to remove are ignored."""
    known = read_environment(macroserver)
    change = {
        "new": {name: as_sardana_reads(value) for name, value in variables.items()},
        "del": [name for name in remove if name in known],
    }
    try:
        tango.DeviceProxy(macroserver).write_attribute(
            "Environment", (_FORMAT, pickle.dumps(change))
        )
    except tango.DevFailed as error:
        raise _failure(macroserver, error) from error


def as_sardana_reads(value: object) -> object:
    """The value, or for a string its literal: Sardana evaluates strings as Python literals.

    Without that the string "123" becomes a number, and "None" nothing.
    """
    return repr(value) if isinstance(value, str) else value


def _failure(macroserver: str, error: tango.DevFailed) -> ControlSystemError:
    return ControlSystemError(
        f"The environment of {macroserver} cannot be used: {error.args[0].desc.strip()}"
    )
