"""Pool and MacroServer as containers run them, on a real Tango database."""

from __future__ import annotations

import contextlib
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import tango
import yaml

from sardana_redis.device_server import (
    Door,
    macroserver_devices,
    read_environment,
    register,
    write_environment,
)
from sardana_redis.errors import ControlSystemError
from sardana_redis.local._ports import HOST, free_port
from sardana_redis.local._process import Process
from sardana_redis.local._tango import TangoDatabase, tango_environment

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

MACROSERVER = "macroserver/demo/1"
LIMIT_SECONDS = 150.0


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


class Server:
    """`sardana-redis device-server KIND` with a settings file of its own."""

    def __init__(self, kind: str, folder: Path, tango_host: str, **settings: Any) -> None:
        self.http_port = free_port()
        config = folder / f"{kind}.yaml"
        own = {"http_port": self.http_port, **settings}
        config.write_text(yaml.safe_dump({"device_server": own}), encoding="utf-8")
        self.process = Process(
            kind,
            [sys.executable, "-m", "sardana_redis", "device-server", kind, "--config", config],
            folder=folder,
            log=folder / f"{kind}.log",
            environment=tango_environment(folder, tango_host),
        )

    def page(self, path: str) -> tuple[int, str]:
        """The status and the text of a page; 0 where nobody listens."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.http_port}{path}", timeout=5) as page:
                return page.status, page.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    @property
    def is_ready(self) -> bool:
        return self.page("/readyz")[0] == 200

    def start(self) -> None:
        self.process.start()
        eventually(lambda: self.is_ready, f"{self.page('/readyz')} {self.process.log_tail()}")

    def end(self) -> int | None:
        self.process.terminate(60)
        return self.process.exit_code


class Beamline:
    """A Tango database, a Pool and a MacroServer; what a person set before they first start."""

    def __init__(self, folder: Path, cleanup: ExitStack) -> None:
        self.folder = folder
        self.database = TangoDatabase(folder, folder / "database.log")
        cleanup.callback(self.database.stop)
        self.database.start()
        host = self.database.host
        self.events = {name: free_port() for name in ("heartbeat_port", "event_port")}
        self.pool = Server("pool", folder, host, port=free_port())
        self.macroserver = Server(
            "macroserver",
            folder,
            host,
            public_host=HOST,
            port=free_port(),
            **self.events,
            environment_db=str(folder / "state" / "environment"),
            environment={"ScanDir": str(folder), "ActiveMntGrp": "mntgrp01"},
            demo_elements=True,
            properties={"MaxParallelMacros": "3", "LogReportFilename": str(folder / "ours")},
        )
        for server in (self.pool, self.macroserver):
            cleanup.callback(server.end)

    @property
    def tango(self) -> tango.Database:
        host, _, port = self.database.host.rpartition(":")
        return tango.Database(host, int(port))

    @property
    def full_name(self) -> str:
        return f"tango://{self.database.host}/{MACROSERVER}"

    @property
    def door(self) -> Door:
        return Door(self.database.host, "door/demo/1", macroserver=MACROSERVER)

    def scan(self) -> str:
        return self.door.run("ascan", "mot01", "0", "1", "2", "0.01").state

    def environment(self) -> dict[str, Any]:
        """Sardana's environment; a client of a restarted server may have to ask twice."""
        found: list[dict[str, Any]] = []

        def read() -> bool:
            with contextlib.suppress(ControlSystemError):
                found.append(read_environment(self.full_name))
            return bool(found)

        eventually(read, "no environment")
        return found[0]

    def properties(self, *names: str) -> dict[str, list[str]]:
        found = self.tango.get_device_property(MACROSERVER, list(names))
        return {name: list(found[name]) for name in names}


