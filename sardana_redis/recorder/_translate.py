"""From the environment of a Sardana scan to a ScanStart and a ScanEnd.

Works on what Sardana hands to every recorder (`GScan._setupEnvironment`, 3.7.1), by its
attributes; imports nothing of Sardana, so that it can be tested without it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from sardana_redis.model import (
    Axis,
    AxisKind,
    EndReason,
    Identity,
    Info,
    NexusTarget,
    ScanEnd,
    ScanFile,
    ScanStart,
    Snapshot,
)
from sardana_redis.recorder._columns import make_columns
from sardana_redis.recorder._files import with_file
from sardana_redis.settings import Settings

__all__ = ["Experiment", "MacroFacts", "experiment_of", "scan_end", "scan_start"]


@dataclass(frozen=True, slots=True)
class MacroFacts:
    """What the macro of a scan says about it; attributes that it lacks are None."""

    name: str
    door: str = ""
    macroserver: str = ""
    nb_points: Any = None
    integ_time: Any = None
    motors: Sequence[str] = ()
    starts: Any = None
    finals: Any = None
    nr_intervs: Any = None
    has_last_point: bool = True
    is_bidirectional: bool = False
    end_reasons: Mapping[int, EndReason] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Experiment:
    """What the scan belongs to, and all that `NexusExperimentInfo` holds about it."""

    session: str
    proposal: str | None = None
    beamline: str | None = None
    info: Mapping[str, Any] = field(default_factory=dict)


def experiment_of(value: Any, settings: Settings) -> Experiment:
    """The experiment that `NexusExperimentInfo` describes; it wins over the settings."""
    info = _mapping(value)
    return Experiment(
        session=_text(info.get("session")) or settings.session,
        proposal=_text(info.get("proposal_id")) or settings.proposal,
        beamline=_text(info.get("beamline")),
        info=info,
    )


def scan_start(
    environ: Mapping[str, Any],
    macro: MacroFacts,
    files: tuple[ScanFile, ...],
    settings: Settings,
    *,
    about: Experiment | None = None,
    nexus: NexusTarget | None = None,
) -> ScanStart:
    """The start of the scan that Sardana describes with `environ`."""
    about = about or experiment_of(None, settings)
    nexus = nexus or NexusTarget()
    identity = Identity(
        name=macro.name,
        number=int(environ["serialno"]),
        session=about.session,
        data_policy=settings.data_policy,
        proposal=about.proposal,
        collection=settings.collection,
        dataset=settings.dataset,
        path=nexus.path or (files[0].path if files else None),
    )
    scan_file = environ.get("ScanFile") or ()
    return ScanStart(
        identity=identity,
        title=str(environ.get("title", "")),
        user=str(environ.get("user", "")),
        start_time=with_offset(environ["starttime"]),
        columns=make_columns(environ["datadesc"], environ.get("counters", ()), _axes(macro)),
        snapshot=tuple(_snapshot(desc) for desc in environ.get("preScanSnapShot", ())),
        files=files if nexus.path is None else with_file(files, nexus.path),
        nexus=nexus,
        scan_dir=environ.get("ScanDir"),
        scan_file=(scan_file,) if isinstance(scan_file, str) else tuple(scan_file),
        reference_moveables=tuple(environ.get("ref_moveables", ())),
        npoints=_npoints(environ, macro),
        count_time_seconds=_positive(macro.integ_time),
        estimated_time_seconds=_number(environ.get("estimatedtime")),
        macro_id=str(environ.get("macro_id", "")),
        macroserver=macro.macroserver,
        door=macro.door,
        sample=_mapping(environ.get("SampleInfo")),
        source=_mapping(environ.get("SourceInfo")),
        experiment=about.info,
    )


def scan_end(
    environ: Mapping[str, Any],
    macro: MacroFacts,
    first: Mapping[str, Any],
    last: Mapping[str, Any],
) -> ScanEnd:
    """The end of the scan; `first` and `last` are positions of its moveables by label."""
    reason = macro.end_reasons.get(environ.get("endstatus", -1), EndReason.FAILURE)
    times: Info = {
        name: number
        for name in ("acqtime", "motiontime", "deadtime", "setuptime")
        if (number := _number(environ.get(name))) is not None
    }
    end_time = environ.get("endtime")
    return ScanEnd(
        reason=reason,
        time=with_offset(end_time) if end_time is not None else datetime.now().astimezone(),
        info={
            "sardana": {
                "times": times,
                "positions_start": dict(first),
                "positions_end": dict(last),
            },
            "positioners": {"positioners_end": dict(last)},
        },
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    """What the operator gave, as text; None where that is nothing."""
    return str(value).strip() or None if value is not None else None


def with_offset(time: datetime) -> datetime:
    """The time with this machine's offset: Sardana's times are naive and local."""
    return time.astimezone()


def _snapshot(desc: Any) -> Snapshot:
    value = desc.pre_scan_value
    return Snapshot(
        name=str(desc.name),
        label=str(desc.label),
        value=value,
        dtype=str(desc.dtype),
        shape=tuple(int(size) for size in np.shape(value)),
    )


def _axes(macro: MacroFacts) -> dict[str, Axis]:
    """The axes of the moveables; index and kind only for those of a mesh."""
    intervals = _mesh_intervals(macro)
    axes = {}
    for i, name in enumerate(macro.motors):
        if intervals is None:
            axes[name] = Axis(_item(macro.starts, i), _item(macro.finals, i))
            continue
        kind = AxisKind.BACK_AND_FORTH if macro.is_bidirectional else AxisKind.FORTH
        axes[name] = Axis(
            start=_item(macro.starts, i),
            stop=_item(macro.finals, i),
            points=intervals[i] + (1 if i or macro.has_last_point else 0),
            kind=AxisKind.STEP if i else kind,
            index=i,
        )
    return axes


def _mesh_intervals(macro: MacroFacts) -> list[int] | None:
    """The intervals of each axis of a mesh; None where the macro does not scan one."""
    try:
        intervals = [abs(int(number)) for number in np.ravel(macro.nr_intervs)]
    except (TypeError, ValueError):
        return None
    return intervals if len(intervals) == len(macro.motors) else None


def _npoints(environ: Mapping[str, Any], macro: MacroFacts) -> int | None:
    """How many points are expected; None where nobody knows."""
    if _mesh_intervals(macro) is not None:
        return math.prod(axis.points or 1 for axis in _axes(macro).values())
    points = _positive(macro.nb_points)
    if points is not None:
        return int(points)
    intervals = environ.get("total_scan_intervals")
    # Negative says that the estimate is no good, 0 that there was none.
    return int(intervals) + 1 if intervals is not None and intervals > 0 else None


def _item(values: Any, index: int) -> float | None:
    if values is None:
        return None
    flat = np.ravel(values)
    return _number(flat[index]) if index < len(flat) else None


def _number(value: Any) -> float | None:
    """The value as a finite float; None where it is none."""
    try:
        number = float(np.asarray(value).item())
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _positive(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and number > 0 else None
