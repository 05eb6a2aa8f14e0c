"""What RedisRequireWriters may hold."""

from __future__ import annotations

from typing import Any

import pytest

from sardana_redis.briefing import RequireWriters, require_writers, wrong_require_line


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, RequireWriters.WARN),
        ("warn", RequireWriters.WARN),
        (" Refuse ", RequireWriters.REFUSE),
        ("off", RequireWriters.OFF),
        ("maybe", None),
        ("", None),
        (3, None),
        (["off"], None),
    ],
)
def test_a_value_is_understood_or_not(value: Any, found: RequireWriters | None) -> None:
    assert require_writers(value) is found


def test_a_wrong_value_is_shown() -> None:
    assert "RedisRequireWriters is 3 and counts as warn" in wrong_require_line(3)
