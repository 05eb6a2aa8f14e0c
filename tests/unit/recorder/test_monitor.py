"""The recorder's port in MacroServer: there where one is set, and never in a scan's way."""

from __future__ import annotations

import logging
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from sardana_redis.http import Health, HealthServer
from sardana_redis.local._ports import free_port
from sardana_redis.recorder._monitor import Monitor
from sardana_redis.recorder._publishers import Publishers
from sardana_redis.settings import RecorderSettings, Settings

HOST = "127.0.0.1"


class Two:
    """Publishers, as far as a monitor looks at them."""

    held_bytes = 300
    are_up = True


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    made = Monitor(Two(), retry_seconds=0.05)
    yield made
    made.stop()


def page(port: int, path: str) -> tuple[int, str]:
    with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=5) as answer:
        return answer.status, answer.read().decode()


def eventually(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 10.0
    while True:
        try:
            return found()
        except (OSError, AssertionError):
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.01)


def _require(found: Any) -> None:
    assert found


def settings(port: int | None) -> RecorderSettings:
    return RecorderSettings(http_host=HOST, http_port=port)


def test_it_serves_nothing_where_no_port_is_set(monitor: Monitor) -> None:
    monitor.serve(settings(None))
    assert monitor._thread is None


def test_it_serves_the_recorders_metrics(monitor: Monitor) -> None:
    port = free_port()
    monitor.metrics.points.inc(7)
    monitor.serve(settings(port))
    monitor.serve(settings(free_port()))  # a port holds for good
    status, text = eventually(lambda: page(port, "/metrics"))
    assert status == 200
    assert "sardana_redis_recorder_points_total 7.0" in text
    assert "sardana_redis_recorder_buffered_bytes 300.0" in text
    assert "sardana_redis_recorder_redis_up 1.0" in text
    assert "sardana_redis_build_info{" in text


def test_macroserver_is_ready_without_redis(
    monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monitor.serve(settings(port))
    assert eventually(lambda: page(port, "/readyz")) == (200, "ok\n")
    monkeypatch.setattr(Two, "are_up", False)
    assert page(port, "/readyz") == (200, "Redis is away; points are kept for it\n")
    assert page(port, "/healthz")[0] == 200
    assert "sardana_redis_recorder_redis_up 0.0" in page(port, "/metrics")[1]


def test_a_port_that_is_taken_costs_one_line_and_is_had_when_it_is_free(
    monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sardana_redis.recorder")
    taken = HealthServer(HOST, 0, CollectorRegistry(), lambda: Health(True, True, "not ours"))
    taken.start()
    port = taken.port
    try:
        started_at = time.monotonic()
        monitor.serve(settings(port))
        assert time.monotonic() - started_at < 1.0
        eventually(lambda: _require(caplog.messages))
        time.sleep(0.3)  # some tries, of which nobody reads
        (line,) = caplog.messages
        assert str(port) in line
        assert "set another http_port" in line
    finally:
        taken.stop()
    eventually(lambda: page(port, "/metrics"))
    assert page(port, "/healthz") == (200, "ok\n")


def test_a_stopped_monitor_frees_its_port(monitor: Monitor) -> None:
    port = free_port()
    monitor.serve(settings(port))
    eventually(lambda: page(port, "/healthz"))
    monitor.stop()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind((HOST, port))


def test_it_ends_also_while_it_waits_for_its_port() -> None:
    with HealthServer(HOST, 0, CollectorRegistry(), lambda: Health(True, True)) as taken:
        monitor = Monitor(Two(), retry_seconds=60.0)
        monitor.serve(settings(taken.port))
        monitor.stop()
        assert monitor._thread is not None
        assert not monitor._thread.is_alive()


@pytest.fixture
def publishers() -> Iterator[Publishers]:
    made = Publishers()
    yield made
    made.shut_down()


def on(port: int, **publisher: Any) -> Settings:
    return Settings(url=f"redis://{HOST}:{port}", publisher=publisher)


def test_one_redis_has_one_publisher(publishers: Publishers) -> None:
    first = publishers.publisher_for(on(1), "ms")
    assert publishers.publisher_for(on(1), "ms") is first
    assert publishers.publisher_for(on(2), "ms") is not first
    assert publishers.publisher_for(on(1, linger_seconds=0.01), "ms") is not first


def test_a_redis_that_no_scan_goes_to_does_not_count(
    publishers: Publishers, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishers.publisher_for(on(1), "ms")
    up = publishers.publisher_for(on(2), "ms")
    monkeypatch.setattr(type(up), "is_up", property(lambda self: self is up))
    assert publishers.are_up
    publishers.publisher_for(on(1), "ms")
    assert not publishers.are_up


def test_bytes_of_all_publishers_are_summed(
    publishers: Publishers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for port in range(1, 7):  # beyond four the first ones retire
        made = publishers.publisher_for(on(port), "ms")
    monkeypatch.setattr(type(made), "held_bytes", 10)
    assert publishers.held_bytes == 40
