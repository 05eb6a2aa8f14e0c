"""The Tango database: waiting for it, and writing what is missing in it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import tango

from sardana_redis.device_server._devices import Device
from sardana_redis.errors import ControlSystemError
from sardana_redis.log import get_logger

__all__ = ["merged_folders", "register", "wait_for_database"]

_POLL_SECONDS: Final = 1.0
_TELL_SECONDS: Final = 30.0
_OURS: Final = re.compile(r".*/sardana_redis/(\w+)")

_log = get_logger(__name__)


def wait_for_database(host: str, stop: threading.Event) -> tango.Database | None:
    """The database at HOST:PORT, however long it is away; None once `stop` is set."""
    name, _, port = host.rpartition(":")
    told = -_TELL_SECONDS
    while not stop.is_set():
        try:
            return tango.Database(name, int(port))
        except tango.DevFailed as error:
            if time.monotonic() - told >= _TELL_SECONDS:
                told = time.monotonic()
                _log.warning("waiting for the Tango database", host=host, reason=_reason(error))
            stop.wait(_POLL_SECONDS)
    return None


def register(database: tango.Database, devices: Iterable[Device]) -> list[str]:
    """Writes what is missing and overwrites nothing; returns what it wrote, for the log.

    Raises ControlSystemError where a name is somebody else's, or the database refuses.
    """
    written: list[str] = []
    try:
        for device in devices:
            written += _register_device(database, device)
            written += _register_properties(database, device)
    except tango.DevFailed as error:
        raise ControlSystemError(f"The Tango database refuses: {_reason(error)}") from error
    return written


def merged_folders(found: Sequence[str], ours: Sequence[str]) -> list[str]:
    """The folders that were found, and behind them ours, each once.

    One of this package at another place is an earlier installation's, and goes.
    """
    rooms = {_room(folder) for folder in ours} - {None}
    kept = [folder for folder in found if folder in ours or _room(folder) not in rooms]
    return kept + [folder for folder in ours if folder not in kept]


def _room(folder: str) -> str | None:
    match = _OURS.fullmatch(folder)
    return match[1] if match else None


def _register_device(database: tango.Database, device: Device) -> list[str]:
    server = _server_of(database, device.name)
    if server is not None:
        if server.lower() != device.server.lower():
            raise ControlSystemError(
                f"The Tango database has {device.name} as a device of {server}, not of "
                f"{device.server}: choose another instance, or remove that device."
            )
        return _register_alias(database, device)
    entry = tango.DbDevInfo()
    entry.server = device.server
    entry._class = device.class_name  # noqa: SLF001  # pytango's public name
    entry.name = device.name
    database.add_device(entry)
    return [device.name, *_register_alias(database, device)]


def _register_alias(database: tango.Database, device: Device) -> list[str]:
    """Gives a device that has no alias its own, unless another device has that.

    We may have been ended between the device and its alias, or somebody made the device.
    """
    owner = _owner_of(database, device.alias)
    if owner is not None and owner.lower() == device.name.lower():
        return []
    if _has_alias(database, device.name):
        return []
    if owner is not None:
        raise ControlSystemError(
            f"The alias {device.alias} belongs to {owner} in the Tango database: choose another "
            "instance, or give that device another alias."
        )
    database.put_device_alias(device.name, device.alias)
    return [device.alias]


def _has_alias(database: tango.Database, name: str) -> bool:
    """Whether a device has an alias: asked for it, PyDatabaseds fails where there is none."""
    owners = (_owner_of(database, alias) for alias in database.get_device_alias_list("*"))
    return any(owner is not None and owner.lower() == name.lower() for owner in owners)


def _register_properties(database: tango.Database, device: Device) -> list[str]:
    names = [*device.properties, *device.paths]
    if not names:
        return []
    found: Mapping[str, Sequence[str]] = database.get_device_property(device.name, names)
    wanted = {name: list(v) for name, v in device.properties.items() if not found[name]}
    kept = [n for n, v in device.properties.items() if found[n] and list(found[n]) != list(v)]
    if kept:
        _log.info("kept what is set in the Tango database", device=device.name, properties=kept)
    for name, ours in device.paths.items():
        merged = merged_folders(found[name], ours)
        if merged != list(found[name]):
            wanted[name] = merged
    if wanted:
        database.put_device_property(device.name, wanted)
    return [f"{device.name}:{name}" for name in wanted]


def _server_of(database: tango.Database, name: str) -> str | None:
    try:
        return str(database.get_device_info(name).ds_full_name)
    except tango.DevFailed:
        return None


def _owner_of(database: tango.Database, alias: str) -> str | None:
    try:
        return str(database.get_device_from_alias(alias))
    except tango.DevFailed:
        return None


def _reason(error: tango.DevFailed) -> str:
    return str(error.args[0].desc).strip()
