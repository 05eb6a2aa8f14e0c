"""`helm install` with no values gives a beamline that scans."""

from __future__ import annotations

import re

import pexpect
import pytest
from beamline import SCAN, Operator, assert_whole
from release import COMPONENTS, Release


def test_the_release_is_ready_in_90_seconds(demo: Release) -> None:
    assert demo.install_seconds < 90
    for component in COMPONENTS:
        assert demo.pod(component, seconds=1).is_ready


def test_a_scan_in_spock_is_in_redis_and_in_both_files(demo: Release, operator: Operator) -> None:
    macroserver = demo.pod("macroserver")
    command = [
        "exec",
        "-it",
        "-n",
        macroserver.namespace,
        macroserver.name,
        "--",
        "spock",
        "--simple-prompt",
    ]
    with pexpect.spawn("kubectl", command, timeout=60, encoding="utf-8") as spock:
        spock.expect(r"\[1\]: ")
        spock.sendline(" ".join(SCAN))
        spock.expect(r"Scan #(\d+) started")
        number = int(spock.match[1])
        spock.expect(r"Operation saved in|Scan #\d+ ended")
        spock.expect(r"\[2\]: ")
        spock.sendline("quit")
    assert_whole(operator, operator.in_redis(number), 11)


def test_the_release_passes_its_own_tests(demo: Release) -> None:
    assert re.search(r"Phase:\s+Succeeded", demo.test())


@pytest.mark.parametrize("component", COMPONENTS)
def test_no_container_was_restarted(demo: Release, component: str) -> None:
    (pod,) = demo.pods(component)
    assert [container["restartCount"] for container in pod.containers] == [0]
