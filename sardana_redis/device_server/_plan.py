"""From the settings to what is registered and how the server is called; nothing is done here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sardana_redis.device_server._devices import (
    Device,
    Kind,
    macroserver_devices,
    pool_alias,
    pool_devices,
)
from sardana_redis.device_server._programs import find_script, room_folders
from sardana_redis.errors import SettingsError
from sardana_redis.settings import DeviceServerSettings

__all__ = ["planned_devices", "server_command", "server_variables", "tango_host"]

_PATHS: Final = ("RecorderPath", "MacroPath")


def planned_devices(kind: Kind, own: DeviceServerSettings) -> list[Device]:
    """What has to stand in the Tango database before the server starts."""
    given = {
        name: [value] if isinstance(value, str) else list(value)
        for name, value in own.properties.items()
    }
    if kind is Kind.POOL:
        return pool_devices(own.instance, given)
    properties = {
        "PoolNames": [own.pool or pool_alias(own.instance)],
        "EnvironmentDb": [str(own.environment_db)],
    }
    paths = {
        "RecorderPath": _folders(*own.recorder_path, *room_folders("recorder")),
        "MacroPath": _folders(*own.macro_path, *room_folders("macros")),
    }
    for name in _PATHS:
        paths[name] += given.pop(name, [])
    return macroserver_devices(
        own.instance, doors=own.doors, properties=properties | given, paths=paths
    )


def server_command(kind: Kind, own: DeviceServerSettings) -> list[str]:
    """The words that start the server; raises ProgramMissingError without Sardana.

    The end point names no address: with 0.0.0.0 clients would be told to ask themselves for
    events.
    """
    words = [str(find_script(kind.program, "sardana")), own.instance]
    words += ["--log-level", "info", "--without-log-file", "True"]
    if own.port is not None:
        words += ["-ORBendPoint", f"giop:tcp::{own.port}"]
        if own.public_host is not None:
            words += ["-ORBendPointPublish", f"giop:tcp:{own.public_host}:{own.port}"]
    return words


def server_variables(
    environ: Mapping[str, str], own: DeviceServerSettings, config: Path | None
) -> dict[str, str]:
    """The server's environment: ours, with its ports, and the settings file for its recorder."""
    variables = {**environ, "PYTHONUNBUFFERED": "1"}
    ports = {
        "TANGO_ZMQ_HEARTBEAT_PORT": own.heartbeat_port,
        "TANGO_ZMQ_EVENT_PORT": own.event_port,
    }
    variables |= {name: str(port) for name, port in ports.items() if port is not None}
    if config is not None:
        variables["SARDANA_REDIS_CONFIG"] = str(config.absolute())
    return variables


def tango_host(environ: Mapping[str, str]) -> str:
    """The Tango database's HOST:PORT; raises SettingsError where it is not given."""
    host = environ.get("TANGO_HOST", "")
    name, _, port = host.rpartition(":")
    if not name or not port.isdigit():
        raise SettingsError(
            f"TANGO_HOST is {host!r}: set it to the Tango database, such as TANGO_HOST=tango:10000."
        )
    return host


def _folders(*paths: Path) -> list[str]:
    return [str(path) for path in paths]
