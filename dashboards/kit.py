"""The kinds of panels, and what all of them have in common.

A panel's `runbooks` are names of alerts; each becomes a link. In queries, `OF` selects the
beamline and job that are chosen above, `ALL` the job only, `LIMIT_OF` the beamline's thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import common as c
from grafana_foundation_sdk.builders import dashboard as d
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common as cm
from grafana_foundation_sdk.models import dashboard as dm
from grafana_foundation_sdk.models import prometheus as pm

__all__ = [
    "ALL",
    "LIMIT_OF",
    "OF",
    "SOURCE",
    "Query",
    "columns",
    "graph",
    "number",
    "states",
    "text_map",
]

OF: Final = '{beamline="$beamline", job=~"$job"}'
ALL: Final = '{job=~"$job"}'
LIMIT_OF: Final = '{beamline="$beamline"}'

SOURCE: Final = dm.DataSourceRef(type_val="prometheus", uid="${datasource}")
_LIMIT: Final = "limit"
_Panel = TypeVar("_Panel", timeseries.Panel, stat.Panel, statetimeline.Panel, table.Panel)
Steps = Mapping[float, str]
"""From which value on which colour; below the first one it is green."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query with what its legend says; a limit is drawn as a dashed red line."""

    expr: str
    legend: str = ""
    is_limit: bool = False


def graph(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    width: int = 8,
    runbooks: Sequence[str] = (),
    bars: bool = False,
    colours: Mapping[str, str] | None = None,
) -> timeseries.Panel:
    """Values over time; with `bars` stacked ones, for what is counted."""
    panel = _common(timeseries.Panel(), title, description, unit, width=width, runbooks=runbooks)
    panel.legend(c.VizLegendOptions().show_legend(True).placement(cm.LegendPlacement.BOTTOM))
    panel.tooltip(c.VizTooltipOptions().mode(cm.TooltipDisplayMode.MULTI))
    panel.min(0).fill_opacity(60 if bars else 10).show_points(cm.VisibilityMode.NEVER)
    if bars:
        panel.draw_style(cm.GraphDrawStyle.BARS)
        panel.stacking(c.StackingConfig().mode(cm.StackingMode.NORMAL))
    for number_, query in enumerate(queries):
        panel.with_target(_target(query, number_))
    for name, colour in (colours or {}).items():
        panel.override_by_name(name, [_colour(colour)])
    dashed = dm.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [10, 10]})
    no_fill = dm.DynamicConfigValue("custom.fillOpacity", 0)
    return panel.override_by_regexp(f".*{_LIMIT}.*", [_colour("red"), dashed, no_fill])


def number(
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    steps: Steps,
    texts: Sequence[dm.ValueMap] = (),
    width: int = 4,
    height: int = 4,
    runbooks: Sequence[str] = (),
    no_value: str = "unknown",
) -> stat.Panel:
    """One number for each series of the query, on a ground of the colour of its step.

    It is asked for as of now: the last one of a range would stay when nobody knows any more.
    """
    panel = _common(
        stat.Panel(), title, description, unit, width=width, runbooks=runbooks, height=height
    )
    panel.with_target(_target(query, 0).instant())
    panel.thresholds(_thresholds(steps)).mappings(list(texts)).no_value(no_value)
    panel.reduce_options(c.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.color_mode(cm.BigValueColorMode.BACKGROUND)
    return panel.graph_mode(cm.BigValueGraphMode.NONE)


def states(
    title: str,
    description: str,
    queries: Sequence[Query],
    texts: dm.ValueMap,
    *,
    width: int = 8,
    runbooks: Sequence[str] = (),
) -> statetimeline.Panel:
    """Which of a few states something was in, over time."""
    panel = _common(
        statetimeline.Panel(), title, description, "none", width=width, runbooks=runbooks
    )
    panel.mappings([texts]).show_value(cm.VisibilityMode.NEVER)
    for number_, query in enumerate(queries):
        panel.with_target(_target(query, number_))
    return panel


def columns(
    title: str,
    description: str,
    by: Sequence[str],
    cells: Mapping[str, tuple[str, str, Steps | None]],
    *,
    runbooks: Sequence[str] = (),
    link_to_beamline: bool = False,
    height: int = 8,
) -> table.Panel:
    """A line for each combination of the labels `by`; `cells`: header -> query, unit, steps."""
    panel = _common(
        table.Panel(), title, description, "short", width=24, runbooks=runbooks, height=height
    )
    names: dict[str, str] = {}
    for number_, (header, (expr, _unit, _steps)) in enumerate(cells.items()):
        panel.with_target(_instant(expr, number_))
        names["Value" if len(cells) == 1 else f"Value #{_ref(number_)}"] = header
    panel.with_transformation(dm.DataTransformerConfig(id_val="merge", options={}))
    options = {"excludeByName": {"Time": True}, "renameByName": names}
    panel.with_transformation(dm.DataTransformerConfig(id_val="organize", options=options))
    for header, (_expr, unit, steps) in cells.items():
        panel.override_by_name(header, _cell(unit, steps))
    if link_to_beamline:
        link = {
            "title": "This beamline",
            "url": "/d/${__dashboard.uid}?var-beamline=${__value.raw}",
        }
        panel.override_by_name(by[0], [dm.DynamicConfigValue("links", [link])])
    return panel


def text_map(texts: Mapping[float, tuple[str, str]]) -> dm.ValueMap:
    """Value -> (text, colour)."""
    return dm.ValueMap(
        {
            f"{value:g}": dm.ValueMappingResult(text=text, color=colour, index=index)
            for index, (value, (text, colour)) in enumerate(texts.items())
        }
    )


def _common(
    panel: _Panel,
    title: str,
    description: str,
    unit: str,
    *,
    width: int,
    runbooks: Sequence[str],
    height: int = 8,
) -> _Panel:
    panel.title(title).description(description).unit(unit).datasource(SOURCE)
    panel.span(width).height(height).thresholds(_thresholds({}))
    return panel.links(
        [
            d.DashboardLink(f"Runbook: {alert}")
            .type(dm.DashboardLinkType.LINK)
            .url(f"${{runbooks}}/{alert}.md")
            .target_blank(True)
            for alert in runbooks
        ]
    )


def _target(query: Query, index: int) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(_ref(index)).datasource(SOURCE)
    legend = f"{query.legend} {_LIMIT}".strip() if query.is_limit else query.legend
    return target.legend_format(legend or "__auto").range()


def _instant(expr: str, index: int) -> prometheus.Dataquery:
    return _target(Query(expr), index).instant().format(pm.PromQueryFormat.TABLE)


def _ref(index: int) -> str:
    return chr(ord("A") + index)


def _thresholds(steps: Steps) -> d.ThresholdsConfig:
    all_steps: list[tuple[float | None, str]] = [(None, "green"), *steps.items()]
    made = [dm.Threshold(value=value, color=colour) for value, colour in all_steps]
    return d.ThresholdsConfig().mode(dm.ThresholdsMode.ABSOLUTE).steps(made)


def _cell(unit: str, steps: Steps | None) -> list[dm.DynamicConfigValue]:
    made = [dm.DynamicConfigValue("unit", unit)]
    if steps is not None:
        made += [
            dm.DynamicConfigValue("thresholds", _thresholds(steps).build()),
            dm.DynamicConfigValue("custom.cellOptions", {"type": "color-background"}),
        ]
    return made


def _colour(name: str) -> dm.DynamicConfigValue:
    return dm.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": name})
