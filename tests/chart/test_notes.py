"""What an install says in the end is true of its values, and warns of what may surprise."""

from __future__ import annotations

from tests.chart.helm import needs_helm, notes

pytestmark = needs_helm

SHARED = {"external": {"host": "redis.facility.example"}}


def test_a_release_of_its_own_warns_of_nothing() -> None:
    said = notes({})
    assert "NOTE:" not in said
    assert "WARNING:" not in said


def test_a_writer_of_all_sessions_of_a_shared_redis_is_told() -> None:
    said = notes({"beamline": "bl04", "redis": SHARED})
    assert "NOTE: specWriter.config.sessions is empty" in said
    assert "NOTE: nexusWriter.config.sessions is empty" in said
    assert "the sessions of this one: [bl04]" in said
    chosen = {"enabled": True, "config": {"sessions": ["bl04"]}}
    said = notes({"redis": SHARED, "specWriter": chosen, "nexusWriter": {"enabled": False}})
    assert "config.sessions" not in said


def test_a_writer_that_is_switched_off_can_be_forgotten() -> None:
    off = {"specWriter": {"enabled": False, "config": {"writer_name": "mine"}}}
    command = "kubectl exec -n beamlines deploy/demo-{} -- sardana-redis writers forget mine"
    assert command.format("memory-tracker") in notes(off)
    untracked = {"memoryTracker": {"enabled": False}}
    said = notes({**off, **untracked})
    assert command.format("nexus-writer") in said
    assert "nexusWriter.enabled is false" not in said
    nobody = {"nexusWriter": {"enabled": False}, **untracked}
    assert "writers forget" not in notes({**off, **nobody})


def test_what_goes_with_its_pod_is_warned_of() -> None:
    gone = {"persistence": {"enabled": False}}
    said = notes({"data": gone, "tangoDb": gone})
    assert "WARNING: data.persistence.enabled is false" in said
    assert "WARNING: tangoDb.persistence.enabled is false" in said
    other = {"tangoDb": gone, "tango": {"external": {"host": "tango.facility.example"}}}
    assert "WARNING" not in notes(other)
