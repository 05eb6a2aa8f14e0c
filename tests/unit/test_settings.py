"""Flags over variables over the file; every unknown name refused; no password ever shown."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sardana_redis.errors import SettingsError
from sardana_redis.settings import Settings, load_settings, masked_url

SECRET = "geheim"
YamlFile = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("SARDANA_REDIS_"):
            monkeypatch.delenv(name)


@pytest.fixture
def yaml_file(tmp_path: Path) -> YamlFile:
    def write(text: str) -> Path:
        path = tmp_path / "settings.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("seconds", [14.9, 0, -1, float("nan")])
def test_a_silence_shorter_than_a_heartbeat_is_refused(seconds: float) -> None:
    with pytest.raises(SettingsError, match="orphan_timeout: must be 15 s at least"):
        load_settings(memory_tracker={"orphan_timeout": seconds})
    assert load_settings(memory_tracker={"orphan_timeout": 15}).memory_tracker.orphan_timeout == 15


def test_nothing_has_to_be_set() -> None:
    settings = load_settings()
    assert settings.url == "redis://localhost:6379"
    assert (settings.session, settings.data_policy) == ("test_session", "no_policy")
    publisher = settings.publisher
    assert (publisher.flush_timeout, publisher.shutdown_timeout) == (10.0, 20.0)
    assert (publisher.buffer_bytes, publisher.retain_bytes) == (2**30, 2**28)


def test_the_file_wins_over_the_defaults(yaml_file: YamlFile) -> None:
    assert load_settings(yaml_file("session: file")).session == "file"


def test_variables_win_over_the_file(yaml_file: YamlFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARDANA_REDIS_SESSION", "variable")
    settings = load_settings(yaml_file("session: file\nproposal: file"))
    assert (settings.session, settings.proposal) == ("variable", "file")


def test_flags_win_over_all(yaml_file: YamlFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARDANA_REDIS_SESSION", "variable")
    assert load_settings(yaml_file("session: file"), session="flag").session == "flag"


def test_a_flag_that_was_not_given_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARDANA_REDIS_SESSION", "variable")
    assert load_settings(session=None).session == "variable"


def test_nested_settings_are_taken_one_by_one(
    yaml_file: YamlFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = yaml_file("publisher: {flush_timeout: 1, shutdown_timeout: 1, brake_ratio: 0.1}")
    monkeypatch.setenv("SARDANA_REDIS_PUBLISHER__SHUTDOWN_TIMEOUT", "2")
    monkeypatch.setenv("SARDANA_REDIS_PUBLISHER__BRAKE_RATIO", "0.2")
    publisher = load_settings(file, publisher={"brake_ratio": 0.3}).publisher
    assert publisher.flush_timeout == 1
    assert publisher.shutdown_timeout == 2
    assert publisher.brake_ratio == 0.3


def test_a_variable_can_name_the_file(yaml_file: YamlFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARDANA_REDIS_CONFIG", str(yaml_file("session: file")))
    assert load_settings().session == "file"


def test_the_file_given_wins_over_the_one_that_a_variable_names(
    yaml_file: YamlFile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SARDANA_REDIS_CONFIG", str(tmp_path / "missing"))
    assert load_settings(yaml_file("session: file")).session == "file"


def test_loading_leaves_the_environment_as_it_was(yaml_file: YamlFile) -> None:
    before = dict(os.environ)
    load_settings(yaml_file("session: file"))
    assert dict(os.environ) == before
    assert load_settings().session == "test_session"


def test_the_model_alone_looks_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARDANA_REDIS_SESSION", "variable")
    assert Settings().session == "test_session"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().session = "other"  # type: ignore[misc]  # that is the point


def test_unknown_flags_are_refused() -> None:
    with pytest.raises(SettingsError, match="speed: is no setting"):
        load_settings(speed=3)


@pytest.mark.parametrize("name", ["speed", "publisher.speed"])
def test_unknown_names_in_the_file_are_refused(yaml_file: YamlFile, name: str) -> None:
    outer, _, inner = name.partition(".")
    text = f"{outer}: {{{inner}: 3}}" if inner else f"{outer}: 3"
    with pytest.raises(SettingsError, match=f"{name}: is no setting"):
        load_settings(yaml_file(text))


@pytest.mark.parametrize("name", ["SPEED", "PUBLISHER__SPEED", "PUBLISHER_FLUSH_TIMEOUT", "speed"])
def test_unknown_variables_are_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    variable = f"{'sardana_redis_' if name.islower() else 'SARDANA_REDIS_'}{name}"
    monkeypatch.setenv(variable, "3")
    with pytest.raises(SettingsError, match=f"variable {variable} is no setting"):
        load_settings()


@pytest.mark.parametrize(
    "name",
    [
        *("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_REDIS", "PORT", "PORT_6379_TCP"),
        *("PORT_6379_TCP_PROTO", "PORT_6379_TCP_PORT", "PORT_6379_TCP_ADDR"),
        *("SPEC_WRITER_SERVICE_HOST", "SPEC_WRITER_PORT_8080_TCP_ADDR", "TANGO_DB_PORT"),
    ],
)
def test_what_kubernetes_sets_beside_a_service_is_tolerated(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"SARDANA_REDIS_{name}", "tcp://10.0.0.1:6379")
    assert load_settings() == Settings()


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(url="http://x", log_level="loud", publisher={"brake_ratio": 7})
    assert all(
        name in str(error.value) for name in ("url:", "log_level:", "publisher.brake_ratio:")
    )


@pytest.mark.parametrize(
    "url",
    ["localhost:6379", "http://x", "redis://", "redis://:6379", "redis://x:99999", "redis://x:y"],
)
def test_a_url_that_names_no_redis_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^Wrong settings: url: "):
        load_settings(url=url)


@pytest.mark.parametrize(
    "url", ["redis://x", "rediss://u:p@x:1/3", "unix:///run/redis.sock", "redis://[::1]:6379"]
)
def test_urls_of_redis_are_taken(url: str) -> None:
    assert load_settings(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        *(f"http://:{SECRET}@host", f"redis://:{SECRET}@host:port", f"redis://:{SECRET}@:6379"),
        *(f"redis://u:{SECRET}#x@host", f"redis://u:{SECRET}/x@host", f"redis://u:x?{SECRET}@host"),
        *(
            f"redis://u:1#{SECRET}@host",
            f"redis://:{SECRET}",
            f"redis://[{SECRET}@host",
            f"redis://u:{SECRET}",
        ),
    ],
)
def test_a_wrong_url_is_refused_without_its_password(url: str, yaml_file: YamlFile) -> None:
    for load in (lambda: load_settings(url=url), lambda: load_settings(yaml_file(f"url: '{url}'"))):
        with pytest.raises(SettingsError) as error:
            load()
        assert SECRET not in str(error.value).lower()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'session: x\nurl: "redis://:{SECRET}@host', "is not valid YAML: see line"),
        (f"- {SECRET}", "must hold names and values"),
        (f"1: {SECRET}", "must hold names and values"),
        (f"publisher: {SECRET}", "publisher: input should be"),
        (f"pasword: {SECRET}", "pasword: is no setting"),
    ],
)
def test_a_wrong_file_is_refused_without_what_it_holds(
    yaml_file: YamlFile, text: str, message: str
) -> None:
    with pytest.raises(SettingsError, match=message) as error:
        load_settings(yaml_file(text))
    assert SECRET not in str(error.value)
    assert "\n" not in str(error.value)


def test_an_empty_file_sets_nothing(yaml_file: YamlFile) -> None:
    assert load_settings(yaml_file("# all as it is\n")) == Settings()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load_settings(tmp_path / "missing.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"session: \xff")
    with pytest.raises(SettingsError, match=r"latin\.yaml is no text in UTF-8"):
        load_settings(tmp_path / "latin.yaml")


def test_a_nested_variable_given_whole_must_be_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARDANA_REDIS_PUBLISHER", SECRET)
    with pytest.raises(SettingsError, match="SARDANA_REDIS_PUBLISHER is not valid JSON") as error:
        load_settings()
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("redis://host:6379/2", "redis://host:6379/2"),
        ("redis://:pw@host", "redis://:***@host"),
        ("rediss://user:pw@[::1]:6379", "rediss://user:***@[::1]:6379"),
        ("redis://user@host", "redis://user@host"),
        ("redis://host?db=1&password=pw&x=y", "redis://host?db=1&password=***&x=y"),
        ("unix://:pw@/run/redis.sock", "unix://:***@/run/redis.sock"),
    ],
)
def test_a_password_is_masked_and_nothing_else(url: str, masked: str) -> None:
    assert masked_url(url) == masked


@given(st.text(min_size=1).filter(lambda text: not text.isascii() or "*" not in text))
def test_no_password_survives_masking(password: str) -> None:
    secret = quote(f"secret{password}", safe="")
    settings: Any = Settings(url=f"redis://user:{secret}@host:6379?password={secret}")
    assert "secret" not in masked_url(settings.url)
