"""Whether a Pool's events reach a MacroServer, out of what both say."""

from __future__ import annotations

from typing import Any

from sardana_redis.device_server._events import missing_events

POOL = {"device": "pool/demo/1", "server": "dserver/Pool/demo"}
CHANNEL = "tango://a:1/dserver/pool/demo"


def listener(*events: str, channel: str = CHANNEL) -> dict[str, Any]:
    callbacks = {f"tango://a:1/{event}": {"channel_name": channel} for event in events}
    return {"client": {"event_callbacks": callbacks}}


def sender(*events: str) -> dict[str, Any]:
    return {"server": {"event_counters": {f"tango://b:2/{event}": 1 for event in events}}}


def test_none_is_missing_when_all_that_is_listened_to_is_sent() -> None:
    events = listener("pool/demo/1/elements.idl5_change", "motor/c/1/state.idl5_attr_conf")
    sent = sender("pool/demo/1/elements.change", "motor/c/1/state.attr_conf", "motor/c/1/x.change")
    assert missing_events(events, sent, **POOL) == frozenset()


def test_a_restarted_pool_sends_nothing_until_it_is_asked_again() -> None:
    events = listener("pool/demo/1/elements.idl5_change", "motor/c/1/state.idl5_change")
    assert missing_events(events, {"server": {"event_counters": None}}, **POOL) == {
        "pool/demo/1/elements.change",
        "motor/c/1/state.change",
    }


def test_a_macroserver_that_listens_to_no_pool_misses_its_elements() -> None:
    nothing = {"client": {"event_callbacks": None}}
    assert missing_events(nothing, sender(), **POOL) == {"pool/demo/1/elements.change"}


def test_servers_that_never_had_an_event_say_null() -> None:
    """A MacroServer that came up before its Pool stood in the Tango database."""
    never = {"version": 1, "server": None, "client": None}
    expected = {"pool/demo/1/elements.change"}
    assert missing_events(never, sender(), **POOL) == expected
    assert missing_events(never, never, **POOL) == expected
    assert missing_events({}, {}, **POOL) == expected


def test_events_of_other_servers_do_not_count() -> None:
    events = listener("other/x/1/state.idl5_change", channel="tango://a:1/dserver/other/x")
    sent = sender("pool/demo/1/elements.change")
    assert missing_events(events, sent, **POOL) == frozenset()
