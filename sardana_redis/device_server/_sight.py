"""What a look at the server shows: whether it can be worked with, and if not, why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

import tango

from sardana_redis.device_server._devices import (
    door_names,
    macroserver_name,
    pool_alias,
    pool_name,
)
from sardana_redis.device_server._entries import doors_at, is_forgotten
from sardana_redis.device_server._events import missing_events, query_events
from sardana_redis.device_server._probe import known_elements
from sardana_redis.settings import DeviceServerSettings

__all__ = ["MacroServerSight", "PoolSight", "Sight"]

_SHOWN: Final = 3
# A door is RUNNING with a macro, and in ALARM after one that failed: both are at work.
_UNUSABLE: Final = (tango.DevState.INIT, tango.DevState.UNKNOWN, tango.DevState.FAULT)


class Sight(Protocol):
    """Looks at a server; each question asks Tango, for some seconds at most."""

    def server_obstacle(self) -> str | None:
        """Why the server itself cannot be used; None: it can."""

    def obstacle(self) -> str | None:
        """Why no scan can begin, as far as this server knows; None: one can."""

    @property
    def is_stranger(self) -> bool:
        """Whether the last `obstacle` was that a Pool answers which the server does not know."""

    def is_busy(self) -> bool:
        """Whether a macro runs, or may run: what does not answer counts as busy."""

    def is_forgotten(self) -> bool:
        """Whether the Tango database answers and has lost the server's device."""


class PoolSight:
    """Looks at a Pool."""

    is_stranger = False

    def __init__(self, own: DeviceServerSettings, database: tango.Database) -> None:
        self._name = pool_name(own.instance)
        self._alias = pool_alias(own.instance)
        self._database = database
        self._devices = _Devices([self._name])

    def server_obstacle(self) -> str | None:
        """See Sight."""
        return self._devices.obstacle()

    def obstacle(self) -> str | None:
        """See Sight."""
        return self._devices.obstacle()

    def is_busy(self) -> bool:
        """See Sight; a Pool does not know of scans, the doors of its MacroServers do.

        Without a MacroServer in the database there may be one that it has lost as well.
        """
        try:
            doors = doors_at(self._database, (self._name, self._alias))
        except tango.DevFailed:
            return True
        return not doors or _Devices(doors).are_busy()

    def is_forgotten(self) -> bool:
        """See Sight."""
        return is_forgotten(self._database, self._name)


class MacroServerSight:
    """Looks at a MacroServer with its doors, and at the Pools that it works with."""

    def __init__(
        self, own: DeviceServerSettings, pools: Iterable[str], database: tango.Database
    ) -> None:
        self._name = macroserver_name(own.instance)
        self._database = database
        self._devices = _Devices([self._name, *door_names(own.instance, own.doors)])
        self._pools = tuple(pools)
        self._is_familiar = False
        self.is_stranger = False

    def server_obstacle(self) -> str | None:
        """See Sight."""
        self.is_stranger = False
        return self._devices.obstacle()

    def is_busy(self) -> bool:
        """See Sight."""
        return self._devices.are_busy()

    def is_forgotten(self) -> bool:
        """See Sight."""
        return is_forgotten(self._database, self._name)

    def obstacle(self) -> str | None:
        """See Sight."""
        reasons = (self._pool_obstacle(pool) for pool in self._pools)
        found = self.server_obstacle() or next((why for why in reasons if why), None)
        self._is_familiar = found is None
        return found

    def _pool_obstacle(self, pool: str) -> str | None:
        try:
            why = self._silence(pool)
        except tango.DevFailed:
            return f"the Pool {pool} does not answer"
        # The lists are long, and once equal they are kept so by the events that arrive.
        if why is None and not self._is_familiar:
            unknown = known_elements(pool) - known_elements(self._name)
            why = f"the MacroServer does not know {_shown(unknown)} yet" if unknown else None
        self.is_stranger = why is not None
        return why

    def _silence(self, pool: str) -> str | None:
        sender = query_events(pool)
        listener = query_events(self._name)
        if listener is None or sender is None:
            return None
        proxy = tango.DeviceProxy(pool)
        missing = missing_events(listener, sender, device=proxy.dev_name(), server=proxy.adm_name())
        return f"the MacroServer gets no events of {_shown(missing)} yet" if missing else None


class _Devices:
    """Devices that have to be at work; each is looked for once in the Tango database."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._proxies: dict[str, tango.DeviceProxy] = {}

    def obstacle(self) -> str | None:
        """What is wrong with the first one that is not at work."""
        for name in self._names:
            try:
                state = self._state(name)
            except tango.DevFailed:
                return f"{name} does not answer"
            if state in _UNUSABLE:
                return f"{name} is {state}"
        return None

    def are_busy(self) -> bool:
        """Whether one of them runs something, or does not say."""
        try:
            return any(self._state(name) == tango.DevState.RUNNING for name in self._names)
        except tango.DevFailed:
            return True

    def _state(self, name: str) -> tango.DevState:
        if name not in self._proxies:
            self._proxies[name] = tango.DeviceProxy(name)
        return self._proxies[name].state()


def _shown(names: Iterable[str]) -> str:
    found = sorted(names)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more
