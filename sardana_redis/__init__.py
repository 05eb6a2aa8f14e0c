"""Sardana scans, streamed point by point into Redis in ESRF's blissdata format."""

from __future__ import annotations

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("sardana-redis")
