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
from urllib.parse import SplitResult, urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as ForeignSettingsError

from sardana_redis.errors import SettingsError

__all__ = ["PublisherSettings", "Settings", "load_settings", "masked_url"]

_PREFIX = "SARDANA_REDIS_"
_CONFIG_VARIABLE = "SARDANA_REDIS_CONFIG"

# Kubernetes puts these into every pod beside a Service named `sardana-redis`.
_SERVICE_LINK = re.compile(
    r"SARDANA_REDIS_([A-Z0-9_]+_)?(SERVICE_(HOST|PORT)\w*|PORT(_\d+_(TCP|UDP)\w*)?)"
)


# redis-py takes a password as an option of its URL as well.
_PASSWORD_OPTION = re.compile(r"(?i)((?:^|&)password=)[^&]*")


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
        2**28,
        ge=0,
        description="Confirmed points of closed scans, or of a running one, kept here too.",
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
        if parts.fragment or "@" in parts.path + parts.query:
            # Here a part of a password would count as host or port, and be shown.
            raise ValueError("has a /, ?, # or @ in its password; write it as %2F, %3F, %23 or %40")
        if parts.scheme != "unix":
            if not parts.hostname:
                raise ValueError("names no host; write redis://HOST:PORT")
            _check_port(parts)
        return url

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


def load_settings(config: Path | None = None, **flags: Any) -> Settings:
    """The settings from flags, variables and file; `flags` that are None count as not given.

    `config` names the file, else `SARDANA_REDIS_CONFIG` does, else there is none.
    Raises SettingsError, which names each wrong setting and never shows a password.
    """
    _refuse_unknown_variables(os.environ)
    given = {name: value for name, value in flags.items() if value is not None}
    path = config or os.environ.get(_CONFIG_VARIABLE)
    file = _read_file(Path(path)) if path else {}
    try:
        return Settings(**_merged(file, EnvSettingsSource(Settings)(), given))
    except ForeignSettingsError:
        raise SettingsError(
            f"The environment variable {_PREFIX}PUBLISHER is not valid JSON: set its parts, "
            f"such as {_PREFIX}PUBLISHER__FLUSH_TIMEOUT, instead."
        ) from None
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


def masked_url(url: str) -> str:
    """The URL with its password replaced by ***, for logs and messages."""
    parts = urlsplit(url)
    netloc = parts.netloc
    if parts.password is not None:
        netloc = f"{parts.username or ''}:***@{netloc.rpartition('@')[2]}"
    query = _PASSWORD_OPTION.sub(r"\g<1>***", parts.query)
    return parts._replace(netloc=netloc, query=query).geturl()


def _read_file(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {error.strerror}."
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"The settings file {path} is no text in UTF-8.") from error
    except yaml.YAMLError as error:
        # Its own text quotes the line, where a password may stand.
        raise SettingsError(f"The settings file {path} is not valid YAML{_place(error)}.") from None
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise SettingsError(f"The settings file {path} must hold names and values, one a line.")
    return content


def _place(error: yaml.YAMLError) -> str:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    return f": see line {mark.line + 1}" if mark is not None else ""


def _merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """One tree of all; of two values with one name that of the later layer."""
    tree: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            below = tree.get(name)
            if isinstance(below, Mapping) and isinstance(value, Mapping):
                tree[name] = _merged(below, value)
            else:
                tree[name] = value
    return tree


def _check_port(parts: SplitResult) -> None:
    try:
        _ = parts.port
    except ValueError:
        # urlsplit's own text quotes the port: half a password, where that holds a `/`.
        raise ValueError("has a port that is no number up to 65535") from None


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = {f"{_PREFIX}{name}".upper() for name in Settings.model_fields} | {_CONFIG_VARIABLE}
    known |= {f"{_PREFIX}PUBLISHER__{name}".upper() for name in PublisherSettings.model_fields}
    for name in environ:
        # pydantic-settings reads names in small letters as well.
        upper = name.upper()
        if not upper.startswith(_PREFIX) or upper in known or _SERVICE_LINK.fullmatch(upper):
            continue
        raise SettingsError(
            f"The environment variable {name} is no setting of sardana-redis; "
            "unset it, or see `docs/settings.md` for the names."
        )


def _explain(error: ValidationError) -> str:
    lines = []
    for item in error.errors(include_input=False, include_url=False):
        name = ".".join(str(part) for part in item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        reason = "is no setting" if item["type"] == "extra_forbidden" else message
        lines.append(f"{name}: {reason[:1].lower()}{reason[1:]}")
    return "Wrong settings: " + "; ".join(lines) + "."
