"""What every run of the tests shows at its end."""

from __future__ import annotations

import pytest

FIGURES = "figures"
"""The property, set by `record_property`, with what a test measured and does not only judge."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Shows what tests measured, also those of other processes: they have no terminal."""
    lines = [
        value
        for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
        if report.when == "call"
        for name, value in report.user_properties
        if name == FIGURES
    ]
    if lines:
        terminalreporter.section(FIGURES)
        for line in lines:
            terminalreporter.write_line(str(line))
