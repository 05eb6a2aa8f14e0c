"""The log reads as that of the proof of concept."""

from __future__ import annotations

import pytest

from sardana_redis.memory_tracker._lines import (
    bytes_text,
    expiry_line,
    inactive_line,
    initial_lines,
    too_recent_line,
    trimmed_line,
)

KEY = "esrf:scan:01HHMHGD8J5HH0BPMW9P6K5XQF"


def test_the_lines_are_those_of_the_proof_of_concept() -> None:
    assert initial_lines(4 * 2**30, 80.0, 180.0) == (
        "INIT | Redis max. memory: 4GB",
        "INIT | Mem. usage to trigger cleanup: 80% (3.2GB)",
        "INIT | Protected history length: 180 seconds",
    )
    assert expiry_line(KEY, 604_800.0) == (
        f"Scan {KEY} is terminated, expiration set to 7 days, 0:00:00 seconds"
    )
    assert inactive_line(KEY, 86_400.0) == (
        f"Open scan {KEY} was inactive for 1 day, 0:00:00 seconds, deleting now"
    )
    assert trimmed_line(20.0) == "Trimmed off the oldest 20% of stream history"
    assert "(protected_history: 180 seconds)" in too_recent_line(180.0)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0B"), (1, "1B"), (2_653_946, "2.531MB"), (2**60, "1024PB"), (1023, "1023B")],
)
def test_sizes_are_short(count: int, text: str) -> None:
    assert bytes_text(count) == text
