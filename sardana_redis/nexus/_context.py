"""Who measured what, where and why: users, sample, source, experiment.

From Sardana's environment: `SampleInfo`, `SourceInfo`, and `NexusExperimentInfo` with
beamline, exp_desc, exp_id, exp_team [{affiliation, email, name, orcid, role}],
proposal_id, safety_info, session. Further keys are kept as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sardana_redis.nexus._items import Tree, add_values, children_of, group
from sardana_redis.nexus._names import nx_name, renamed

__all__ = ["beamline", "experiment_fields", "make_context", "make_source"]

_USER_FIELDS: Final = {"orcid": "ORCID"}
_EXPERIMENT_FIELDS: Final = {
    "exp_id": "experiment_identifier",
    "exp_desc": "experiment_description",
}


def make_context(info: Mapping[str, Any]) -> dict[str, Tree]:
    """The groups of an entry for its users, its sample and its experiment, where known."""
    sardana = info.get("sardana", {})
    groups = {"user": _named("NXuser", {"name": info.get("user_name")})}
    experiment = _experiment(info)
    team = experiment.get("exp_team")
    members = [_mapping(member) for member in team] if isinstance(team, list) else []
    for index, member in enumerate(members, 1):
        fields = {_USER_FIELDS.get(name, name): value for name, value in member.items()}
        groups[f"user_{index}"] = _named("NXuser", fields)
    groups["sample"] = _named("NXsample", _mapping(sardana.get("sample")))
    rest = {name: value for name, value in experiment.items() if name != "exp_team"}
    groups["experiment"] = _named("NXcollection", rest)
    return {name: made for name, made in groups.items() if children_of(made)}


def make_source(info: Mapping[str, Any]) -> Tree | None:
    """The NXsource of the instrument; None where nobody described it."""
    made = _named("NXsource", _mapping(info.get("sardana", {}).get("source")))
    return made if children_of(made) else None


def experiment_fields(info: Mapping[str, Any]) -> dict[str, Any]:
    """What NXentry itself says about the experiment."""
    experiment = _experiment(info)
    return {field: experiment.get(name) for name, field in _EXPERIMENT_FIELDS.items()}


def beamline(info: Mapping[str, Any]) -> Any:
    """The beamline's name as the operator gave it; None where it is not known."""
    return _experiment(info).get("beamline")


def _experiment(info: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(info.get("sardana", {}).get("experiment"))


def _named(nx_class: str, values: Mapping[str, Any]) -> Tree:
    children: dict[str, Any] = {}
    add_values(children, renamed(values, nx_name))
    return group(nx_class, children)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
