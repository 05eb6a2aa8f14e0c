"""The recorder: a guest in MacroServer that hands its scans to the publisher.

Sardana loads `redis_bliss_recorder.py` from this folder, its RecorderPath. Importing this
package imports nothing of Sardana.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["RECORDER_PATH"]

RECORDER_PATH = Path(__file__).parent
"""What Sardana's property RecorderPath must name."""
