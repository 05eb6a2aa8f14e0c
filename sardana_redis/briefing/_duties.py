"""Which writer is to write a scan into which file, and what stands in its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sardana_redis.model import WriterRecord
from sardana_redis.store import Survey
from sardana_redis.targets import RULES, NoTarget

__all__ = ["Duty", "Obstacle", "ObstacleKind", "ScanFacts", "duties"]

_BEHIND_SECONDS: Final = 10.0
"""A NeXus point waits for its chunk and a sync, 3 s in all; behind is who takes far longer."""


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """What the rules of the writers look at: the scan's identity and info."""

    identity: Mapping[str, Any]
    info: Mapping[str, Any]


class ObstacleKind(StrEnum):
    """What stands in the way of a writer."""

    DOWN = "down"
    UNHEARD = "unheard"
    FILE = "file"
    DISK = "disk"
    PARKED = "parked"
    BEHIND = "behind"


_HARMLESS = frozenset({ObstacleKind.PARKED, ObstacleKind.BEHIND})


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What stands in the way, as a sentence. `keeps_off`: this scan's file will not be written."""

    kind: ObstacleKind
    sentence: str

    @property
    def keeps_off(self) -> bool:
        """Whether it keeps the writer from this scan, and not only from earlier ones."""
        return self.kind not in _HARMLESS


@dataclass(frozen=True, slots=True)
class Duty:
    """What one writer is to do with a scan; without a `path` nothing, for the `reason`."""

    writer: str
    path: str | None
    reason: str = ""
    obstacles: tuple[Obstacle, ...] = ()

    @property
    def is_kept_off(self) -> bool:
        """Whether something keeps the writer from the file."""
        return any(obstacle.keeps_off for obstacle in self.obstacles)


def duties(survey: Survey, scan: ScanFacts) -> tuple[Duty, ...]:
    """The duties of all registered writers that are there for the scan's session, by name."""
    session = str(scan.identity.get("session"))
    return tuple(
        _duty(survey, name, record, scan)
        for name, record in sorted(survey.writers.items())
        if not record.vitals.sessions or session in record.vitals.sessions
    )


def _duty(survey: Survey, name: str, record: WriterRecord, scan: ScanFacts) -> Duty:
    rule = RULES.get(record.kind)
    if rule is None:
        return Duty(name, None, f"its kind {record.kind!r} is unknown here")
    # Without `output_root`: where links lead to is known on the writer's machine only.
    target = rule(scan, None)
    if isinstance(target, NoTarget):
        return Duty(name, None, target.reason)
    path = str(target.path)
    return Duty(name, path, obstacles=tuple(_obstacles(survey, name, record, path)))


def _obstacles(survey: Survey, name: str, record: WriterRecord, path: str) -> list[Obstacle]:
    vitals = record.vitals
    if not survey.is_up(record):
        return [_silence(survey, name, record)]
    found = []
    if (trouble := vitals.trouble_with(path)) is not None:
        sentence = f"{name} cannot write {path}: {trouble.reason}."
        found.append(Obstacle(ObstacleKind.FILE, sentence))
    if (disk := vitals.full_disk_of(path)) is not None:
        free = f"{disk.free_bytes / 1e6:.0f} MB"
        sentence = f"{name} is short of disk: {free} are free below {disk.root}."
        found.append(Obstacle(ObstacleKind.DISK, sentence))
    if vitals.parked:
        sentence = f"{name} has parked {_scans(vitals.parked)}: see `sardana-redis parked list`."
        found.append(Obstacle(ObstacleKind.PARKED, sentence))
    if vitals.lag_seconds > _BEHIND_SECONDS:
        sentence = f"{name} is {vitals.lag_seconds:.0f} s behind."
        found.append(Obstacle(ObstacleKind.BEHIND, sentence))
    return found


def _silence(survey: Survey, name: str, record: WriterRecord) -> Obstacle:
    if not survey.is_telling:
        heard = (
            "cannot be heard while Redis has no memory left"
            if survey.is_full
            else "has not been heard of since Redis was restarted"
        )
        return Obstacle(ObstacleKind.UNHEARD, f"{name} {heard}.")
    sentence = (
        f"{name} is down for {_duration(survey.silence_seconds(record))}: start it, and it writes "
        "what Redis keeps for it."
    )
    return Obstacle(ObstacleKind.DOWN, sentence)


def _scans(count: int) -> str:
    return "1 scan" if count == 1 else f"{count} scans"


def _duration(seconds: float) -> str:
    """A time in the largest unit of which there are two."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
