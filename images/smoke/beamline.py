"""All images at once: a beamline in a network of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml
from containers import LIMIT_SECONDS, Container, eventually, image


class Beamline:
    """All images at once, in a network that nobody else is in, as one user."""

    def __init__(self, folder: Path, user: str, cleanup: ExitStack) -> None:
        self.user = user
        self.seconds: dict[str, float] = {}
        self._folder = folder
        self._cleanup = cleanup
        self.data = self._volume("data")
        self.redis = self._add("redis", (image("redis"),), volumes={"redis": "/var/lib/redis"})
        self.redis.start()
        self.seconds["redis"] = eventually(
            lambda: self.redis.succeeds("redis-ready"), self.redis.log
        )
        self.parts = self._parts()

    def start(self) -> None:
        """Starts all parts at once and waits until each is ready."""
        for part in self.parts.values():
            part.start()
        waiting = {name: part for name, part in self.parts.items() if part.port is not None}
        began = time.monotonic()
        while waiting:
            for name in [name for name, part in waiting.items() if part.is_ready]:
                del waiting[name]
                self.seconds[name] = time.monotonic() - began
            for name, part in waiting.items():
                late = time.monotonic() - began > LIMIT_SECONDS
                assert not late, f"{name}: {part.page('/readyz')}\n{part.log()}"

    def _parts(self) -> dict[str, Container]:
        server = {"http_host": "0.0.0.0", "instance": "demo"}
        pool = {**server, "port": 45450, "heartbeat_port": 45460, "event_port": 45470}
        macroserver = {
            **server,
            "public_host": "127.0.0.1",
            "port": 45451,
            "heartbeat_port": 45461,
            "event_port": 45471,
            "demo_elements": True,
            "environment": {
                "ScanDir": "/data",
                "ScanFile": ["demo.h5", "demo.dat"],
                "ScanRecorder": ["RedisBlissRecorder", "RedisBlissRecorder"],
                "ActiveMntGrp": "mntgrp01",
            },
        }
        settings: dict[str, tuple[int | None, dict[str, Any], tuple[str, ...]]] = {
            "tango-db": (None, {}, ()),
            "pool": (8081, {"device_server": pool}, ("device-server", "pool")),
            "macroserver": (
                8082,
                {"device_server": macroserver, "recorder": {"http_port": 8080}},
                (),
            ),
            "spec-writer": (8083, {"spec_writer": {}}, ()),
            "nexus-writer": (8084, {"nexus_writer": {}}, ()),
            "memory-tracker": (8085, {"memory_tracker": {"init_db": True}}, ()),
        }
        volumes = {"tango-db": "/var/lib/tango", "macroserver": "/var/lib/sardana"}
        parts = {}
        for name, (port, config, words) in settings.items():
            if port is not None:
                section = next(iter(config))
                config[section]["http_port"] = port
            own = self._volume(f"{name}-config")
            text = yaml.safe_dump({"session": "demo", **config})
            (own / "config.yaml").write_text(text, encoding="utf-8")
            mounts = {name: volumes[name]} if name in volumes else {}
            kind = "macroserver" if name == "pool" else name
            parts[name] = self._add(
                name, (image(kind), *words), volumes=mounts, config=own, port=port
            )
        return parts

    def _add(
        self,
        name: str,
        words: tuple[str, ...],
        *,
        volumes: Mapping[str, str],
        config: Path | None = None,
        port: int | None = None,
    ) -> Container:
        mounts = {self._volume(volume): inside for volume, inside in volumes.items()}
        variables = {}
        network = "none"
        if config is not None:
            mounts |= {config: "/etc/sardana-redis:ro", self.data: "/data"}
            variables["SARDANA_REDIS_CONFIG"] = "/etc/sardana-redis/config.yaml"
            variables["TANGO_HOST"] = "127.0.0.1:10000"
            network = f"container:{self.redis.ident}"
        container = Container(name, words, self.user, network, mounts, variables, port)
        self._cleanup.callback(container.remove)
        return container

    def _volume(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)
        return folder
