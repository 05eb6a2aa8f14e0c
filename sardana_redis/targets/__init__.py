"""Which file each kind of writer puts a scan into: pure rules, for writers and for the recorder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sardana_redis.targets._nexus import NEXUS_SUFFIXES, nexus_target
from sardana_redis.targets._rules import (
    NoTarget,
    Scan,
    ScanTarget,
    Target,
    forced_target,
    real_path,
)
from sardana_redis.targets._spec import SPEC_SUFFIXES, spec_target

__all__ = [
    "NEXUS_SUFFIXES",
    "RULES",
    "SPEC_SUFFIXES",
    "NoTarget",
    "Scan",
    "ScanTarget",
    "Target",
    "forced_target",
    "nexus_target",
    "real_path",
    "spec_target",
]

RULES: Final[Mapping[str, ScanTarget]] = {"spec": spec_target, "nexus": nexus_target}
"""The rule of each kind of writer, by its word in Redis."""