@pytest.fixture(scope="module")
def beamline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beamline]:
    with ExitStack() as cleanup:
        beamline = Beamline(tmp_path_factory.mktemp("beamline"), cleanup)
        theirs = {"LogReportFilename": ["/theirs"], "RecorderPath": ["/theirs"]}
        beamline.tango.put_device_property(MACROSERVER, theirs)
        beamline.macroserver.process.start()
        beamline.pool.start()
        beamline.macroserver.start()
        yield beamline


def test_what_is_missing_is_registered_and_nothing_is_overwritten(beamline: Beamline) -> None:
    found = beamline.properties(
        "MaxParallelMacros", "LogReportFilename", "RecorderPath", "PoolNames", "EnvironmentDb"
    )
    assert found["MaxParallelMacros"] == ["3"]
    assert found["LogReportFilename"] == ["/theirs"]
    assert found["RecorderPath"][0] == "/theirs"
    assert found["RecorderPath"][1].endswith("/sardana_redis/recorder")
    assert found["PoolNames"] == ["Pool_demo_1"]
    assert found["EnvironmentDb"] == [str(beamline.folder / "state" / "environment")]
    assert beamline.tango.get_device_from_alias("Door_demo_1") == "door/demo/1"


def test_a_scan_can_begin_as_soon_as_it_is_ready(beamline: Beamline) -> None:
    assert beamline.scan() == "ON"
    assert (beamline.folder / "state" / "environment.dat").exists()


def test_the_servers_listen_where_they_were_told_to(beamline: Beamline) -> None:
    admin = tango.DeviceProxy(f"tango://{beamline.database.host}/dserver/MacroServer/demo")
    _, endpoints = admin.command_inout("ZmqEventSubscriptionChange", ["info"])
    told = re.findall(r"tcp://[^\s,]+", " ".join(endpoints))
    ports = {str(beamline.events[name]) for name in ("heartbeat_port", "event_port")}
    assert {point.rpartition(":")[2] for point in told} == ports
    assert any(f"tcp://{HOST}:" in point for point in told)
    assert not any("0.0.0.0" in point for point in told)


def test_a_restart_keeps_what_operators_set(beamline: Beamline) -> None:
    write_environment(beamline.full_name, {"ScanDir": "/theirs", "Mine": 1})
    scan_id = beamline.environment()["ScanID"]
    assert beamline.macroserver.end() == 0
    beamline.macroserver.start()
    environment = beamline.environment()
    assert environment["ScanDir"] == "/theirs"
    assert (environment["Mine"], environment["ScanID"]) == (1, scan_id)
    write_environment(beamline.full_name, {"ScanDir": str(beamline.folder)})
    assert beamline.scan() == "ON"


def test_is_not_ready_until_a_restarted_pools_events_arrive(beamline: Beamline) -> None:
    beamline.pool.process.kill()
    eventually(lambda: not beamline.macroserver.is_ready, "MacroServer stays ready without a Pool")
    assert beamline.macroserver.page("/healthz")[0] == 200
    beamline.pool.start()
    eventually(lambda: beamline.macroserver.is_ready, str(beamline.macroserver.page("/readyz")))
    assert beamline.scan() == "ON"


def test_an_environment_that_cannot_be_kept_ends_the_server(beamline: Beamline) -> None:
    assert beamline.macroserver.end() == 0
    place = beamline.folder / "file" / "environment"
    place.parent.touch()
    before = beamline.properties("EnvironmentDb")
    beamline.tango.put_device_property(MACROSERVER, {"EnvironmentDb": [str(place)]})
    try:
        process = beamline.macroserver.process
        process.start()
        eventually(lambda: not process.is_running, "it runs without its environment")
        assert process.exit_code == 2
        assert "Mount a writable volume there" in process.log_tail()
    finally:
        beamline.tango.put_device_property(MACROSERVER, before)
    beamline.macroserver.start()


