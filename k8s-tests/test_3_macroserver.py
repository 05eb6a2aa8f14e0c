"""MacroServer's pod goes away: the beamline scans again, and Redis is told the truth."""

from __future__ import annotations

import time

from beamline import SCAN, STEP_SCAN, Operator, Scan, assert_whole, scan_number
from kube import eventually
from release import Release


def test_macroserver_is_back_in_a_minute(demo: Release, operator: Operator) -> None:
    operator.environment(MarkOfTheTests="kept")
    before = demo.pod("macroserver").uid
    # a step scan: nobody would give a motor the velocity back that a continuous one took from it
    macro = operator.start(*STEP_SCAN)
    macro.wait_for_point(10)
    demo.pod("macroserver").delete()
    deleted = time.monotonic()
    broken = macro.wait()
    assert broken.state is None, broken.text
    eventually(lambda: demo.pod("macroserver").uid != before, 90, "a new pod")
    again = operator.start(*SCAN)
    again.wait_for_point(0)
    seconds = time.monotonic() - deleted
    scan = operator.in_redis(scan_number(again.wait()))

    assert seconds < 60
    number = scan_number(broken)
    assert scan.number == number + 1
    assert operator.environment()["MarkOfTheTests"] == "kept"
    assert_whole(operator, scan, 11)
    lost = operator.in_redis(number)
    assert lost.end_reason == "FAILURE"
    assert_whole(operator, lost, len(lost.points), "FAILURE")
    assert len(lost.points) >= 10


def test_macroserver_starts_and_scans_without_redis(demo: Release, operator: Operator) -> None:
    before = demo.pod("macroserver").uid
    demo.scale("redis", 0)
    eventually(lambda: not demo.pods("redis"), 60, "Redis is gone")
    demo.pod("macroserver").delete()
    eventually(lambda: demo.pod("macroserver").uid != before, 90, "a new pod")
    runs = [operator.run(*SCAN) for _ in range(3)]
    assert [run.state for run in runs] == ["ON"] * 3, "\n".join(run.text for run in runs)
    demo.scale("redis", 1)
    numbers = [scan_number(run) for run in runs]
    assert numbers == list(range(numbers[0], numbers[0] + 3))
    scans: list[Scan] = [operator.in_redis(number) for number in numbers]
    for scan in scans:
        assert_whole(operator, scan, 11)
