"""Macros for operators. Sardana loads `sardana_redis_macros.py` from this folder, its MacroPath.

Importing this package imports nothing of Sardana.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["MACRO_PATH"]

MACRO_PATH = Path(__file__).parent
"""What Sardana's property MacroPath must name."""
