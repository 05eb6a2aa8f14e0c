"""The dashboards: built from Python, complete, and of names that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dashboards.__main__ import BUILT
from dashboards.board import as_json
from sardana_redis.metrics import METRICS, series_names
from tests.monitoring.boards import FILES, load, panels, queries
from tests.rules.chart_rules import RUNBOOKS, alert_files, all_rules, default_thresholds

LABELS = {m.name: m.labels for metrics in METRICS.values() for m in metrics}
PANELS = [(path, panel) for path in FILES for panel in panels(path)]
SERIES = re.compile(r"(sardana_redis[_:][a-z_:]+)(\{[^}]*\})?")
per_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
per_panel = pytest.mark.parametrize(
    "panel",
    [panel for _, panel in PANELS],
    ids=[f"{p.stem}-{panel['title']}" for p, panel in PANELS],
)
per_query = pytest.mark.parametrize(("place", "expr"), list(queries()))


@pytest.mark.parametrize("name", BUILT)
def test_the_file_is_what_the_code_builds(name: str) -> None:
    (path,) = [path for path in FILES if path.name == name]
    assert path.read_text(encoding="utf-8") == as_json(BUILT[name]()), "run `make dashboards`"


def test_every_file_is_built() -> None:
    assert {path.name for path in FILES} == set(BUILT)


@per_file
def test_data_source_beamline_and_job_are_variables(path: Path) -> None:
    document = load(path)
    variables = {v["name"]: v for v in document["templating"]["list"]}
    assert list(variables) == ["datasource", "beamline", "job", "runbooks"]
    assert variables["datasource"]["query"] == "prometheus"
    assert variables["job"]["allValue"] == ".*"
    sources = set(re.findall(r'"uid": "([^"]+)"', path.read_text(encoding="utf-8")))
    assert sources == {"${datasource}", document["uid"]}


@per_file
def test_one_row_shows_all_beamlines(path: Path) -> None:
    (panel,) = [panel for panel in panels(path) if panel["title"] == "All beamlines"]
    for target in panel["targets"]:
        assert "$beamline" not in target["expr"]
        assert "by (beamline)" in target["expr"]


@per_file
def test_panels_have_a_place_of_their_own(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    everything = load(path)["panels"]
    for panel in everything:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in everything}) == len(everything)


@per_panel
def test_a_panel_explains_itself(panel: dict[str, Any]) -> None:
    assert len(panel["description"]) > 10
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    assert defaults["thresholds"]["steps"]
    assert panel["targets"]


@per_panel
def test_links_lead_to_runbooks(panel: dict[str, Any]) -> None:
    for link in panel.get("links", []):
        name = link["url"].removeprefix("${runbooks}/")
        assert (RUNBOOKS / name).is_file()


def test_an_answer_is_of_now_and_not_the_last_that_was_known() -> None:
    numbers = [panel for _, panel in PANELS if panel["type"] in ("stat", "table")]
    assert numbers
    for panel in numbers:
        for target in panel["targets"]:
            assert target["instant"], panel["title"]
            assert not target["range"], panel["title"]


def test_every_runbook_is_linked() -> None:
    linked = {link["url"] for _, panel in PANELS for link in panel.get("links", [])}
    assert {f"${{runbooks}}/{path.stem}.md" for path in alert_files()} == linked


@per_query
def test_a_query_selects_what_is_chosen_above(place: str, expr: str) -> None:
    selectors = SERIES.findall(expr)
    assert selectors
    for name, selector in selectors:
        if "All beamlines" not in place:
            assert 'beamline="$beamline"' in selector
        if not name.startswith("sardana_redis:"):
            assert 'job=~"$job"' in selector
            for label, value in re.findall(r'(\w+)="([^"$]*)"', selector):
                assert value in LABELS[name][label]


def test_queries_name_only_series_that_exist() -> None:
    recorded = {rule["record"] for rule in all_rules() if "record" in rule}
    used = {name for _, expr in queries() for name, _ in SERIES.findall(expr)}
    assert used <= series_names() | recorded


def test_every_series_is_shown() -> None:
    text = "\n".join(expr for _, expr in queries())
    unseen = {name for name in series_names() if not re.search(rf"{name}\b", text)}
    assert not unseen


def test_legends_show_labels_that_exist() -> None:
    known = {"instance", *(label for labels in LABELS.values() for label in labels)}
    for _, panel in PANELS:
        for target in panel["targets"]:
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= known


def test_colours_change_where_the_alert_fires() -> None:
    (panel,) = [panel for _, panel in PANELS if panel["title"] == "Used memory"]
    values = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    assert values[1] == default_thresholds()["memory_used_ratio"][""]
