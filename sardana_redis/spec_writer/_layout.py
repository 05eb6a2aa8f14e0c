"""What a scan's SPEC block consists of: its columns by kind, and what its header says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from ulid import ULID

from sardana_redis.keys import REFERENCE_FORMAT
from sardana_redis.model import JSON
from sardana_redis.spec_writer._columns import Column, Spectrum, is_numeric, numeric_columns
from sardana_redis.spec_writer._snapshot import Snapshot, make_snapshot
from sardana_redis.spec_writer._text import one_line
from sardana_redis.store import OTHER, FollowedScan, FollowedStream

__all__ = ["EXTRA_LABEL", "Layout", "make_layout"]

EXTRA_LABEL = "more_columns"
"""The spectrum that holds the columns that no row has room for."""

_NEXUS_SUFFIXES = (".h5", ".hdf5", ".nxs", ".nx", ".hdf")

_Test = Callable[[FollowedStream], bool]


@dataclass(frozen=True, slots=True)
class Layout:
    """A scan as it stands in a SPEC file.

    `scalars` are all numeric columns, of which `columns` are in the rows and `extra` in a
    spectrum of their own. `texts`, `references`, `images` and `unread` are names of streams.
    """

    key: str
    number: int
    name: str
    title: str
    user: str
    start: datetime
    snapshot: Snapshot
    count_time: float | None
    npoints: int | None
    columns: tuple[Column, ...]
    extra: tuple[Column, ...]
    spectra: tuple[Spectrum, ...]
    texts: tuple[str, ...]
    references: tuple[str, ...]
    images: tuple[str, ...]
    unread: tuple[str, ...]
    units: Mapping[str, str] = field(default_factory=dict)
    nexus_path: str | None = None
    continues: Any = None

    @property
    def scalars(self) -> tuple[Column, ...]:
        """All numeric columns, the point number first."""
        return self.columns + self.extra

    @property
    def streams_to_read(self) -> tuple[str, ...]:
        """The streams whose points `format_rows` needs."""
        numeric = [column.stream for column in self.scalars]
        numeric += [spectrum.stream for spectrum in self.spectra]
        names = dict.fromkeys(name for name in numeric if name is not None)
        return (*names, *self.texts, *self.references)

    @property
    def channels(self) -> int:
        """The length of the longest spectrum, to which all are filled; 0 where none is known."""
        lengths = [spectrum.length or 0 for spectrum in self.spectra]
        return max((*lengths, len(self.extra)), default=0)

    @property
    def has_free_spectra(self) -> bool:
        """Whether the length of a spectrum is known only with its points."""
        return any(spectrum.length is None for spectrum in self.spectra)

    @property
    def entry(self) -> str:
        """The scan's entry in its NeXus file."""
        return f"/{self.number}.1"


def make_layout(scan: FollowedScan) -> Layout:
    """The layout of the scan, of any publisher of blissdata's."""
    info = scan.info
    number = int(scan.identity.get("number") or info.get("scan_nb") or 0)
    name = str(scan.identity.get("name") or info.get("name") or "scan")
    columns, extra, spectra = numeric_columns(scan.streams)
    return Layout(
        key=scan.key,
        number=number,
        name=name,
        title=_title(info.get("title")) or one_line(name) or "scan",
        user=one_line(str(info.get("user_name") or "")) or "unknown",
        start=_start(scan),
        snapshot=make_snapshot(info),
        count_time=_number(info.get("count_time")),
        npoints=info.get("npoints"),
        columns=columns,
        extra=extra,
        spectra=spectra,
        texts=_names(scan.streams, lambda s: s.dtype == JSON and not _is_reference(s)),
        references=_names(scan.streams, lambda s: s.dtype == JSON and _is_reference(s)),
        images=_names(scan.streams, lambda s: is_numeric(s) and len(s.shape) > 1),
        unread=_names(scan.streams, lambda s: s.dtype == OTHER),
        units=_units(scan),
        nexus_path=_nexus_path(scan),
        continues=_mapping(info.get("sardana")).get("continues"),
    )


def _title(title: Any) -> str:
    """Sardana's title; it ends with ` None` where a macro's last parameter was not given."""
    return one_line(re.sub(r"(\s+None)+\s*$", "", str(title or "")))


def _start(scan: FollowedScan) -> datetime:
    """The start in its own zone; else the time that the scan's key was made at, in UTC."""
    try:
        start = datetime.fromisoformat(str(scan.info.get("start_time")))
    except ValueError:
        try:
            return ULID.from_str(scan.key.rpartition(":")[2]).datetime
        except ValueError:
            return datetime.fromtimestamp(0, UTC)
    return start if start.tzinfo is not None else start.replace(tzinfo=UTC)


def _nexus_path(scan: FollowedScan) -> str | None:
    path = str(scan.identity.get("path") or scan.info.get("filename") or "")
    return path if PurePath(path).suffix.lower() in _NEXUS_SUFFIXES else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _names(streams: Iterable[FollowedStream], fits: _Test) -> tuple[str, ...]:
    return tuple(stream.name for stream in streams if fits(stream))


def _is_reference(stream: FollowedStream) -> bool:
    return stream.info.get("format") == REFERENCE_FORMAT


def _units(scan: FollowedScan) -> dict[str, str]:
    channels = _mapping(scan.info.get("channels"))
    units = {}
    for stream in scan.streams:
        unit = stream.info.get("unit") or _mapping(channels.get(stream.name)).get("unit")
        if unit:
            units[stream.name] = one_line(str(unit))
    return units


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
