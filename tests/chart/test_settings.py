"""What the chart writes into settings files is what our processes read."""

from __future__ import annotations

from pathlib import Path

import pytest

from chart_schema import CHART_SETS
from sardana_redis.settings import nested_settings
from tests.chart.helm import CASES, case_documents, needs_helm, pods, rendered, settings_of

pytestmark = needs_helm

SECTIONS = {
    "specWriter": "spec_writer",
    "nexusWriter": "nexus_writer",
    "memoryTracker": "memory_tracker",
}


@pytest.mark.parametrize("case", CASES)
def test_every_settings_file_loads(case: str, tmp_path: Path) -> None:
    found = case_documents(case)
    mounting = {
        component
        for component, pod in pods(found)
        if any(volume["name"] == "settings" for volume in pod["spec"]["volumes"])
    }
    assert mounting
    for component in mounting:
        settings_of(found, component, tmp_path)


def test_the_values_of_config_arrive(tmp_path: Path) -> None:
    found = rendered(
        {
            "beamline": "bl04",
            "config": {"log_level": "warning"},
            "specWriter": {"config": {"fsync": False, "park_seconds": 0, "sessions": ["a", "b"]}},
            "memoryTracker": {"config": {"init_db": False, "closed_scan_deletion": 2592000}},
            "macroserver": {"config": {"publisher": {"retain_bytes": 0}, "proposal": "0042"}},
        }
    )
    spec = settings_of(found, "spec-writer", tmp_path)
    assert (spec.session, spec.log_level) == ("bl04", "warning")
    own = spec.spec_writer
    assert (own.fsync, own.park_seconds, own.sessions) == (False, 0, ("a", "b"))
    tracker = settings_of(found, "memory-tracker", tmp_path).memory_tracker
    assert (tracker.init_db, tracker.closed_scan_deletion) == (False, 2592000)
    recorder = settings_of(found, "macroserver", tmp_path)
    assert (recorder.publisher.retain_bytes, recorder.proposal) == (0, "0042")


@pytest.mark.parametrize("block", SECTIONS)
def test_every_setting_can_be_set_but_those_of_the_chart(block: str, tmp_path: Path) -> None:
    model = nested_settings()[SECTIONS[block]]
    defaults = model().model_dump(mode="json", exclude=CHART_SETS, exclude_none=True)
    assert len(defaults) > 5
    found = rendered({block: {"config": defaults}})
    component = SECTIONS[block].replace("_", "-")
    settings = getattr(settings_of(found, component, tmp_path), SECTIONS[block])
    assert settings.model_dump(mode="json", exclude=CHART_SETS, exclude_none=True) == defaults
    assert (settings.http_host, settings.http_port) == ("0.0.0.0", 8080)


@pytest.mark.parametrize(
    ("limit", "buffer_mib", "retain_mib"),
    [("512Mi", 96, 21), ("1536Mi", 864, 192), ("4Gi", 2784, 618), ("1G", 427, 94)],
)
def test_the_recorders_buffers_follow_the_memory_limit(
    limit: str, buffer_mib: int, retain_mib: int, tmp_path: Path
) -> None:
    found = rendered({"macroserver": {"resources": {"limits": {"memory": limit}}}})
    publisher = settings_of(found, "macroserver", tmp_path).publisher
    sizes = (publisher.buffer_bytes >> 20, publisher.retain_bytes >> 20)
    assert sizes == (buffer_mib, retain_mib)


def test_demo_elements_are_for_a_pool_of_this_chart(tmp_path: Path) -> None:
    own = settings_of(rendered({}), "macroserver", tmp_path).device_server
    assert own.demo_elements
    assert own.public_host == "demo-macroserver.beamlines.svc.cluster.local"
    assert own.environment["ScanFile"] == ["demo.h5", "demo.dat"]
    other = settings_of(case_documents("external-tango"), "macroserver", tmp_path).device_server
    assert (other.demo_elements, other.pool, other.doors) == (False, "Pool_bl13_1", 2)
    chosen = settings_of(case_documents("placement"), "macroserver", tmp_path).device_server
    assert not chosen.demo_elements
    assert chosen.environment["ScanRecorder"] == ["RedisBlissRecorder"]
