"""The recorder's numbers, scraped from the real MacroServer while it scans."""

from __future__ import annotations

import contextlib
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from sardana_redis.http import Health, HealthServer
from sardana_redis.local import Door, LocalStack
from sardana_redis.local._ports import HOST, free_port
from tests.faults.arena import free_the_door
from tests.faults.sardana_hang import SardanaHangs, sardana_hang_told

pytestmark = pytest.mark.stack

ASCAN = ("ascan", "mot01", "0", "1", "4", "0.01")
PREFIX = "sardana_redis_recorder_"
TAKEN = "no metrics of the recorder for now"


@dataclass(frozen=True)
class Taken:
    """The port of the recorder's metrics, and the other server that has it until it is stopped."""

    port: int
    server: HealthServer


@pytest.fixture(scope="module")
def taken(stack: LocalStack, settings_file: Path) -> Iterator[Taken]:
    """Of a MacroServer that has not scanned when the first of these tests begins."""
    stack.macroserver.kill()
    with HealthServer(HOST, 0, CollectorRegistry(), lambda: Health(True, True, "ok")) as server:
        found = Taken(server.port, server)
        settings = {"recorder": {"http_host": HOST, "http_port": found.port}}
        settings_file.write_text(yaml.safe_dump(settings))
        stack.macroserver.start()
        yield found
    settings_file.write_text("")
    stack.macroserver.kill()
    stack.macroserver.start()


@pytest.fixture
def port(taken: Taken) -> int:
    """The port, which MacroServer gets within 10 s."""
    taken.server.stop()
    return taken.port


def page(port: int, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=5) as answer:
        return answer.read().decode()


def numbers(port: int) -> dict[str, float]:
    """The recorder's samples by their short name; errors by their reason."""
    families = text_string_to_metric_families(page(port))
    return {
        sample.labels.get("reason", sample.name.removeprefix(PREFIX)): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith(PREFIX) and "le" not in sample.labels
    }


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except OSError:
            pass  # it does not listen yet
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_a_port_that_is_taken_costs_one_line_and_no_scan(
    stack: LocalStack, taken: Taken, door: Door
) -> None:
    log = stack.folder / "log" / "macroserver.log"
    for _ in range(2):
        run = door.run(*ASCAN)
        assert run.state == "ON", run.text()
        assert run.text("warning") == ""
    eventually(lambda: log.read_text().count(TAKEN) == 1)
    taken.server.stop()
    eventually(lambda: numbers(taken.port).get("points_total") == 10)
    assert log.read_text().count(TAKEN) == 1


def test_a_scrape_shows_the_points_of_a_scan_that_runs(
    stack: LocalStack, port: int, door: Door
) -> None:
    assert door.run(*ASCAN).state == "ON"
    eventually(lambda: numbers(port)["buffered_bytes"] == 0)
    before = numbers(port)["points_total"]
    door.start("ascan", "mot01", "0", "1", "400", "0.01")
    eventually(lambda: numbers(port)["points_total"] >= before + 3)
    running = numbers(port)
    assert running["redis_up"] == 1
    assert running["points_total"] < before + 401
    assert running["publish_latency_seconds_count"] > 0
    mean = running["publish_latency_seconds_sum"] / running["publish_latency_seconds_count"]
    assert 0.0 < mean < 1.0
    assert running["dropped_points_total"] == running["resent_points_total"] == 0
    with contextlib.suppress(SardanaHangs), sardana_hang_told(stack):
        door.abort()
        door.wait(timeout=20)
    free_the_door(stack)
    run = door.run(*ASCAN)
    assert run.state == "ON", run.text()
    eventually(lambda: numbers(port)["buffered_bytes"] == 0)
    assert page(port, "/readyz") == "ok\n"


def test_a_wrong_redis_url_is_seen_and_costs_no_scan(
    stack: LocalStack, port: int, door: Door
) -> None:
    assert door.run(*ASCAN).state == "ON"
    eventually(lambda: numbers(port)["buffered_bytes"] == 0)
    before = numbers(port)
    door.set_environment("RedisURL", f"redis://{HOST}:{free_port()}")
    run = door.run(*ASCAN)
    assert run.state == "ON", run.text()
    assert run.text("warning").count("cannot be reached") == 1
    eventually(lambda: numbers(port)["unreachable"] >= before["unreachable"] + 2)
    wrong = numbers(port)
    assert wrong["redis_up"] == 0
    assert wrong["buffered_bytes"] > 0
    assert wrong["points_total"] == before["points_total"]
    assert page(port, "/readyz") == "Redis is away; points are kept for it\n"
