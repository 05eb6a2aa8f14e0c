"""The Tango device SpecWriter, in a real Tango database, driven as an operator would."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest
import tango
from silx.io.specfile import SpecFile

from sardana_redis.device_server import find_script, spock_command, write_spock_profile
from sardana_redis.local import Door, LocalStack
from sardana_redis.local._process import Process
from sardana_redis.local._sardana import MACROSERVER
from sardana_redis.local._tango import tango_environment
from tests.faults.arena import eventually

pytestmark = pytest.mark.stack

NAME = "specwriter/test/1"


@contextmanager
def device(
    stack: LocalStack, folder: Path, properties: Mapping[str, str]
) -> Iterator[tango.DeviceProxy]:
    """The device of a server that runs meanwhile, with these properties."""
    host, port = stack.tango_host.split(":")
    database = tango.Database(host, int(port))
    entry = tango.DbDevInfo()
    entry.server, entry._class, entry.name = "SpecWriter/test", "SpecWriter", NAME
    database.add_device(entry)
    database.put_device_property(NAME, {name: [value] for name, value in properties.items()})
    script = Path(sys.executable).with_name("SpecWriter")
    server = Process(
        "SpecWriter",
        [script, "test", "-v4", "-ORBendPoint", "giop:tcp:127.0.0.1:"],
        folder=folder,
        log=folder / "specwriter.log",
        environment=tango_environment(folder, stack.tango_host),
    )
    server.start()
    proxy = tango.DeviceProxy(f"tango://{stack.tango_host}/{NAME}")
    try:
        server.wait_until(lambda: answers(proxy), seconds=30, purpose="answer")
        yield proxy
    finally:
        server.terminate(10)
        assert server.exit_code is not None
        database.delete_device_property(NAME, list(properties))
        database.delete_device(NAME)


def answers(proxy: tango.DeviceProxy) -> bool:
    try:
        proxy.ping()
    except tango.DevFailed:
        return False
    return True


def wait_for(proxy: tango.DeviceProxy, text: str) -> None:
    eventually(lambda: text in proxy.status(), 15, f"status {text!r}, not {proxy.status()!r}")


def test_an_operator_scans_stops_and_starts_it(
    stack: LocalStack, door: Door, tmp_path: Path
) -> None:
    door.set_environment("ScanDir", str(tmp_path))
    door.set_environment("ScanFile", ["tango.dat"])
    path = tmp_path / "tango.dat"
    properties = {
        "redis_url": stack.redis.url,
        "next_scan_timeout": "0",
        "log_level": "DEBUG",
        "output_root": str(tmp_path),
        "dialect": "standard",
        "writer_name": "tango",
        "fsync": "false",
    }
    with device(stack, tmp_path, properties) as proxy:
        wait_for(proxy, "waiting for scans")
        assert proxy.state() == tango.DevState.RUNNING
        run = door.run("ascan", "mot01", "0", "1", "4", "0.01")
        assert run.state == "ON", run.text()
        eventually(lambda: proxy.last_file == str(path), 15, "the file of the scan")
        assert proxy.rows_written == 5
        assert proxy.lag_points == 0
        assert proxy.lag_seconds == 0.0
        assert proxy.last_error == ""
        assert (proxy.pending_scans, proxy.parked_scans) == (0, 0)
        began = time.monotonic()
        proxy.Stop()
        assert time.monotonic() - began < 5.0, "Stop waited for a scan"
        assert proxy.state() == tango.DevState.ON
        assert "stopped" in proxy.status()
        door.run("ascan", "mot01", "0", "1", "2", "0.01")
        proxy.Start()
        assert proxy.state() == tango.DevState.RUNNING
        eventually(lambda: len(SpecFile(str(path))) == 2, 15, "the scan that it had missed")
        door.start("ascan", "mot01", "0", "1", "100", "0.02")
        eventually(lambda: bool(proxy.current_scans), 15, "a current scan")
        assert "ascan mot01" in proxy.current_scans[0]
        assert str(path) in proxy.current_scans[0]
        door.stop()
        door.wait()
        eventually(lambda: not proxy.current_scans, 15, "the end of the scan")
        assert "Scan aborted after" in path.read_text(encoding="utf-8")


def test_from_spock(stack: LocalStack, door: Door, tmp_path: Path) -> None:
    """An operator's own terminal: a scan, the device's status, Stop."""
    door.set_environment("ScanDir", str(tmp_path))
    door.set_environment("ScanFile", ["spock.dat"])
    ipython_dir = tmp_path / "ipython"
    full = f"tango://{stack.tango_host}"
    write_spock_profile(
        ipython_dir, door=f"{full}/{stack.doors[0]}", macroserver=f"{full}/{MACROSERVER}"
    )
    line = spock_command(ipython_dir, stack.tango_host, find_script("spock", "sardana"))
    properties = {
        "redis_url": stack.redis.url,
        "writer_name": "spock",
        "output_root": str(tmp_path),
    }
    with device(stack, tmp_path, properties) as proxy:
        wait_for(proxy, "waiting for scans")
        environment = os.environ | {"TERM": "dumb", "COLUMNS": "200"}
        spock = pexpect.spawn("/bin/sh", ["-c", f"{line} --simple-prompt"], env=environment)
        try:
            spock.expect(r"\[1\]: ", timeout=60)
            spock.sendline("ascan mot01 0 1 3 0.01")
            spock.expect(r"Scan #\d+ ended", timeout=60)
            eventually(lambda: "4 rows of 1 scans" in proxy.status(), 15, "four rows, one scan")
            spock.sendline(f"import tango; w = tango.DeviceProxy('{NAME}'); print(w.status())")
            spock.expect("4 rows of 1 scans written", timeout=20)
            spock.sendline("w.Stop(); print('state', w.state())")
            spock.expect("state ON", timeout=20)
        finally:
            spock.close(force=True)
    assert (tmp_path / "spock.dat").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("redis_url", "http://localhost"),
        ("log_level", "LOUD"),
        ("next_scan_timeout", "soon"),
        ("dialect", "latin"),
        ("fsync", "perhaps"),
        ("writer_name", "a b"),
    ],
)
def test_a_wrong_property_is_a_fault_that_names_it(
    stack: LocalStack, tmp_path: Path, name: str, value: str
) -> None:
    with device(stack, tmp_path, {"redis_url": stack.redis.url, name: value}) as proxy:
        assert proxy.state() == tango.DevState.FAULT
        assert name in proxy.status(), proxy.status()
        proxy.Stop()
        assert proxy.state() == tango.DevState.FAULT
        assert name in proxy.last_error


def test_a_mended_property_works_after_init(stack: LocalStack, tmp_path: Path) -> None:
    properties = {
        "redis_url": stack.redis.url,
        "dialect": "latin",
        "writer_name": "mended",
        "output_root": str(tmp_path),
    }
    with device(stack, tmp_path, properties) as proxy:
        assert proxy.state() == tango.DevState.FAULT
        proxy.put_property({"dialect": ["poc"]})
        proxy.Init()
        assert proxy.state() == tango.DevState.RUNNING


def test_a_second_device_of_the_same_name_is_a_fault(stack: LocalStack, tmp_path: Path) -> None:
    from sardana_redis.local._writer import SPEC_WRITER, make_writer

    process = make_writer(
        SPEC_WRITER,
        stack.redis.url,
        tmp_path,
        tmp_path / "first.log",
        arguments=("--first-start", "new"),
    )
    process.start()
    process.wait_until(
        lambda: "waiting for scans" in process.log_text(), seconds=30, purpose="wait for scans"
    )
    try:
        with device(stack, tmp_path, {"redis_url": stack.redis.url}) as proxy:
            eventually(lambda: proxy.state() == tango.DevState.FAULT, 15, "FAULT")
            assert "is the writer 'spec' already" in proxy.status()
    finally:
        process.terminate()