def test_a_device_without_an_alias_gets_it_and_no_other_alias_is_touched(
    beamline: Beamline,
) -> None:
    database = beamline.tango
    devices = macroserver_devices("half", doors=2, properties={}, paths={})
    for device in devices:
        entry = tango.DbDevInfo()
        entry.server, entry._class, entry.name = device.server, device.class_name, device.name
        database.add_device(entry)
    database.put_device_alias("door/half/2", "Theirs")
    assert set(register(database, devices)) >= {"MS_half_1", "Door_half_1"}
    assert database.get_device_from_alias("MS_half_1") == "macroserver/half/1"
    assert database.get_device_from_alias("Theirs") == "door/half/2"
    assert register(database, devices) == []
    database.delete_device_alias("MS_half_1")
    entry.server, entry._class, entry.name = "Other/half", "MacroServer", "macroserver/other/1"
    database.add_device(entry)
    database.put_device_alias("macroserver/other/1", "MS_half_1")
    with pytest.raises(ControlSystemError, match="belongs to macroserver/other/1"):
        register(database, devices)


def test_a_macroserver_of_another_alias_finds_its_doors(beamline: Beamline) -> None:
    assert beamline.macroserver.end() == 0
    beamline.tango.delete_device_alias("MS_demo_1")
    beamline.tango.put_device_alias(MACROSERVER, "Theirs_demo")
    beamline.macroserver.start()
    assert beamline.tango.get_alias_from_device(MACROSERVER) == "Theirs_demo"
    assert beamline.environment()
    assert beamline.scan() == "ON"


def test_a_pool_that_comes_late_is_met_by_a_new_macroserver(beamline: Beamline) -> None:
    """A first install: MacroServer is up before its Pool stands in the Tango database."""
    folder = beamline.folder / "late"
    folder.mkdir()
    own = {"instance": "late", "environment_db": str(folder / "environment"), "pool_patience": 1}
    host = beamline.database.host
    macroserver = Server("macroserver", folder, host, **own)
    pool = Server("pool", folder, host, instance="late")
    process = macroserver.process
    try:
        process.start()
        waits = "the Pool Pool_late_1 does not answer"
        eventually(lambda: waits in macroserver.page("/readyz")[1], "MacroServer does not come up")
        pool.start()
        eventually(lambda: not process.is_running, str(macroserver.page("/readyz")))
        assert process.exit_code == 1
        assert "although its Pool answers: it ends" in process.log_tail()
        macroserver.start()
    finally:
        macroserver.end()
        pool.end()


def test_a_device_of_another_server_is_told(beamline: Beamline) -> None:
    entry = tango.DbDevInfo()
    entry.server, entry._class, entry.name = "Other/server", "Pool", "pool/taken/1"
    beamline.tango.add_device(entry)
    folder = beamline.folder / "taken"
    folder.mkdir()
    server = Server("pool", folder, beamline.database.host, instance="taken")
    server.process.start()
    eventually(lambda: not server.process.is_running, "it took a device of another server")
    assert server.process.exit_code == 1
    assert "choose another instance" in server.process.log_tail()


def test_a_database_that_comes_back_empty_is_registered_in_anew(beamline: Beamline) -> None:
    for server in ("Pool/demo", "MacroServer/demo"):
        beamline.tango.delete_server(server)
    macroserver, pool = beamline.macroserver, beamline.pool
    eventually(lambda: not macroserver.process.is_running, macroserver.page("/readyz")[1])
    assert macroserver.process.exit_code == 1
    assert "register itself anew" in macroserver.process.log_tail()
    lost = "no longer has its device"
    eventually(lambda: lost in pool.page("/readyz")[1], "the Pool does not see that it was lost")
    assert pool.process.is_running
    macroserver.process.start()
    eventually(lambda: not pool.process.is_running, pool.page("/readyz")[1])
    assert pool.process.exit_code == 1
    pool.start()


def test_ends_in_order_when_told_to(beamline: Beamline) -> None:
    assert beamline.pool.end() == 0
    assert beamline.macroserver.end() == 0
