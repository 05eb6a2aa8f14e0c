"""Whether a Pool's events reach a MacroServer: both say so, through Tango's admin devices.

After its restart a Pool sends nothing to a MacroServer that has not subscribed anew, which
takes Tango 10 s; a scan that begins before hangs (Sardana 3.7.1, cppTango 10.3).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import tango

__all__ = ["missing_events", "query_events", "without_host"]

_QUERY: Final = "QueryEventSystem"
_UNKNOWN: Final = "API_CommandNotFound"


def query_events(device: str) -> Mapping[str, Any] | None:
    """What the server of a device says of its events; None before cppTango 10, which cannot.

    Raises tango.DevFailed when it does not answer.
    """
    admin = tango.DeviceProxy(tango.DeviceProxy(device).adm_name())
    try:
        answer: Mapping[str, Any] = json.loads(admin.command_inout(_QUERY))
    except tango.DevFailed as error:
        if any(item.reason == _UNKNOWN for item in error.args):
            return None
        raise
    return answer


def missing_events(
    listener: Mapping[str, Any], sender: Mapping[str, Any], *, device: str, server: str
) -> frozenset[str]:
    """The events of a server (its admin device) that it does not send to who listens to them.

    Those of the attribute Elements of `device` have to be among what is listened to. A server
    that never listened, or never sent, says null where it would say what.
    """
    channel = without_host(server)
    callbacks = (listener.get("client") or {}).get("event_callbacks") or {}
    counters = (sender.get("server") or {}).get("event_counters") or {}
    wanted = {
        _plain(name)
        for name, callback in callbacks.items()
        if without_host(callback["channel_name"]) == channel
    }
    wanted.add(f"{without_host(device)}/elements.change")
    return frozenset(wanted - {_plain(name) for name in counters})


def without_host(name: str) -> str:
    """The name without that of the Tango database, which one may have under several names."""
    return name.lower().partition("://")[2].partition("/")[2] or name.lower()


def _plain(event: str) -> str:
    """The event without the version of its data."""
    attribute, _, kind = without_host(event).rpartition(".")
    return f"{attribute}.{kind.partition('_')[2] if kind.startswith('idl') else kind}"
