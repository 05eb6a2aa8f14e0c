"""Sardana's Pool and MacroServer where they run in containers: registered, run, looked after.

`run_device_server` is behind the command `sardana-redis device-server`. The rest is what a
client of a control system needs, for the local stack and the tests as well.
"""

from __future__ import annotations

from sardana_redis.device_server._devices import (
    Device,
    Kind,
    door_names,
    macroserver_devices,
    macroserver_name,
    pool_alias,
    pool_devices,
    pool_name,
)
from sardana_redis.device_server._door import Door
from sardana_redis.device_server._elements import DEMO_ELEMENTS, make_demo_elements
from sardana_redis.device_server._environment import (
    as_sardana_reads,
    read_environment,
    write_environment,
)
from sardana_redis.device_server._macro import MacroRun, OnLine
from sardana_redis.device_server._probe import is_on, known_elements
from sardana_redis.device_server._programs import find_script, room_folders
from sardana_redis.device_server._registry import register
from sardana_redis.device_server._service import run_device_server
from sardana_redis.device_server._spock import run_spock, spock_command, write_spock_profile

__all__ = [
    "DEMO_ELEMENTS",
    "Device",
    "Door",
    "Kind",
    "MacroRun",
    "OnLine",
    "as_sardana_reads",
    "door_names",
    "find_script",
    "is_on",
    "known_elements",
    "macroserver_devices",
    "macroserver_name",
    "make_demo_elements",
    "pool_alias",
    "pool_devices",
    "pool_name",
    "read_environment",
    "register",
    "room_folders",
    "run_device_server",
    "run_spock",
    "spock_command",
    "write_environment",
    "write_spock_profile",
]
