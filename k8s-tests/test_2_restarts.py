"""Whatever but MacroServer goes away in mid-scan: the scan ends well and is whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from beamline import LONG_SCAN, Operator, assert_whole, scan_number
from release import Release

POINTS = int(LONG_SCAN[-3]) + 1


def delete_in_mid_scan(component: str) -> Callable[[Release], None]:
    return lambda demo: demo.pod(component).delete()


def upgrade_the_tracker(demo: Release) -> None:
    demo.upgrade({"memoryTracker": {"config": {"monitoring_period": 7}}})


EVENTS = {
    "redis": delete_in_mid_scan("redis"),
    "spec-writer": delete_in_mid_scan("spec-writer"),
    "nexus-writer": delete_in_mid_scan("nexus-writer"),
    "memory-tracker": delete_in_mid_scan("memory-tracker"),
    "upgrade": upgrade_the_tracker,
    "rollback": lambda demo: demo.rollback(),
}
CHANGED = {"upgrade": "memory-tracker", "rollback": "memory-tracker"}


@pytest.mark.parametrize("event", EVENTS)
def test_a_scan_goes_on_through(event: str, demo: Release, operator: Operator) -> None:
    before = demo.uids()
    macro = operator.start(*LONG_SCAN)
    macro.wait_for_point(10)
    EVENTS[event](demo)
    run = macro.wait()
    assert run.state == "ON", run.text
    after = demo.uids()
    changed = {component for component in before if before[component] != after[component]}
    assert changed == {CHANGED.get(event, event)}
    assert_whole(operator, operator.in_redis(scan_number(run)), POINTS)
