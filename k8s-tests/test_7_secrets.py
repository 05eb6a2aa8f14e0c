"""Passwords, TLS and users of Redis, and servers that are there already: the same scan works."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from beamline import SCAN, Operator, assert_whole
from certificates import self_signed
from facility import Facility
from kube import Namespace, eventually, fresh_namespace
from release import HELM, HELM3, Release, image_of

ROLES = ("recorder", "spec-writer", "nexus-writer", "memory-tracker", "reader")
THROW_AWAY = {"persistence": {"enabled": False}}
VALUES = {
    "redis": THROW_AWAY,
    "tangoDb": THROW_AWAY,
}
"""Little of these releases has to outlive its pod: the data, and what MacroServer remembers."""


def assert_nowhere(release: Release, passwords: Mapping[str, str]) -> None:
    """No password is in a log, an object but its Secret, an argument or an environment."""
    namespace = release.namespace
    places = {
        "objects": namespace.kubectl("get", "all,configmaps,networkpolicies,pvc", "-o", "yaml"),
        "events": namespace.kubectl("get", "events", "-o", "yaml"),
        "manifest": str(release.objects()),
    }
    for pod in release.pods():
        places[f"log of {pod.name}"] = namespace.kubectl("logs", pod.name, "--all-containers")
        look = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"
        seen = pod.exec("bash", "-c", look).decode(errors="replace")
        assert "PATH=" in seen
        places[f"processes of {pod.name}"] = seen
    for where, text in places.items():
        for user, password in passwords.items():
            assert password not in text, f"the password of {user} is in {where}"


@pytest.fixture(scope="module")
def passwords() -> dict[str, str]:
    return {user: secrets.token_urlsafe(18) for user in ("default", *ROLES)}


@pytest.fixture(scope="module")
def secure(passwords: dict[str, str]) -> Iterator[Release]:
    """A release whose Redis asks for a password; installed with Helm 3 where there is one."""
    with fresh_namespace("secure") as namespace:
        namespace.secret("redis-password", password=passwords["default"])
        release = Release(namespace, "secure", helm=HELM3 or HELM)
        release.install(
            {**VALUES, "redis": {**THROW_AWAY, "auth": {"existingSecret": "redis-password"}}}
        )
        yield release


def operator_of(release: Release, folder: Path, **how: Any) -> Operator:
    return Operator(release, image_of("macroserver"), folder, **how)


def test_a_scan_with_a_password(secure: Release, passwords: dict[str, str], tmp_path: Path) -> None:
    operator = operator_of(
        secure,
        tmp_path,
        secrets={"/run/secrets/mine": "redis-password"},
        environment={"SARDANA_REDIS_PASSWORD_FILE": "/run/secrets/mine/password"},
    )
    assert_whole(operator, operator.scan(*SCAN), 11)
    assert_nowhere(secure, passwords)


def test_a_scan_with_tls_and_a_user_for_each_role(
    secure: Release, passwords: dict[str, str], tmp_path: Path
) -> None:
    namespace, host = secure.namespace, secure.service("redis")
    namespace.secret("redis-users", **{name: passwords[name] for name in passwords})
    namespace.secret("redis-tls", **self_signed(host, "localhost"))
    acl = {"existingSecret": "redis-users", "acl": {"enabled": True}}
    tls = {"enabled": True, "existingSecret": "redis-tls"}
    secure.upgrade({"redis": {"auth": acl, "tls": tls}})
    operator = operator_of(
        secure,
        tmp_path,
        secrets={"/run/secrets/mine": "redis-users", "/run/secrets/ca": "redis-tls"},
        redis_url=f"rediss://reader@{host}:6379?ssl_ca_certs=/run/secrets/ca/ca.crt",
        environment={"SARDANA_REDIS_PASSWORD_FILE": "/run/secrets/mine/reader"},
    )
    assert_whole(operator, operator.scan(*SCAN), 11)
    assert_nowhere(secure, passwords)
    for component in ("spec-writer", "nexus-writer", "memory-tracker"):
        read = secure.pod(component).exec("sh", "-c", "cat /run/secrets/sardana-redis/*").decode()
        others = {name for name in passwords if name != component and passwords[name] in read}
        assert others == set(), f"{component} can read the passwords of others"


def test_uninstall_leaves_the_volumes_that_hold_data(secure: Release) -> None:
    """docs: what stays after `helm uninstall` are the claims of the volumes, and what you made."""
    claims = {item["metadata"]["name"] for item in secure.namespace.get("pvc")}
    assert claims
    kinds = {item["kind"] for item in secure.objects()} | {"Pod", "Job", "ReplicaSet"}
    secure.uninstall()
    eventually(lambda: not secure.pods(), 60, "all pods are gone")
    left = {
        (item["kind"], item["metadata"]["name"])
        for item in secure.namespace.get(",".join(sorted(kinds | {"PersistentVolumeClaim"})))
        if item["metadata"].get("labels", {}).get("app.kubernetes.io/instance") == secure.name
    }
    assert left == {("PersistentVolumeClaim", name) for name in claims}


@pytest.fixture(scope="module")
def facility(passwords: dict[str, str]) -> Iterator[Facility]:
    with fresh_namespace("facility") as namespace:
        yield Facility(namespace, passwords["default"])


@pytest.fixture(scope="module")
def beamline(facility: Facility) -> Iterator[Namespace]:
    with fresh_namespace("beamline") as namespace:
        namespace.secret("redis-password", password=facility.password)
        yield namespace


def test_a_scan_with_redis_and_tango_database_of_a_facility(
    beamline: Namespace, facility: Facility, passwords: dict[str, str], tmp_path: Path
) -> None:
    release = Release(beamline, "bl04")
    release.install(
        {
            **VALUES,
            "beamline": "bl04",
            "redis": {
                "external": {"host": facility.redis_host},
                "auth": {"existingSecret": "redis-password"},
            },
            "tango": {"external": {"host": facility.tango_host}},
        }
    )
    assert not release.pods("redis")
    assert not release.pods("tango-db")
    operator = operator_of(
        release,
        tmp_path,
        beamline="bl04",
        tango_host=f"{facility.tango_host}:10000",
        redis_url=f"redis://{facility.redis_host}:6379",
        secrets={"/run/secrets/mine": "redis-password"},
        environment={"SARDANA_REDIS_PASSWORD_FILE": "/run/secrets/mine/password"},
    )
    assert_whole(operator, operator.scan(*SCAN), 11)
    assert_nowhere(release, passwords)
