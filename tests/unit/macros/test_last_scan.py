"""The last scans, asked of a Redis that may not answer."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from sardana_redis.errors import Outage, StoreUnavailable, StoreUnusable
from sardana_redis.macros._last_scan import last_scan_lines, within
from sardana_redis.settings import Settings


def test_returns_what_the_function_returns() -> None:
    assert within(5, lambda: 7) == 7


def test_raises_what_the_function_raises() -> None:
    def refuse() -> None:
        raise StoreUnusable("why")

    with pytest.raises(StoreUnusable, match="why"):
        within(5, refuse)


def test_waits_no_longer_than_it_is_told() -> None:
    is_over = threading.Event()
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"within 0.1 s") as caught:
        within(0.1, lambda: is_over.wait(30))
    assert time.monotonic() - began < 5
    assert caught.value.reason is Outage.TIMEOUT
    is_over.set()


def test_a_password_file_that_is_missing_is_a_line(tmp_path: Path) -> None:
    settings = Settings(password_file=tmp_path / "none")
    (line,) = last_scan_lines(settings, "macroserver", 1)
    assert "cannot be read" in line
