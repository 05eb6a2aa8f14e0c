"""The only reader of environment, files and flags.

Flags win over `SARDANA_REDIS_*` variables, which win over the YAML file that
`--config` or `SARDANA_REDIS_CONFIG` names. Nested settings are written with two
underscores: `SARDANA_REDIS_PUBLISHER__FLUSH_TIMEOUT`. Unknown names are refused.
"""

from __future__ import annotations

from sardana_redis.settings._device_server import DeviceServerSettings
from sardana_redis.settings._load import load_settings
from sardana_redis.settings._sections import (
    MemoryTrackerSettings,
    NexusWriterSettings,
    PublisherSettings,
    RecorderSettings,
    SpecDialect,
    SpecWriterSettings,
    WriterSettings,
)
from sardana_redis.settings._tree import Settings, nested_settings
from sardana_redis.settings._url import masked_url

__all__ = [
    "DeviceServerSettings",
    "MemoryTrackerSettings",
    "NexusWriterSettings",
    "PublisherSettings",
    "RecorderSettings",
    "Settings",
    "SpecDialect",
    "SpecWriterSettings",
    "WriterSettings",
    "load_settings",
    "masked_url",
    "nested_settings",
]
