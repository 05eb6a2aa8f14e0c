"""Values that cannot work are refused, with what to do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart.helm import needs_helm, refusal, rendered

pytestmark = needs_helm

NO_LIMIT = {"resources": {"limits": {"memory": None}}}

IMPOSSIBLE: dict[str, tuple[dict[str, Any], str]] = {
    "maxmemory at the limit": (
        {"redis": {"maxmemory": "1Gi"}},
        "leave redis.maxmemory empty for 75 % of the limit",
    ),
    "maxmemory above the limit": (
        {"redis": {"maxmemory": "2G", "resources": {"limits": {"memory": "1.5Gi"}}}},
        "redis.maxmemory (2G) is not below redis.resources.limits.memory (1.5Gi)",
    ),
    "maxmemory above the limit, as numbers": (
        {"redis": {"maxmemory": 2 * 2**30, "resources": {"limits": {"memory": 2**30}}}},
        "redis.maxmemory (2147483648) is not below redis.resources.limits.memory (1073741824)",
    ),
    "a Redis without room": (
        {"redis": {"resources": {"limits": {"memory": "160Mi"}}}},
        "256Mi at least",
    ),
    "Redis without a limit": ({"redis": NO_LIMIT}, "maxmemory is derived from it"),
    "maxmemory of another Redis": (
        {"redis": {"maxmemory": "1Gi", "external": {"host": "redis"}}},
        "unset one of the two",
    ),
    "users without passwords": (
        {"redis": {"auth": {"acl": {"enabled": True}}}},
        "make a Secret with a key for each user",
    ),
    "a user without a password": (
        {"redis": {"external": {"host": "redis"}, "auth": {"username": "me"}}},
        "redis.auth.username needs a password",
    ),
    "one user and users for each part": (
        {"redis": {"auth": {"existingSecret": "s", "username": "me", "acl": {"enabled": True}}}},
        "unset one of the two",
    ),
    "a user of our own Redis": (
        {"redis": {"auth": {"existingSecret": "s", "username": "me"}}},
        "use redis.auth.acl.enabled",
    ),
    "TLS without a certificate": (
        {"redis": {"tls": {"enabled": True}}},
        "make a Secret with tls.crt, tls.key and ca.crt",
    ),
    "a claim that is not used": (
        {"data": {"existingClaim": "mine", "persistence": {"enabled": False}}},
        "data.existingClaim is not used",
    ),
    "a volume for one pod": (
        {"data": {"accessModes": ["ReadWriteOncePod"]}},
        "/data/accessModes/0",
    ),
    "a MacroServer without a Pool": (
        {"pool": {"enabled": False}},
        "name the Pool that MacroServer works with",
    ),
    "a MacroServer without room": (
        {"macroserver": {"resources": {"limits": {"memory": "256Mi"}}}},
        "need 512Mi at least",
    ),
    "buffers without a limit": (
        {"macroserver": NO_LIMIT},
        "set it, or macroserver.config.publisher.buffer_bytes",
    ),
    "a buffer above the limit": (
        {"macroserver": {"config": {"publisher": {"buffer_bytes": 2**31}}}},
        "leave it out, and it follows the limit",
    ),
    "two writers of one name": (
        {"specWriter": {"config": {"writer_name": "nexus"}}},
        'both writers are called "nexus"',
    ),
    "a setting of the chart": (
        {"specWriter": {"config": {"http_port": 9000}}},
        "'http_port' not allowed",
    ),
    "a setting that is none": (
        {"macroserver": {"config": {"publisher": {"flush_timout": 3}}}},
        "'flush_timout' not allowed",
    ),
    "a value that our code refuses": (
        {"memoryTracker": {"config": {"hard_threshold": 101}}},
        "maximum",
    ),
    "a quantity that is none": (
        {"redis": {"resources": {"limits": {"memory": "1 GB"}}}},
        "/redis/resources/limits/memory",
    ),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_is_refused(what: str) -> None:
    values, remedy = IMPOSSIBLE[what]
    assert remedy in refusal(values).replace("\n", " ")


def test_buffers_that_are_set_need_no_limit() -> None:
    buffers = {"buffer_bytes": 2**28, "retain_bytes": 2**24}
    assert rendered({"macroserver": {**NO_LIMIT, "config": {"publisher": buffers}}})


@pytest.mark.parametrize("release", ["4bm", "bl.13"])
def test_a_release_that_no_service_can_be_named_after_is_refused(release: str) -> None:
    assert f'name "{release}" begins the names of Services' in refusal({}, release)
    found = rendered({"fullnameOverride": "bl"}, release)
    assert {item["metadata"]["name"].partition("-")[0] for item in found} == {"bl"}
