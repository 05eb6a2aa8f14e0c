"""The Tango device around the SPEC writer, without a Tango database."""

from __future__ import annotations

import subprocess
import sys


def test_a_writer_that_is_still_stopping_is_neither_started_nor_lost() -> None:
    words = [sys.executable, "-m", "tests.unit.spec_writer.stubborn_device"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
