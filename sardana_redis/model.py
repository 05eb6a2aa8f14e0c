"""What a scan is, in plain frozen data: no Sardana, no Redis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from sardana_redis.vitals import Vitals

__all__ = [
    "JSON",
    "Axis",
    "AxisKind",
    "Column",
    "EndReason",
    "FileWriter",
    "Identity",
    "Info",
    "NexusTarget",
    "Role",
    "ScanEnd",
    "ScanFile",
    "ScanStart",
    "ScanState",
    "Snapshot",
    "StreamSpec",
    "WriterProgress",
    "WriterRecord",
    "WriterScanState",
]

Info = dict[str, Any]
"""A scan's info: plain JSON values only."""

JSON = "json"
"""The dtype of a stream whose points are JSON values (strings, references)."""


class EndReason(StrEnum):
    """Why a scan ended, in blissdata's words."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    USER_ABORT = "USER_ABORT"


class ScanState(IntEnum):
    """blissdata's states of a scan, in their order."""

    CREATED = 0
    PREPARED = 1
    STARTED = 2
    STOPPED = 3
    CLOSED = 4


class Role(StrEnum):
    """What a column of a scan is for."""

    POINT_NUMBER = "point number"
    MOVEABLE = "moveable"
    CHANNEL = "channel"
    EXTRA = "extra"
    TIME = "time"


class AxisKind(StrEnum):
    """How a moveable of a mesh travels, in blissdata's words."""

    FORTH = "forth"
    BACK_AND_FORTH = "backnforth"
    STEP = "step"


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One stream of a scan.

    `dtype` is a numpy name or `json`; `shape` is that of one point, () for a scalar,
    -1 where a dimension is free. `fill_value` stands for a missing value.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict)
    fill_value: float | int | bool | None = None


@dataclass(frozen=True, slots=True)
class Axis:
    """The range of a moveable: from `start` to `stop` in `points` positions (None: unknown)."""

    start: float | None = None
    stop: float | None = None
    points: int | None = None
    kind: AxisKind | None = None
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a scan as Sardana declares it.

    `name` is Sardana's full name, unique in the scan and the key in a record; `stream`
    is the name on the wire, the label unless that occurs twice.
    """

    name: str
    label: str
    stream: str
    role: Role
    dtype: str
    shape: tuple[int, ...] = ()
    unit: str | None = None
    is_reference: bool = False
    is_plotted: bool = False
    axis: Axis = Axis()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A value that Sardana read before the scan (`PreScanSnapshot`)."""

    name: str
    label: str
    value: Any
    dtype: str
    shape: tuple[int, ...] = ()


class FileWriter(StrEnum):
    """Who writes a file of a scan."""

    SARDANA = "sardana"
    REDIS = "redis"


@dataclass(frozen=True, slots=True)
class ScanFile:
    """A file of a scan, by its absolute path."""

    path: str
    writer: FileWriter


@dataclass(frozen=True, slots=True)
class NexusTarget:
    """Where the NeXus file of a scan goes; a `path` of None: nowhere.

    `data_writer` names the writer that is to write it, for those that look. `masters` are
    the file itself and others that link to it, by what they are for. `is_saved` is false
    where the operator does not want the scan in files.
    """

    path: str | None = None
    data_writer: str = "null"
    masters: Mapping[str, str] = field(default_factory=dict)
    is_saved: bool = True


@dataclass(frozen=True, slots=True)
class Identity:
    """By what blissdata's readers search for a scan."""

    name: str
    number: int
    session: str
    data_policy: str
    proposal: str | None = None
    collection: str | None = None
    dataset: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class ScanStart:
    """All that is known when a scan starts; times carry their offset."""

    identity: Identity
    title: str
    user: str
    start_time: datetime
    columns: tuple[Column, ...]
    snapshot: tuple[Snapshot, ...] = ()
    files: tuple[ScanFile, ...] = ()
    nexus: NexusTarget = NexusTarget()
    scan_dir: str | None = None
    scan_file: tuple[str, ...] = ()
    reference_moveables: tuple[str, ...] = ()
    npoints: int | None = None
    count_time_seconds: float | None = None
    estimated_time_seconds: float | None = None
    macro_id: str = ""
    macroserver: str = ""
    door: str = ""
    sample: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    experiment: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScanEnd:
    """How a scan ended; `info` holds what else is to be written at its close."""

    reason: EndReason
    time: datetime
    info: Info = field(default_factory=dict)


class WriterScanState(StrEnum):
    """What a writer has to do with a scan; all but OPEN are final."""

    OPEN = "open"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class WriterProgress:
    """How far a writer is with a scan.

    `points` are safe in the file, in all streams that it writes; of these `lost` were no
    longer in Redis when the writer came to them. `time_ms` is Redis' time of the report.
    `waits`: the scan has to wait for another one of the same file, or is parked. `reason`:
    why the scan was skipped or has failed.
    """

    points: int
    state: WriterScanState = WriterScanState.OPEN
    lost: int = 0
    time_ms: int = 0
    waits: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WriterRecord:
    """A registered writer, and how it is; `boot` is an id of its process.

    `seen_ms` is Redis' time when it was last seen.
    """

    kind: str
    host: str
    version: str
    boot: str
    seen_ms: int = 0
    vitals: Vitals = field(default_factory=Vitals)
