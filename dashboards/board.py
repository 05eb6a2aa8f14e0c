"""A dashboard around its panels: variables, rows, and the text of its file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import dashboard as d
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as dm

from dashboards.kit import SOURCE

__all__ = ["as_json", "new_dashboard", "with_row"]


def new_dashboard(title: str, uid: str, description: str, *, span: str) -> d.Dashboard:
    """An empty dashboard with the variables that all queries use."""
    board = d.Dashboard(title).uid(uid).description(description).tags(["sardana-redis"])
    board.readonly().refresh("30s").time(f"now-{span}", "now").timezone("browser")
    board.tooltip(dm.DashboardCursorSync.CROSSHAIR)
    board.with_variable(d.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    beamline = _values("beamline", "label_values(sardana_redis_build_info, beamline)")
    job = _values("job", 'label_values(sardana_redis_build_info{beamline="$beamline"}, job)')
    board.with_variable(beamline.label("Beamline"))
    board.with_variable(job.label("Job").multi(True).include_all(True).all_value(".*"))
    runbooks = d.TextBoxVariable("runbooks").label("Runbooks at").default_value("docs/runbooks")
    board.with_variable(runbooks.hide(dm.VariableHide.HIDE_VARIABLE))
    others = d.DashboardLink("Sardana Redis").type(dm.DashboardLinkType.DASHBOARDS)
    return board.link(others.tags(["sardana-redis"]).include_vars(True).keep_time(True))


def with_row(board: d.Dashboard, title: str, panels: Sequence[Any]) -> None:
    """Adds an open row of panels."""
    board.with_row(d.Row(title))
    for panel in panels:
        board.with_panel(panel)


def as_json(board: d.Dashboard) -> str:
    """The text of the dashboard's file."""
    document = board.build()
    for index, panel in enumerate(document.panels or [], start=1):
        panel.id_val = index
    return JSONEncoder(sort_keys=True, indent=2).encode(document) + "\n"


def _values(name: str, query: str) -> d.QueryVariable:
    variable = d.QueryVariable(name).query(query).datasource(SOURCE)
    variable.refresh(dm.VariableRefresh.ON_TIME_RANGE_CHANGED)
    return variable.sort(dm.VariableSort.ALPHABETICAL_ASC)
