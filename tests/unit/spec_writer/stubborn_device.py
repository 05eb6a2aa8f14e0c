"""A device whose writer does not stop when it is told to; in a process of its own, for Tango."""

from __future__ import annotations

import threading

import pytest
import tango
from tango.test_context import DeviceTestContext

from sardana_redis.spec_writer import SpecWriter as Core
from sardana_redis.spec_writer import spec_writer_tango as door


def main() -> None:
    """Raises where Start or Init lose a writer that is still stopping, or start a second one."""
    released = threading.Event()
    stops: list[threading.Event] = []

    def run(_writer: Core, stop: threading.Event) -> None:
        stops.append(stop)
        stop.wait()
        released.wait()

    Core.run = run  # type: ignore[method-assign]  # the process is there for this only
    door._STOP_SECONDS = door._START_SECONDS = 0.1
    with DeviceTestContext(door.SpecWriter, host="127.0.0.1") as proxy:
        assert proxy.state() == tango.DevState.RUNNING
        proxy.Start()
        proxy.Stop()
        assert proxy.state() == tango.DevState.RUNNING
        refuses_to_start(proxy)
        proxy.Init()
        assert proxy.state() == tango.DevState.FAULT
        assert "still stopping" in proxy.status()
        refuses_to_start(proxy)
        assert len(stops) == 1
        released.set()
        door._STOP_SECONDS = door._START_SECONDS = 60.0
        proxy.Start()
        assert proxy.state() == tango.DevState.RUNNING
        assert [stop.is_set() for stop in stops] == [True, False]
        proxy.Init()
        assert [stop.is_set() for stop in stops] == [True, True, False]
        proxy.Stop()
        assert proxy.state() == tango.DevState.ON


def refuses_to_start(proxy: tango.DeviceProxy) -> None:
    with pytest.raises(tango.DevFailed, match=r"still stopping.*Start again"):
        proxy.Start()


if __name__ == "__main__":
    main()
