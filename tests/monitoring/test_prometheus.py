"""A real Prometheus on a real beamline: rules load, dashboards show data, alerts come and go."""

from __future__ import annotations

import math
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sardana_redis.local import LocalStack, RedisServer
from sardana_redis.local._ports import HOST, free_port
from sardana_redis.local._process import Process
from sardana_redis.local._tango import without_foreign_settings
from sardana_redis.metrics import METRICS, Owner
from sardana_redis.settings import nested_settings
from tests.faults.arena import eventually
from tests.monitoring.boards import queries
from tests.monitoring.server import JOB, PROMETHEUS, Prometheus
from tests.rules.chart_rules import alert_files, all_rules, release_rules

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        PROMETHEUS is None, reason="prometheus is not installed; `make monitoring-test` installs it"
    ),
]

# Empty this list, and `RECORDER_VARIABLES`' condition, once MacroServer serves its metrics.
HAS_RECORDER = "recorder" in nested_settings()
NOT_SERVED_YET = frozenset(
    () if HAS_RECORDER else (metric.name for metric in METRICS[Owner.RECORDER])
)
VARIABLES = {"datasource": "unused", "beamline": "demo", "job": ".*", "__rate_interval": "10s"}
SOON = "2s"


@dataclass
class Beamline:
    """The parts that the tests look at or stop."""

    prometheus: Prometheus
    redis: RedisServer
    spec_writer: Process
    memory_tracker: Process


@pytest.fixture(scope="module")
def beamline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beamline]:
    folder = tmp_path_factory.mktemp("monitoring")
    ports = {"recorder": free_port()}
    variables = {"SARDANA_REDIS_RECORDER__HTTP_PORT": str(ports["recorder"])}
    with LocalStack(
        folder / "stack", macroserver_variables=variables if HAS_RECORDER else {}
    ) as stack:
        url = stack.redis.url
        ports |= {part: free_port() for part in ("spec-writer", "memory-tracker")}
        spec_writer = service("spec-writer", url, folder, ports, "--writer-name", "spec")
        tracker = service("memory-tracker", url, folder, ports, "--init-db")
        served = {p for p in ports if p != "recorder" or HAS_RECORDER}
        targets = [f"{HOST}:{ports[part]}" for part in sorted(served)]
        prometheus = Prometheus(
            folder / "prometheus",
            rules=release_rules("demo", durations={path.stem: SOON for path in alert_files()}),
            # another beamline in the same Prometheus, whose alerts are not our rules' business
            targets={"demo": targets, "other": [f"{HOST}:{ports['memory-tracker']}"]},
        )
        parts = (tracker, spec_writer, prometheus.process)
        try:
            tracker.start()
            spec_writer.start()
            with scanning(stack):
                prometheus.start()
                yield Beamline(prometheus, stack.redis, spec_writer, tracker)
        finally:
            for part in parts:
                part.terminate()


def service(
    command: str, url: str, folder: Path, ports: dict[str, int], *arguments: str
) -> Process:
    words = [sys.executable, "-m", "sardana_redis", command, "--url", url, *arguments]
    return Process(
        command,
        [*words, "--http-port", str(ports[command])],
        folder=folder,
        log=folder / f"{command}.log",
        environment=without_foreign_settings(),
    )


class scanning:  # noqa: N801 - reads like a function
    """Scans one after the other as long as the block runs."""

    def __init__(self, stack: LocalStack) -> None:
        self._door = stack.door()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._scan)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _scan(self) -> None:
        while not self._stop.wait(0.5):
            self._door.run("ascan", "mot01", "0", "1", "10", "0.05")


def filled_in(expr: str) -> str:
    """The query as Grafana sends it."""
    return re.sub(r"\$(\w+)", lambda found: VARIABLES[found[1]], expr)


def has_data(result: list[dict[str, Any]]) -> bool:
    return any(not math.isnan(float(series["value"][1])) for series in result)


def answer(prometheus: Prometheus) -> str | None:
    """What stands under "Is my data safe?" now."""
    (expr,) = [expr for place, expr in queries() if place == "scans: Is my data safe?: A"]
    result = prometheus.query(filled_in(expr))
    return result[0]["value"][1] if result else None


def is_served(expr: str) -> bool:
    """Whether any series of the query comes from a part that serves its metrics."""
    names = set(re.findall(r"sardana_redis[_:][a-z_:]+", expr))
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in names}
    return not families <= NOT_SERVED_YET


