"""Keeping Redis' memory bounded, with what is not written yet as the last thing to go."""

from __future__ import annotations

from sardana_redis.memory_tracker._command import memory_tracker
from sardana_redis.memory_tracker._service import MemoryTrackerService

__all__ = ["MemoryTrackerService", "memory_tracker"]
