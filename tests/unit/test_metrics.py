"""One table of metrics: what is exposed, what the page says, and that nothing is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from math import isnan
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from sardana_redis.errors import (
    Outage,
    ScanRefusedError,
    SettingsError,
    StoreUnavailable,
    StoreUnusable,
    StreamSealedError,
)
from sardana_redis.metrics import (
    METRICS,
    Owner,
    ReclaimReason,
    RecorderMetrics,
    TrackerMetrics,
    WriterMetrics,
    add_build_info,
    gauge_family,
    render_table,
    series_names,
)
from sardana_redis.model import EndReason, ScanState, WriterScanState

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
ALL = [metric for metrics in METRICS.values() for metric in metrics]
PER_WRITER = [
    metric.short_name
    for metric in METRICS[Owner.TRACKER]
    if metric.kind == "gauge" and "writer" in metric.labels
]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def exposed(registry: CollectorRegistry) -> dict[str, Metric]:
    """The families in the text that Prometheus gets, without the library's `_created`."""
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {family.name: family for family in families if not family.name.endswith("_created")}


def family_name(name: str) -> str:
    """How the parser names a counter's family."""
    return name.removesuffix("_total")


class Lag:
    """A collector like the tracker's: each gauge of each writer."""

    def __init__(self, writers: Iterable[str]) -> None:
        self.writers = writers

    def collect(self) -> Iterator[Metric]:
        for name in PER_WRITER:
            family = gauge_family(name)
            for number, writer in enumerate(self.writers):
                family.add_metric([writer], number)
            yield family


def register(owner: Owner, registry: CollectorRegistry) -> None:
    match owner:
        case Owner.TRACKER:
            TrackerMetrics(registry)
            registry.register(Lag(["spec", "nexus"]))
        case Owner.WRITER:
            WriterMetrics(registry, "spec")
        case Owner.RECORDER:
            RecorderMetrics(registry)
        case Owner.EVERY:
            add_build_info(registry)


@pytest.mark.parametrize("owner", Owner)
def test_a_process_exposes_what_the_table_says(owner: Owner, registry: CollectorRegistry) -> None:
    register(owner, registry)
    families = exposed(registry)
    table = {family_name(m.name): m for o in (owner, Owner.EVERY) for m in METRICS[o]}
    assert set(families) == set(table)
    for name, metric in table.items():
        family = families[name]
        assert (family.type, family.documentation) == (metric.kind, metric.help)


@pytest.mark.parametrize("owner", Owner)
def test_every_series_of_a_bounded_set_is_there_from_the_start(
    owner: Owner, registry: CollectorRegistry
) -> None:
    register(owner, registry)
    families = exposed(registry)
    for metric in METRICS[owner]:
        samples = families[family_name(metric.name)].samples
        assert samples
        for label, values in metric.labels.items():
            shown = {sample.labels[label] for sample in samples}
            assert shown == set(values) if values else shown


