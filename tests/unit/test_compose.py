"""compose.yaml: the images that are built, settings that there are, and nothing more allowed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from sardana_redis.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
CONFIG = ROOT / "images" / "compose" / "config.yaml"
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PYTHON = [name for name in SERVICES if name not in ("redis", "tango-db")]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
SECTIONS = {
    "spec-writer": "spec_writer",
    "nexus-writer": "nexus_writer",
    "memory-tracker": "memory_tracker",
}


def settings_of(name: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What a part makes of its file and its variables."""
    for variable, value in SERVICES[name]["environment"].items():
        monkeypatch.setenv(variable, value)
    return load_settings(CONFIG)


@pytest.mark.parametrize("name", SERVICES)
def test_a_part_runs_an_image_that_is_built(name: str) -> None:
    image = "macroserver" if name == "pool" else name
    names = (ROOT / "images" / "build").read_text(encoding="utf-8")
    (built,) = re.findall(r"set -- ((?:[a-z-]+ ?)+)$", names, re.MULTILINE)
    assert image in built.split()
    prefix = re.search(r"IMAGE_PREFIX:=(\S+?)}", names)
    assert prefix
    wanted = f"${{IMAGE_PREFIX:-{prefix[1]}}}/{image}:${{IMAGE_TAG:-{VERSION}}}"
    assert SERVICES[name]["image"] == wanted


@pytest.mark.parametrize("name", SERVICES)
def test_a_part_may_do_as_little_as_in_the_chart(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] == "1000:1000"
    assert service["tmpfs"] == ["/tmp:mode=1777"]


def test_only_this_machine_reaches_redis_and_nobody_else_is_reached() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"redis": ["127.0.0.1:${REDIS_PORT:-6379}:6379"]}


@pytest.mark.parametrize("name", PYTHON)
def test_a_part_is_asked_on_the_port_that_it_has(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(name, monkeypatch)
    section = getattr(settings, SECTIONS.get(name, "device_server"))
    assert SERVICES[name]["healthcheck"]["test"][-1] == str(section.http_port)
    assert section.http_host == "0.0.0.0"
    assert settings.url == "redis://redis:6379"
    assert SERVICES[name]["environment"]["SARDANA_REDIS_CONFIG"] in mounts(name).values()


@pytest.mark.parametrize("name", ["pool", "macroserver"])
def test_tango_ports_are_no_outgoing_ones_and_the_name_is_the_service(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = settings_of(name, monkeypatch).device_server
    assert device.public_host == name
    for port in (device.port, device.heartbeat_port, device.event_port):
        assert port is not None
        assert port < 32768  # Linux gives those from here on to whoever connects


def mounts(name: str) -> dict[str, str]:
    """Where each volume of a part is."""
    pairs = (re.sub(r"\$\{\w+:-(\w+)}", r"\1", volume) for volume in SERVICES[name]["volumes"])
    return {source: inside for source, inside, *_ in (pair.split(":") for pair in pairs)}


def test_what_has_to_last_is_in_a_volume() -> None:
    assert mounts("redis")["redis"] == "/var/lib/redis"
    assert mounts("tango-db")["tango"] == "/var/lib/tango"
    assert mounts("macroserver")["macroserver"] == "/var/lib/sardana"
    for name in PYTHON:
        assert mounts(name)["data"] == load_settings(CONFIG).device_server.environment["ScanDir"]
        assert mounts(name)["./images/compose/config.yaml"]
    assert set(COMPOSE["volumes"]) == {"data", "redis", "tango", "macroserver"}
