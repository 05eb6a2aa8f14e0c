"""What a Pool that the Tango database lost learns of the scans that may run with it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import tango

from sardana_redis.device_server import _sight
from sardana_redis.device_server._sight import PoolSight
from sardana_redis.settings import DeviceServerSettings


def failure(reason: str) -> tango.DevFailed:
    error = tango.DevError()
    error.reason, error.desc, error.origin = reason, "", ""
    return tango.DevFailed(error)


class Database:
    """MacroServers with one door each, by instance, and the Pools that they work with."""

    def __init__(self, **pools: str) -> None:
        self.pools = {f"macroserver/{name}/1": [pool] for name, pool in pools.items()}
        self.error: tango.DevFailed | None = None

    def get_device_info(self, device: str) -> Any:
        if self.error is not None:
            raise self.error
        return SimpleNamespace(ds_full_name=f"MacroServer/{device.split('/')[1]}")

    def get_device_name(self, server: str, class_name: str) -> list[str]:
        return list(self.pools) if class_name == "MacroServer" else [f"door/{server[12:]}/1"]

    def get_device_property(self, device: str, name: str) -> dict[str, list[str]]:
        return {name: self.pools[device]}


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> dict[str, tango.DevState]:
    """The states of doors; a door without one does not answer."""
    states: dict[str, tango.DevState] = {}

    def proxy(name: str) -> Any:
        if name not in states:
            raise failure("API_DeviceNotExported")
        return SimpleNamespace(state=lambda: states[name])

    monkeypatch.setattr(_sight.tango, "DeviceProxy", proxy)
    return states


def sight(database: Any) -> PoolSight:
    return PoolSight(DeviceServerSettings(), database)


def test_is_busy_without_a_macroserver_that_could_tell() -> None:
    assert sight(Database()).is_busy()
    assert sight(Database(other="Pool_other_1")).is_busy()


@pytest.mark.parametrize("pool", ["Pool_demo_1", "pool/demo/1", "tango://a:1/Pool_Demo_1"])
def test_is_busy_as_its_macroservers_doors_are(
    states: dict[str, tango.DevState], pool: str
) -> None:
    seen = sight(Database(demo=pool))
    assert seen.is_busy()
    states["door/demo/1"] = tango.DevState.RUNNING
    assert seen.is_busy()
    states["door/demo/1"] = tango.DevState.ALARM
    assert not seen.is_busy()


def test_is_forgotten_only_when_the_database_says_so() -> None:
    database = Database()
    seen = sight(database)
    assert not seen.is_forgotten()
    database.error = failure("API_CantConnectToDatabase")
    assert not seen.is_forgotten()
    database.error = failure("DB_DeviceNotDefined")
    assert seen.is_forgotten()