def test_every_target_is_scraped(beamline: Beamline) -> None:
    def all_up() -> bool:
        found = beamline.prometheus.query("up")
        return bool(found) and all(series["value"][1] == "1" for series in found)

    eventually(all_up, 30, "all targets up")
    jobs = beamline.prometheus.query("count by (job) (sardana_redis_build_info)")
    assert [series["metric"]["job"] for series in jobs] == [JOB]


def test_every_rule_is_evaluated_without_an_error(beamline: Beamline) -> None:
    def all_evaluated() -> bool:
        return {rule["health"] for rule in beamline.prometheus.rules()} == {"ok"}

    eventually(all_evaluated, 15, "all rules evaluated")
    found = beamline.prometheus.rules()
    assert len(found) == len(all_rules())
    assert not [rule["name"] for rule in found if rule.get("lastError")]


def test_every_query_of_the_dashboards_returns_data(beamline: Beamline) -> None:
    todo = {place: filled_in(expr) for place, expr in queries()}
    empty = {place: expr for place, expr in todo.items() if is_served(expr)}

    def all_have_data() -> bool:
        for place, expr in list(empty.items()):
            if has_data(beamline.prometheus.query(expr)):
                del empty[place]
        return not empty

    try:
        eventually(all_have_data, 60, "each query has data")
    except AssertionError:
        assert not empty
    silent = [expr for expr in todo.values() if not is_served(expr)]
    assert bool(silent) == bool(NOT_SERVED_YET)
    for expr in silent:
        assert not has_data(beamline.prometheus.query(expr)), "take it off NOT_SERVED_YET"


def test_the_limit_of_a_writer_is_its_own_or_that_of_all(beamline: Beamline) -> None:
    def limits() -> list[tuple[str, str]]:
        found = beamline.prometheus.query("sardana_redis:limit:writer_lag_seconds")
        return [(series["metric"]["writer"], series["value"][1]) for series in found]

    eventually(lambda: limits() == [("spec", "30")], 20, "the limit of the writer")


def test_nothing_fires_while_all_is_well(beamline: Beamline) -> None:
    eventually(lambda: beamline.prometheus.firing() == {}, 30, "nothing fires")


def test_data_are_safe_while_all_is_well(beamline: Beamline) -> None:
    eventually(lambda: answer(beamline.prometheus) == "0", 20, "safe")


def test_writer_down_fires_and_resolves(beamline: Beamline) -> None:
    prometheus = beamline.prometheus
    beamline.spec_writer.terminate()
    down = [{"beamline": "demo", "severity": "critical", "writer": "spec"}]
    eventually(lambda: prometheus.firing().get("WriterDown") == down, 40, "WriterDown fires")
    eventually(lambda: answer(prometheus) == "2", 20, "kept, but not written")
    beamline.spec_writer.start()
    eventually(lambda: "WriterDown" not in prometheus.firing(), 40, "WriterDown resolves")


def test_redis_down_fires_and_resolves(beamline: Beamline) -> None:
    prometheus = beamline.prometheus
    seers = {"memory tracker", *(["MacroServer"] if HAS_RECORDER else [])}

    def all_see_it() -> bool:
        return {labels["seen_by"] for labels in prometheus.firing().get("RedisDown", [])} == seers

    beamline.redis.stop()
    eventually(all_see_it, 40, "RedisDown fires")
    eventually(
        lambda: "WriterDown" not in prometheus.firing(), 20, "nobody knows about writers now"
    )
    known = "2" if HAS_RECORDER else None
    eventually(lambda: answer(prometheus) == known, 20, "kept, but not written")
    beamline.redis.start()
    eventually(lambda: prometheus.firing() == {}, 40, "RedisDown resolves")


def test_a_tracker_that_is_down_is_noticed(beamline: Beamline) -> None:
    prometheus = beamline.prometheus
    beamline.memory_tracker.terminate()
    eventually(lambda: "MemoryTrackerDown" in prometheus.firing(), 30, "MemoryTrackerDown fires")
    eventually(lambda: answer(prometheus) is None, 20, "nobody knows")
    beamline.memory_tracker.start()
    eventually(lambda: "MemoryTrackerDown" not in prometheus.firing(), 30, "it resolves")
