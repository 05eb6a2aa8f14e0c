"""Redis is filled beyond its limit: data are trimmed, and nothing is killed or lost."""

from __future__ import annotations

import json
from pathlib import Path

from beamline import INSIDE, SCAN, Operator, assert_whole
from kube import Pod, eventually
from release import Release

LIMIT_MIB = 256
PUBLISHED_BYTES = 2 * LIMIT_MIB * 2**20
SCRIPT = Path(__file__).parents[1] / "tests" / "scans.py"


def metric(demo: Release, component: str, name: str) -> float:
    """The sum of a metric's series on the component's own page."""
    pod = demo.pod(component)
    port = pod.document["metadata"]["annotations"]["prometheus.io/port"]
    ask = f"import urllib.request as r; print(r.urlopen('http://localhost:{port}/metrics').read().decode())"
    lines = pod.exec("python", "-c", ask).decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def was_killed(pod: Pod) -> bool:
    states = [state for c in pod.containers for state in (c["state"], c.get("lastState", {}))]
    return any(s.get("terminated", {}).get("reason") == "OOMKilled" for s in states)


def test_a_full_redis_is_trimmed_and_never_killed(demo: Release, operator: Operator) -> None:
    limits = {"resources": {"limits": {"memory": f"{LIMIT_MIB}Mi"}}}
    demo.upgrade({"redis": limits})
    before = demo.pod("redis")
    eventually(lambda: 0 < metric(demo, "memory-tracker", MAX) < LIMIT_MIB * 2**20, 30, "maxmemory")

    script = SCRIPT.read_text(encoding="utf-8") + (INSIDE / "fill.py").read_text(encoding="utf-8")
    words = ["python", "-", str(PUBLISHED_BYTES), operator.folder]
    said = operator.pod.exec(*words, stdin=without_future(script), seconds=480)
    assert json.loads(said.decode().splitlines()[-1])["bytes"] >= PUBLISHED_BYTES

    assert metric(demo, "memory-tracker", RECLAIMS) > 0
    after = demo.pod("redis")
    assert (after.uid, [c["restartCount"] for c in after.containers]) == (before.uid, [0])
    assert not any(was_killed(pod) for pod in demo.pods())
    eventually(lambda: metric(demo, "memory-tracker", LAG) == 0, 120, "all is written")
    for writer in ("spec-writer", "nexus-writer"):
        assert metric(demo, writer, LOST) == 0
    assert_whole(operator, operator.scan(*SCAN), 11)


MAX = "sardana_redis_memory_max_bytes"
RECLAIMS = "sardana_redis_memory_reclaims_total"
LOST = "sardana_redis_writer_lost_points_total"
LAG = "sardana_redis_writer_lag_points"


def without_future(script: str) -> str:
    """Two modules in one: only its beginning may have `__future__` imports."""
    line = "from __future__ import annotations\n"
    return line + script.replace(line, "")
