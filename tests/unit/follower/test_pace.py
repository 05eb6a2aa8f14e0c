"""Doing things at most so often."""

from __future__ import annotations

from sardana_redis.follower import Pace


def test_is_due_at_once_then_after_its_time() -> None:
    pace = Pace(2.0)
    assert pace.is_due(10.0)
    assert not pace.is_due(11.9)
    assert pace.is_due(12.0)
    assert not pace.is_due(13.0)


def test_can_be_hurried() -> None:
    pace = Pace(2.0)
    assert pace.is_due(0.0)
    pace.hurry()
    assert pace.is_due(0.1)


def test_can_be_put_off() -> None:
    pace = Pace(2.0)
    assert pace.is_due(0.0)
    pace.put_off(3.0)
    assert not pace.is_due(2.9)
    assert pace.is_due(3.0)
    assert not pace.is_due(4.9)
