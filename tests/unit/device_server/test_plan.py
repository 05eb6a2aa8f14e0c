"""From the settings to devices, words and variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from sardana_redis.device_server import Kind, room_folders
from sardana_redis.device_server._plan import (
    planned_devices,
    server_command,
    server_variables,
    tango_host,
)
from sardana_redis.errors import SettingsError
from sardana_redis.recorder import RECORDER_PATH
from sardana_redis.settings import DeviceServerSettings


def test_a_pool_is_one_device() -> None:
    own = DeviceServerSettings(instance="b1", properties={"PoolPath": ["/a", "/b"], "X": "1"})
    (device,) = planned_devices(Kind.POOL, own)
    assert (device.server, device.class_name) == ("Pool/b1", "Pool")
    assert (device.name, device.alias) == ("pool/b1/1", "Pool_b1_1")
    assert device.properties == {"PoolPath": ["/a", "/b"], "X": ["1"]}


def test_a_macroserver_has_as_many_doors_as_asked_for() -> None:
    main, *doors = planned_devices(Kind.MACROSERVER, DeviceServerSettings(instance="b1", doors=2))
    assert (main.name, main.alias) == ("macroserver/b1/1", "MS_b1_1")
    assert [(door.name, door.alias) for door in doors] == [
        ("door/b1/1", "Door_b1_1"),
        ("door/b1/2", "Door_b1_2"),
    ]
    assert {door.server for door in doors} == {main.server} == {"MacroServer/b1"}
    assert all(door.properties == {"MacroServerName": ["macroserver/b1/1"]} for door in doors)


def test_a_macroserver_knows_its_pool_its_environment_and_our_recorder() -> None:
    main, _ = planned_devices(Kind.MACROSERVER, DeviceServerSettings())
    assert main.properties == {
        "PoolNames": ["Pool_demo_1"],
        "EnvironmentDb": ["/var/lib/sardana/environment"],
    }
    assert main.paths["RecorderPath"] == [str(RECORDER_PATH)]


def test_properties_win_over_what_we_would_write_and_add_to_paths() -> None:
    own = DeviceServerSettings(
        recorder_path=(Path("/r"),),
        macro_path=(Path("/m"),),
        properties={"PoolNames": ("A", "B"), "RecorderPath": "/x"},
    )
    main, _ = planned_devices(Kind.MACROSERVER, own)
    assert main.properties["PoolNames"] == ["A", "B"]
    assert main.paths["RecorderPath"] == ["/r", str(RECORDER_PATH), "/x"]
    assert main.paths["MacroPath"] == ["/m", *map(str, room_folders("macros"))]


def test_the_end_point_names_no_address() -> None:
    words = server_command(Kind.POOL, DeviceServerSettings(public_host="p.ns.svc", port=45450))
    assert Path(words[0]).name == "Pool"
    assert words[1] == "demo"
    assert words[words.index("-ORBendPoint") + 1] == "giop:tcp::45450"
    assert words[words.index("-ORBendPointPublish") + 1] == "giop:tcp:p.ns.svc:45450"


def test_without_a_port_tango_chooses() -> None:
    assert "-ORBendPoint" not in server_command(Kind.MACROSERVER, DeviceServerSettings())


def test_a_public_name_without_a_port_is_refused() -> None:
    with pytest.raises(ValueError, match=r"set device_server\.port too"):
        DeviceServerSettings(public_host="p.ns.svc")


def test_the_server_gets_its_ports_and_the_recorders_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = DeviceServerSettings(heartbeat_port=1, event_port=2)
    variables = server_variables({"KEPT": "x"}, own, Path("config.yaml"))
    assert variables["KEPT"] == "x"
    assert variables["TANGO_ZMQ_HEARTBEAT_PORT"] == "1"
    assert variables["TANGO_ZMQ_EVENT_PORT"] == "2"
    assert variables["SARDANA_REDIS_CONFIG"] == str(tmp_path / "config.yaml")
    assert "SARDANA_REDIS_CONFIG" not in server_variables({}, own, None)


@pytest.mark.parametrize("host", ["", "tango", "tango:", ":10000", "tango:port"])
def test_a_tango_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(SettingsError, match="TANGO_HOST=tango:10000"):
        tango_host({"TANGO_HOST": host} if host else {})
