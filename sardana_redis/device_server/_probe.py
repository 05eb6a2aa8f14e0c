"""What a running Sardana server says of itself; devices by their full names or on TANGO_HOST."""

from __future__ import annotations

import json

import tango

__all__ = ["is_on", "known_elements"]


def is_on(device: str) -> bool:
    """Whether a device answers and is ON."""
    try:
        return bool(tango.DeviceProxy(device).state() == tango.DevState.ON)
    except tango.DevFailed:
        return False


def known_elements(macroserver: str) -> frozenset[str]:
    """The names of all elements that a MacroServer knows; empty while it starts."""
    try:
        _, content = tango.DeviceProxy(macroserver).read_attribute("Elements").value
    except tango.DevFailed:
        return frozenset()
    return frozenset(element["name"] for element in json.loads(content)["new"])
