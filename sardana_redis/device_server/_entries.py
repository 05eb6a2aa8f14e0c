"""What the Tango database has of servers that run: it may have lost them without their notice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import tango

from sardana_redis.device_server._events import without_host

__all__ = ["doors_at", "is_forgotten"]

_NOT_DEFINED: Final = "DB_DeviceNotDefined"
_POOLS: Final = "PoolNames"


def is_forgotten(database: tango.Database, device: str) -> bool:
    """Whether the database answers, and has no such device."""
    try:
        database.get_device_info(device)
    except tango.DevFailed as error:
        return any(item.reason == _NOT_DEFINED for item in error.args)
    return False


def doors_at(database: tango.Database, pool: Iterable[str]) -> list[str]:
    """The doors of all MacroServers that work with a Pool, which has these names.

    Raises tango.DevFailed where the database does not answer.
    """
    names = {name.lower() for name in pool}
    doors: list[str] = []
    for macroserver in database.get_device_name("*", "MacroServer"):
        pools = database.get_device_property(macroserver, _POOLS)[_POOLS]
        if names & {without_host(name) for name in pools}:
            server = database.get_device_info(macroserver).ds_full_name
            doors += database.get_device_name(server, "Door")
    return doors