def test_names_follow_the_conventions_of_prometheus() -> None:
    units = ("_bytes", "_seconds", "_ratio", "_points", "_scans", "_up", "_info")
    for metric in ALL:
        assert re.fullmatch(r"sardana_redis_[a-z]+(_[a-z]+)*", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.kind == "counter" or metric.name.endswith(units)
    assert len({metric.name for metric in ALL}) == len(ALL)


def test_no_label_can_hold_a_scan_a_file_or_a_channel() -> None:
    unbounded = {name for metric in ALL for name, values in metric.labels.items() if not values}
    assert unbounded == {"writer", "version", "python", "blissdata"}


def test_a_writer_counts_its_points_and_scans(registry: CollectorRegistry) -> None:
    metrics = WriterMetrics(registry, "spec")
    metrics.points_written.inc(10)
    metrics.lost_points.inc(2)
    metrics.scans[WriterScanState.DONE].inc()
    assert WriterScanState.OPEN not in metrics.scans
    value = registry.get_sample_value
    assert value("sardana_redis_writer_points_written_total", {"writer": "spec"}) == 10
    assert value("sardana_redis_writer_lost_points_total", {"writer": "spec"}) == 2
    name = "sardana_redis_writer_scans_total"
    assert value(name, {"writer": "spec", "result": "done"}) == 1
    assert value(name, {"writer": "spec", "result": "failed"}) == 0


REASONS = [
    *((StoreUnavailable("", outage), str(outage)) for outage in Outage),
    (StoreUnusable(""), "unusable"),
    (ScanRefusedError(""), "scan refused"),
    (StreamSealedError(""), "stream sealed"),
    (SettingsError("the password file is gone"), "other"),
    (ZeroDivisionError(), "other"),
]


@pytest.mark.parametrize(("error", "reason"), REASONS)
def test_an_error_counts_under_its_reason(
    error: BaseException, reason: str, registry: CollectorRegistry
) -> None:
    RecorderMetrics(registry).count_error(error)
    family = exposed(registry)["sardana_redis_recorder_publish_errors"]
    counted = {s.labels["reason"]: s.value for s in family.samples if s.value}
    assert counted == {reason: 1}


def test_latencies_from_a_flush_to_an_outage_have_buckets(registry: CollectorRegistry) -> None:
    metrics = RecorderMetrics(registry)
    for seconds in (0.015, 0.03, 100):
        metrics.publish_latency_seconds.observe(seconds)
    name = "sardana_redis_recorder_publish_latency_seconds"
    buckets = {
        sample.labels["le"]: sample.value
        for sample in exposed(registry)[name].samples
        if sample.name == f"{name}_bucket"
    }
    assert (buckets["0.02"], buckets["0.05"], buckets["60.0"], buckets["300.0"]) == (1, 2, 2, 3)


def test_what_the_tracker_has_not_seen_yet_is_not_a_number(registry: CollectorRegistry) -> None:
    metrics = TrackerMetrics(registry)
    metrics.used_bytes.set(100)
    metrics.scans[ScanState.STARTED].set(3)
    value = registry.get_sample_value
    assert value("sardana_redis_memory_used_bytes") == 100
    assert isnan(value("sardana_redis_memory_max_bytes") or 0)
    assert value("sardana_redis_scans", {"state": "STARTED"}) == 3
    assert isnan(value("sardana_redis_scans", {"state": "CLOSED"}) or 0)


def test_what_the_tracker_sees_no_longer_is_not_a_number(registry: CollectorRegistry) -> None:
    metrics = TrackerMetrics(registry)
    metrics.threshold_ratio.set(0.8)
    metrics.used_bytes.set(100)
    metrics.scans[ScanState.STARTED].set(3)
    metrics.orphan_scans_closed.inc()
    metrics.lose_sight()
    value = registry.get_sample_value
    assert isnan(value("sardana_redis_memory_used_bytes") or 0)
    assert isnan(value("sardana_redis_scans", {"state": "STARTED"}) or 0)
    assert value("sardana_redis_memory_cleanup_threshold_ratio") == 0.8
    assert value("sardana_redis_orphan_scans_closed_total") == 1


def test_the_tracker_counts_from_0(registry: CollectorRegistry) -> None:
    metrics = TrackerMetrics(registry)
    metrics.reclaims[ReclaimReason.UNREAD].inc()
    metrics.scans_closed[EndReason.USER_ABORT].inc()
    value = registry.get_sample_value
    assert value("sardana_redis_memory_reclaims_total", {"reason": "unread"}) == 1
    assert value("sardana_redis_memory_reclaims_total", {"reason": "written"}) == 0
    assert value("sardana_redis_scans_closed_total", {"end_reason": "USER_ABORT"}) == 1
    assert value("sardana_redis_orphan_scans_closed_total") == 0


def test_a_writer_that_is_forgotten_leaves_no_series(registry: CollectorRegistry) -> None:
    lag = Lag(["spec", "nexus"])
    registry.register(lag)
    lag.writers = ["nexus"]
    labels = [s.labels for family in exposed(registry).values() for s in family.samples]
    assert labels == [{"writer": "nexus"}] * len(PER_WRITER)


def test_a_family_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(KeyError):
        gauge_family("writer_mood")


def test_all_parts_of_one_process_share_a_registry(registry: CollectorRegistry) -> None:
    for owner in Owner:
        register(owner, registry)
    assert set(exposed(registry)) == {family_name(metric.name) for metric in ALL}


def test_series_names_are_those_that_are_exposed(registry: CollectorRegistry) -> None:
    for owner in Owner:
        register(owner, registry)
    names = {sample.name for family in exposed(registry).values() for sample in family.samples}
    assert series_names() == names


def test_the_page_holds_the_table_as_it_is() -> None:
    _, _, rest = PAGE.partition("## All of them")
    table = "\n".join(line for line in rest.splitlines() if line.startswith("|"))
    assert table == render_table(), "put what `render_table()` returns into docs/metrics.md"


def test_the_documents_name_no_metric_that_does_not_exist() -> None:
    known = series_names() | {metric.name for metric in ALL}
    for page in (ROOT / "docs").rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert set(re.findall(r"sardana_redis_[a-z_]+[a-z]", text)) <= known, page.name
