"""From flags, variables and a file to the settings."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource
from pydantic_settings import SettingsError as ForeignSettingsError

from sardana_redis.errors import SettingsError
from sardana_redis.settings._tree import PREFIX, Settings, nested_settings

__all__ = ["load_settings"]

_CONFIG_VARIABLE = "SARDANA_REDIS_CONFIG"

# Kubernetes puts these into every pod beside a Service named `sardana-redis`.
_SERVICE_LINK = re.compile(
    r"SARDANA_REDIS_([A-Z0-9_]+_)?(SERVICE_(HOST|PORT)\w*|PORT(_\d+_(TCP|UDP)\w*)?)"
)


def load_settings(config: Path | None = None, **flags: Any) -> Settings:
    """The settings from flags, variables and file; `flags` that are None count as not given.

    `config` names the file, else `SARDANA_REDIS_CONFIG` does, else there is none.
    Raises SettingsError, which names each wrong setting and never shows a password.
    """
    _refuse_unknown_variables(os.environ)
    given = _given(flags)
    path = config or os.environ.get(_CONFIG_VARIABLE)
    file = _read_file(Path(path)) if path else {}
    try:
        return Settings(**_merged(file, EnvSettingsSource(Settings)(), given))
    except ForeignSettingsError as error:
        raise SettingsError(
            f"The environment variable {_section_of(error)} is not valid JSON: set its parts, "
            f"such as {PREFIX}PUBLISHER__FLUSH_TIMEOUT, instead; a list, as "
            f'{PREFIX}SPEC_WRITER__SESSIONS is one, is written as JSON: ["a"].'
        ) from None
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that are not None, in sections too."""
    return {
        name: _given(value) if isinstance(value, Mapping) else value
        for name, value in flags.items()
        if value is not None
    }


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


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields} | {_CONFIG_VARIABLE}
    for section, model in nested_settings().items():
        known |= {f"{PREFIX}{section}__{name}".upper() for name in model.model_fields}
    for name in environ:
        # pydantic-settings reads names in small letters as well.
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper in known or _SERVICE_LINK.fullmatch(upper):
            continue
        raise SettingsError(
            f"The environment variable {name} is no setting of sardana-redis; "
            "unset it, or see `docs/settings.md` for the names."
        )


def _section_of(error: ForeignSettingsError) -> str:
    """The variable that could not be parsed; pydantic-settings names the field in quotes."""
    found = re.search(r'"(\w+)"', str(error))
    return f"{PREFIX}{found[1]}".upper() if found else f"{PREFIX}*"


def _explain(error: ValidationError) -> str:
    lines = []
    for item in error.errors(include_input=False, include_url=False):
        name = ".".join(str(part) for part in item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        reason = "is no setting" if item["type"] == "extra_forbidden" else message
        lines.append(f"{name}: {reason[:1].lower()}{reason[1:]}")
    return "Wrong settings: " + "; ".join(lines) + "."
