"""What is done once in a MacroServer that came up: its environment, and demo elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tango

from sardana_redis.device_server._devices import door_names, macroserver_name
from sardana_redis.device_server._door import Door
from sardana_redis.device_server._elements import make_demo_elements
from sardana_redis.device_server._environment import read_environment, write_environment
from sardana_redis.device_server._environment_db import confirm_environment_db
from sardana_redis.device_server._sight import Sight
from sardana_redis.errors import ControlSystemError
from sardana_redis.log import get_logger
from sardana_redis.settings import DeviceServerSettings

__all__ = ["MacroServerErrands", "missing_variables"]

_log = get_logger(__name__)


def missing_variables(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the wanted variables that nobody has set yet."""
    return {name: value for name, value in wanted.items() if name not in found}


class MacroServerErrands:
    """Each method is an errand of the attendant; `host` is the Tango database's HOST:PORT."""

    def __init__(
        self,
        own: DeviceServerSettings,
        host: str,
        database: tango.Database,
        pools: Sequence[str],
        sight: Sight,
    ) -> None:
        self._own = own
        self._host = host
        self._database = database
        self._pools = pools
        self._sight = sight
        self._name = macroserver_name(own.instance)

    def confirm_environment_db(self, place: str) -> None:
        """Makes sure that Sardana uses the file that it was told to use."""
        confirm_environment_db(self._database, self._name, place)

    def set_environment(self) -> None:
        """Sets the variables that are missing."""
        found = read_environment(self._name)
        wanted = self._own.environment.items()
        kept = [name for name, value in wanted if name in found and found[name] != value]
        if kept:
            _log.info("kept what is set in Sardana's environment", names=kept)
        missing = missing_variables(found, self._own.environment)
        if missing:
            write_environment(self._name, missing)
            _log.info("set variables of Sardana's environment", names=list(missing))

    def make_demo_elements(self) -> None:
        """Runs `sar_demo` where no Pool has a controller."""
        if not self._own.demo_elements:
            return
        obstacle = self._sight.obstacle()
        if obstacle is not None:
            raise ControlSystemError(obstacle)
        if any(_has_controllers(pool) for pool in self._pools):
            return
        door = Door(self._host, door_names(self._own.instance, 1)[0], macroserver=self._name)
        make_demo_elements(door, self._name)
        _log.info("made demo elements", macro="sar_demo")


def _has_controllers(pool: str) -> bool:
    """Whether a Pool has any; raises tango.DevFailed where it does not answer.

    The proxy's own attribute ControllerList would raise AttributeError there.
    """
    return bool(tango.DeviceProxy(pool).read_attribute("ControllerList").value)
