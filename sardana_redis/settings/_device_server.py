"""The section of a Pool or a MacroServer that runs in a container."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["DeviceServerSettings"]


def _port(description: str) -> Any:
    return Field(None, ge=1, le=65535, description=description)


class DeviceServerSettings(BaseModel):
    """How `device-server` registers and runs a Pool or a MacroServer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instance: str = Field(
        "demo",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        description="Tango's instance: Pool/INSTANCE, MacroServer/INSTANCE, door/INSTANCE/1.",
    )
    public_host: str | None = Field(
        None, min_length=1, description="Name that clients reach the server by; unset: its own."
    )
    port: int | None = _port("Port of the server; unset: any.")
    heartbeat_port: int | None = _port("Port of the heartbeat of its events; unset: any.")
    event_port: int | None = _port("Port of its events; unset: any.")
    pool: str | None = Field(
        None, min_length=1, description="MacroServer's Pool; unset: Pool_INSTANCE_1."
    )
    pool_patience: float = Field(
        60.0,
        ge=0,
        description="An idle MacroServer ends that has not known its Pool for as long; 0: never.",
    )
    doors: int = Field(1, ge=1, le=100, description="Number of MacroServer's doors.")
    macro_path: tuple[Path, ...] = Field(
        (), description="Folders of macros, put into MacroServer's property MacroPath."
    )
    recorder_path: tuple[Path, ...] = Field(
        (), description="Folders of other recorders, put into its RecorderPath beside ours."
    )
    environment_db: Path = Field(
        Path("/var/lib/sardana/environment"),
        description="File of Sardana's environment, on a disk that outlives the process.",
    )
    environment: dict[str, Any] = Field(
        {}, description="Variables put into Sardana's environment where they are not set yet."
    )
    demo_elements: bool = Field(
        False, description="Make the elements of the macro sar_demo in a Pool that has none."
    )
    properties: dict[str, str | tuple[str, ...]] = Field(
        {}, description="Properties of the server's device, written where they are not set yet."
    )
    http_host: str = Field(
        "127.0.0.1", min_length=1, description="Address that /healthz and /readyz listen on."
    )
    http_port: int | None = Field(None, ge=0, le=65535, description="Their port; unset: none.")

    @model_validator(mode="after")
    def _check_public_host(self) -> Self:
        if self.public_host is not None and self.port is None:
            raise ValueError("public_host needs a port: set device_server.port too")
        return self
