"""The experiment information: what `NexusExperimentInfo` holds, shown and changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sardana_redis.errors import BadInputError

__all__ = [
    "KEYS",
    "MEMBER_KEYS",
    "VARIABLE",
    "described",
    "with_member",
    "with_value",
    "without_member",
]

VARIABLE: Final = "NexusExperimentInfo"

KEYS: Final = (
    "beamline",
    "exp_id",
    "exp_desc",
    "proposal_id",
    "session",
    "safety_info",
)
MEMBER_KEYS: Final = ("role", "affiliation", "email", "orcid")

_TEAM: Final = "exp_team"


def described(value: Any) -> list[str]:
    """The experiment as lines for the operator; raises BadInputError where it is no mapping."""
    info = _mapping(value)
    others = [name for name in info if name not in (*KEYS, _TEAM)]
    names = [*KEYS, *others]
    width = max(len(name) for name in names)
    lines = [f"{name:{width}}  {_text(info.get(name))}" for name in names]
    team = _team(info)
    lines.append(f"{_TEAM:{width}}  {_members(len(team))}")
    lines += [f"  {_member(member)}" for member in team]
    return lines


def with_value(value: Any, key: str, new: str) -> dict[str, Any]:
    """The experiment with another value of that key, or without it where `new` is empty."""
    if key not in KEYS:
        raise BadInputError(f"{key!r} is none of {', '.join(KEYS)}")
    info = _mapping(value)
    text = new.strip()
    if text:
        return {**info, key: text}
    return {name: item for name, item in info.items() if name != key}


def with_member(value: Any, name: str, **facts: str) -> dict[str, Any]:
    """The experiment with that member of the team, who takes the place of a namesake.

    `facts` are some of MEMBER_KEYS; empty ones are left out.
    """
    name = name.strip()
    if not name:
        raise BadInputError("a member of the team needs a name")
    given = {key: text.strip() for key, text in facts.items() if text.strip()}
    info = _mapping(value)
    others = [member for member in _team(info) if member.get("name") != name]
    return {**info, _TEAM: [*others, {"name": name, **given}]}


def without_member(value: Any, name: str) -> dict[str, Any]:
    """The experiment without that member of the team."""
    info = _mapping(value)
    team = _team(info)
    left = [member for member in team if member.get("name") != name.strip()]
    if len(left) == len(team):
        names = ", ".join(str(member.get("name")) for member in team) or "nobody"
        raise BadInputError(f"{name!r} is not in the team; in it are: {names}")
    return {**info, _TEAM: left}


def _mapping(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadInputError(f"{VARIABLE} is no mapping: remove it with usenv {VARIABLE}")
    return dict(value)


def _team(info: Mapping[str, Any]) -> list[dict[str, Any]]:
    team = info.get(_TEAM) or []
    if not isinstance(team, list | tuple) or not all(isinstance(m, Mapping) for m in team):
        raise BadInputError(f"{_TEAM} in {VARIABLE} is no list of members: mend it with senv")
    return [dict(member) for member in team]


def _text(value: Any) -> str:
    return "-" if value is None or value == "" else str(value)


def _members(count: int) -> str:
    return {0: "-", 1: "1 member"}.get(count, f"{count} members")


def _member(member: Mapping[str, Any]) -> str:
    facts = [str(member[key]) for key in ("name", *MEMBER_KEYS) if member.get(key)]
    return ", ".join(facts) or "-"
