"""What stands in the Tango database for a Pool or a MacroServer: names, aliases, properties."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

__all__ = [
    "Device",
    "Kind",
    "Paths",
    "door_names",
    "macroserver_devices",
    "macroserver_name",
    "pool_alias",
    "pool_devices",
    "pool_name",
]

Paths = Mapping[str, Sequence[str]]
"""Properties that are lists of folders, by their names."""


class Kind(StrEnum):
    """The two servers of Sardana."""

    POOL = "pool"
    MACROSERVER = "macroserver"

    @property
    def program(self) -> str:
        """The name of its program, which is that of its server and of its main class as well."""
        return _PROGRAMS[self]


_PROGRAMS: Final = {Kind.POOL: "Pool", Kind.MACROSERVER: "MacroServer"}


@dataclass(frozen=True, slots=True)
class Device:
    """A device as it stands in the Tango database.

    `properties` are written where they are missing; of `paths` each folder is.
    """

    server: str
    class_name: str
    name: str
    alias: str
    properties: Mapping[str, Sequence[str]] = field(default_factory=dict)
    paths: Paths = field(default_factory=dict)


def pool_name(instance: str) -> str:
    """The name of the Pool's device."""
    return f"pool/{instance}/1"


def pool_alias(instance: str) -> str:
    """Its alias, which MacroServer's property PoolNames may name."""
    return f"Pool_{instance}_1"


def macroserver_name(instance: str) -> str:
    """The name of the MacroServer's device."""
    return f"macroserver/{instance}/1"


def door_names(instance: str, count: int) -> list[str]:
    """The names of the first doors."""
    return [f"door/{instance}/{number}" for number in range(1, count + 1)]


def pool_devices(instance: str, properties: Mapping[str, Sequence[str]]) -> list[Device]:
    """What stands in the database before a Pool starts."""
    name, alias = pool_name(instance), pool_alias(instance)
    return [Device(f"Pool/{instance}", "Pool", name, alias, _filled(properties))]


def macroserver_devices(
    instance: str, *, doors: int, properties: Mapping[str, Sequence[str]], paths: Paths
) -> list[Device]:
    """What stands in the database before a MacroServer starts: itself and its doors.

    Doors name it by its device, as its alias may be another one: Sardana's Door takes both.
    """
    server, name = f"MacroServer/{instance}", macroserver_name(instance)
    alias = f"MS_{instance}_1"
    main = Device(server, "MacroServer", name, alias, _filled(properties), _filled(paths))
    belongs = {"MacroServerName": [name]}
    return [
        main,
        *(
            Device(server, "Door", door, f"Door_{instance}_{number}", belongs)
            for number, door in enumerate(door_names(instance, doors), 1)
        ),
    ]


def _filled(properties: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """The properties that hold something: an empty one hides Sardana's default."""
    return {name: list(value) for name, value in properties.items() if value}
