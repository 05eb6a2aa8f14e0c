"""At MacroServer's start: which Redis is asked for open scans, and that nothing gets out."""

from __future__ import annotations

import threading

import pytest

from sardana_redis.recorder import _arrival
from sardana_redis.recorder._arrival import arrive, used_redis_urls
from sardana_redis.recorder._sardana import RunningMacroServer, is_server, running_macroserver

OURS = {"ScanRecorder": ["RedisBlissRecorder"]}


@pytest.mark.parametrize(
    ("environment", "urls"),
    [
        ({"RedisURL": "redis://a"}, ()),
        ({"ScanRecorder": ["SPEC_FileRecorder"], "RedisURL": "redis://a"}, ()),
        (OURS, (None,)),
        ({"DataRecorder": "RedisBlissRecorder", "RedisURL": "redis://a"}, ("redis://a",)),
        ({"door/1.ScanRecorder": ["RedisBlissRecorder"]}, (None,)),
        ({**OURS, "RedisURL": "redis://a", "door/1.RedisURL": "redis://b"},
         ("redis://a", "redis://b")),
        ({**OURS, "door/1.RedisURL": "redis://b"}, (None, "redis://b")),
        ({**OURS, "RedisURL": 7}, ()),
    ],
)  # fmt: skip
def test_asks_the_redis_that_scans_go_to(environment: dict, urls: tuple) -> None:
    assert used_redis_urls(environment) == urls


def test_this_process_is_no_macroserver() -> None:
    assert not is_server()
    assert running_macroserver() is None
    arrive()
    assert not [t for t in threading.enumerate() if t.name == "sardana-redis-arrival"]


class Attended:
    def __init__(self) -> None:
        self.served: list[int | None] = []
        self.calls: list[tuple[str, str]] = []
        self.happened = threading.Event()

    def publisher_for(self, settings, macroserver):
        self.calls.append((settings.url, macroserver))
        return self

    def serve_metrics(self, settings) -> None:
        self.served.append(settings.http_port)

    def attend(self) -> None:
        self.happened.set()


@pytest.fixture
def attended(monkeypatch: pytest.MonkeyPatch) -> Attended:
    made = Attended()
    monkeypatch.setattr(_arrival, "publisher_for", made.publisher_for)
    monkeypatch.setattr(_arrival, "serve_metrics", made.serve_metrics)
    monkeypatch.setattr(_arrival, "is_server", lambda: True)
    monkeypatch.setattr(_arrival, "_has_begun", threading.Event())
    monkeypatch.setattr(_arrival, "_POLL_SECONDS", 0.01)
    return made


def test_waits_until_macroserver_is_up_and_looks_once(attended: Attended) -> None:
    answers = iter([None, None, RunningMacroServer("host:1/ms", {**OURS, "RedisURL": "redis://a"})])
    arrive(lambda: next(answers))
    arrive(lambda: pytest.fail("a second time"))
    assert attended.happened.wait(5)
    assert attended.calls == [("redis://a", "host:1/ms")]


def test_metrics_are_served_before_anybody_scans(
    attended: Attended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SARDANA_REDIS_RECORDER__HTTP_PORT", "8080")
    arrive(lambda: RunningMacroServer("host:1/ms", {}))
    _join()
    assert attended.served == [8080]
    assert not attended.calls


@pytest.mark.parametrize("environment", [{**OURS, "RedisURL": "no url"}, {**OURS, "RedisURL": ""}])
def test_settings_that_are_wrong_are_logged_only(
    attended: Attended, environment: dict, caplog: pytest.LogCaptureFixture
) -> None:
    arrive(lambda: RunningMacroServer("host:1/ms", environment))
    _join()
    assert not attended.calls
    assert "cannot look for scans" in caplog.text


def test_whatever_is_raised_ends_in_the_log(
    attended: Attended, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> RunningMacroServer:
        raise RuntimeError("Tango is not what it was")

    arrive(broken)
    _join()
    assert not attended.calls
    assert "Tango is not what it was" in caplog.text


def test_a_process_that_gets_no_thread_goes_on(
    attended: Attended, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    arrive(lambda: None)
    assert not attended.calls
    assert "can't start new thread" in caplog.text


def _join() -> None:
    for thread in threading.enumerate():
        if thread.name == "sardana-redis-arrival":
            thread.join(5)
