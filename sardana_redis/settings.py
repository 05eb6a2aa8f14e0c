"""The only reader of environment, files and flags.

Flags win over `SARDANA_REDIS_*` variables, which win over the YAML file that
`--config` or `SARDANA_REDIS_CONFIG` names. Nested settings are written with two
underscores: `SARDANA_REDIS_PUBLISHER__FLUSH_TIMEOUT`. Unknown names are refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from sardana_redis.errors import SettingsError

__all__ = ["PublisherSettings", "Settings", "load_settings", "masked_url"]

_PREFIX = "SARDANA_REDIS_"
_CONFIG_VARIABLE = "SARDANA_REDIS_CONFIG"

# Kubernetes puts these into every pod beside a Service named `sardana-redis`.
_SERVICE_LINK = re.compile(
    r"SARDANA_REDIS_([A-Z0-9_]+_)?(SERVICE_(HOST|PORT)\w*|PORT(_\d+_(TCP|UDP)\w*)?)"
)


class PublisherSettings(BaseModel):
    """How points are held and sent; times in seconds, sizes in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    linger_seconds: float = Field(
        0.015, gt=0, le=0.02, description="How long a first point waits for others of its batch."
    )
    batch_bytes: int = Field(2**20, ge=1024, description="A batch of this size is sent at once.")
    buffer_bytes: int = Field(
        2**30, ge=2**16, description="Points are dropped only when as much waits for Redis."
    )
    retain_bytes: int = Field(
        2**28, ge=0, description="Confirmed points held for the case that Redis forgets them."
    )
    retain_seconds: float = Field(
        600.0, ge=0, description="How long confirmed points of a closed scan are held so."
    )
    flush_timeout: float = Field(
        10.0, ge=0, description="Longest wait for Redis at the end of a scan."
    )
    shutdown_timeout: float = Field(
        20.0, ge=0, description="Longest delivery after MacroServer was told to end."
    )
    brake_ratio: float = Field(
        0.9, gt=0, le=1, description="Share of maxmemory above which points are held back."
    )
    socket_timeout: float = Field(
        5.0, gt=0, description="Redis counts as frozen when it does not answer for as long."
    )
    retry_max_seconds: float = Field(5.0, gt=0, le=5, description="Longest pause between retries.")


class Settings(BaseSettings):
    """All settings of all our processes."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
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

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("redis", "rediss", "unix"):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        if parts.scheme != "unix":
            if not parts.hostname:
                raise ValueError("names no host; write redis://HOST:PORT")
            _ = parts.port  # raises ValueError on a port that is none
        return url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - we read no .env file
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - nor a secrets folder
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then variables, then the YAML file."""
        return init_settings, env_settings, _FileSource(settings_cls)


class _FileSource(PydanticBaseSettingsSource):
    """The YAML file that `SARDANA_REDIS_CONFIG` names, or nothing."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        raise NotImplementedError  # pydantic-settings calls only __call__ of a whole-file source

    def __call__(self) -> dict[str, Any]:
        path = os.environ.get(_CONFIG_VARIABLE)
        return _read_file(Path(path)) if path else {}


def load_settings(config: Path | None = None, **flags: Any) -> Settings:
    """The settings; `flags` that are None count as not given.

    Raises SettingsError, which names each wrong setting and never shows a password.
    """
    _refuse_unknown_variables(os.environ)
    given = {name: value for name, value in flags.items() if value is not None}
    if config is not None:
        os.environ[_CONFIG_VARIABLE] = str(config)
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


def masked_url(url: str) -> str:
    """The URL with its password replaced by ***, for logs and messages."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    netloc = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username or ''}:***@{netloc}").geturl()


def _read_file(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {error.strerror}."
        ) from error
    except yaml.YAMLError as error:
        raise SettingsError(f"The settings file {path} is not valid YAML: {error}.") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"The settings file {path} must hold names and values, one a line.")
    return content


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = {f"{_PREFIX}{name}".upper() for name in Settings.model_fields} | {_CONFIG_VARIABLE}
    known |= {f"{_PREFIX}PUBLISHER__{name}".upper() for name in PublisherSettings.model_fields}
    for name in environ:
        if name.startswith(_PREFIX) and name not in known and not _SERVICE_LINK.fullmatch(name):
            raise SettingsError(
                f"The environment variable {name} is no setting of sardana-redis; "
                "unset it, or see `docs/settings.md` for the names."
            )


def _explain(error: ValidationError) -> str:
    lines = []
    for item in error.errors(include_input=False, include_url=False):
        name = ".".join(str(part) for part in item["loc"])
        reason = "is no setting" if item["type"] == "extra_forbidden" else item["msg"].lower()
        lines.append(f"{name}: {reason.removeprefix('value error, ')}")
    return "Wrong settings: " + "; ".join(lines) + "."
