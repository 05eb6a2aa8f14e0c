"""The tree of all settings."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from sardana_redis.settings._device_server import DeviceServerSettings
from sardana_redis.settings._sections import (
    MemoryTrackerSettings,
    NexusWriterSettings,
    PublisherSettings,
    RecorderSettings,
    SpecWriterSettings,
)
from sardana_redis.settings._url import check_url

__all__ = ["PREFIX", "Settings", "nested_settings"]

PREFIX: Final = "SARDANA_REDIS_"


class Settings(BaseSettings):
    """All settings of all our processes."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    url: str = Field("redis://localhost:6379", description="Redis: redis://, rediss:// or unix://.")
    password_file: Path | None = Field(
        None, description="File with Redis' password, read again at each connect."
    )
    session: str = Field("test_session", min_length=1, description="blissdata's session name.")
    data_policy: str = Field("no_policy", min_length=1, description="blissdata's data policy.")
    proposal: str | None = Field(None, description="Proposal that the scans belong to.")
    collection: str | None = Field(None, description="Collection that the scans belong to.")
    dataset: str | None = Field(None, description="Dataset that the scans belong to.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe message that is logged."
    )
    publisher: PublisherSettings = PublisherSettings()
    recorder: RecorderSettings = RecorderSettings()
    spec_writer: SpecWriterSettings = SpecWriterSettings()
    nexus_writer: NexusWriterSettings = NexusWriterSettings()
    memory_tracker: MemoryTrackerSettings = MemoryTrackerSettings()
    device_server: DeviceServerSettings = DeviceServerSettings()

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        return check_url(url)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - load_settings reads them
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - we read no .env file
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - nor a secrets folder
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what the caller gives: `load_settings` alone looks around."""
        return (init_settings,)


def nested_settings() -> dict[str, type[BaseModel]]:
    """The sections of the tree by their name."""
    return {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
