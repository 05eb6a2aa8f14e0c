"""The lines before a scan's points, and those that begin a new file. Pure.

Certified Scientific Software, SPEC manual, "Standard Data File Format"; the readers' demands
beyond it are named where they are met.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sardana_redis.keys import POINT_NUMBER_STREAM
from sardana_redis.settings import SpecDialect
from sardana_redis.spec_writer._columns import Column, Spectrum
from sardana_redis.spec_writer._key import KEY_LINE
from sardana_redis.spec_writer._layout import EXTRA_LABEL, Layout
from sardana_redis.spec_writer._text import (
    LONGEST_LINE_BYTES,
    cut,
    joined_lines,
    json_text,
    long_lines,
    number_text,
    one_line,
    spec_date,
)

__all__ = ["channel_lines", "elsewhere", "file_header", "scan_header"]

_NAMES_A_LINE = 8
_VALUES_A_LINE = 128


def file_header(layout: Layout, path: str, dialect: SpecDialect) -> bytes:
    """What begins a new file: `#F`, `#E`, `#D` and `#C`, as spec2nexus expects them."""
    if dialect is SpecDialect.POC:
        return b""
    name = cut(one_line(path), LONGEST_LINE_BYTES - 3)[0]
    title = cut(one_line(layout.name), 200)[0]
    return joined_lines(
        (
            f"#F {name}",
            f"#E {int(layout.start.timestamp())}",
            f"#D {spec_date(layout.start)}",
            f"#C {title}  User = {cut(layout.user, 200)[0]}",
        )
    )


def scan_header(layout: Layout, dialect: SpecDialect) -> bytes:
    """A blank line and all lines before the points; no two scans have the same ones."""
    lines = _poc_lines(layout) if dialect is SpecDialect.POC else _lines(layout)
    return joined_lines(("", *lines))


def channel_lines(channels: int, values_a_line: str = "%16C") -> list[str]:
    """How spectra of so many values are written."""
    return [f"#@MCA {values_a_line}", f"#@CHANN {channels} 0 {channels - 1} 1"]


def elsewhere(layout: Layout, stream: str | None = None) -> str:
    """Where data are that a SPEC file cannot hold, in words."""
    inside = f"{layout.entry}/measurement/{stream}" if stream else layout.entry
    redis = f"scan {layout.key} in Redis"
    if layout.nexus_path is None:
        return redis
    return f"{redis}, {one_line(inside)} in {one_line(layout.nexus_path)}"


def _poc_label(item: Column | Spectrum) -> str:
    """The label as the proof of concept wrote it: no blanks, the `#` of the point number kept."""
    is_point = item.stream == POINT_NUMBER_STREAM
    return ("#" if is_point else "") + item.label.replace(" ", "_")


def _lines(layout: Layout) -> Iterator[str]:
    title, rest = cut(layout.title, LONGEST_LINE_BYTES - 24)
    yield f"#S {layout.number} {one_line(title)}"
    yield f"#D {spec_date(layout.start)}"
    yield from _origin(layout)
    if rest:
        yield from long_lines("#C Title +", rest)
    if layout.user != "unknown":
        yield from long_lines("#C User", layout.user)
    if layout.continues:
        yield from long_lines("#C Continues", json_text(layout.continues))
    yield from _count_time(layout.count_time)
    labels = [label for label, _ in layout.snapshot.scalars]
    values = [number_text(value) for _, value in layout.snapshot.scalars]
    # An empty #O0 and #P0 too: a MATLAB reader needs them (apstools, issue 222).
    yield from _numbered("O", "  ", labels)
    yield from _numbered("o", " ", labels)
    yield from _numbered("P", " ", values)
    yield from _snapshot_lines(layout)
    yield from _remarks(layout)
    yield f"#N {len(layout.columns)}"
    yield from _detectors(layout)
    yield "#L " + "  ".join(column.label for column in layout.columns)


def _poc_lines(layout: Layout) -> Iterator[str]:
    start = layout.start.isoformat()
    yield f"#S {layout.number} {one_line(cut(layout.title, LONGEST_LINE_BYTES - 24)[0])}"
    yield f"#D {start}"
    yield f"#C Acquisition started at {start}"
    yield KEY_LINE.decode() + layout.key
    labels = [label for label, _ in layout.snapshot.scalars]
    values = [number_text(value) for _, value in layout.snapshot.scalars]
    if labels:
        yield from _numbered("O", "  ", labels)
        yield from _numbered("P", " ", values)
    yield f"#N {len(layout.columns)}"
    detectors = [_poc_label(spectrum) for spectrum in layout.spectra]
    detectors += [EXTRA_LABEL] * bool(layout.extra)
    if detectors:
        channels = layout.channels or 1
        yield from channel_lines(channels, str(channels))
        yield f"#@MCA_NB {len(detectors)}"
        for number, label in enumerate(detectors):
            yield f"#@DET_{number} {label}"
    yield "#L " + "  ".join(_poc_label(column) for column in layout.columns)


def _origin(layout: Layout) -> Iterator[str]:
    yield KEY_LINE.decode() + layout.key
    yield f"#C Acquisition started at {layout.start.isoformat()}"


def _count_time(count_time: float | None) -> Iterator[str]:
    if count_time is None or count_time == 0:
        return
    if count_time < 0:
        yield f"#M {number_text(-count_time)}  (counts)"
    else:
        yield f"#T {number_text(count_time)}  (Seconds)"


def _numbered(letter: str, separator: str, items: Sequence[str]) -> Iterator[str]:
    """Lines of eight items; one without any where there is none, its blank for silx."""
    for number, start in enumerate(range(0, max(1, len(items)), _NAMES_A_LINE)):
        yield f"#{letter}{number} " + separator.join(items[start : start + _NAMES_A_LINE])


def _snapshot_lines(layout: Layout) -> Iterator[str]:
    for label, values in layout.snapshot.arrays:
        yield from _array_lines(f"#U {_short(label)}", values)
    for label, value in layout.snapshot.others:
        yield from long_lines(f"#U {_short(label)} =", json_text(value))
    for label in layout.snapshot.left_out:
        yield f"#C Snapshot {_short(label)} was too large for the scan's document in Redis"


def _array_lines(head: str, values: Sequence[Any]) -> Iterator[str]:
    """As many lines as the values need; each says which ones of them it has."""
    texts = [number_text(value) for value in values]
    if len(texts) <= _VALUES_A_LINE:
        yield f"{head} = {' '.join(texts)}"
        return
    for start in range(0, len(texts), _VALUES_A_LINE):
        part = texts[start : start + _VALUES_A_LINE]
        yield f"{head} [{start}:{start + len(part)}] = {' '.join(part)}"


def _remarks(layout: Layout) -> Iterator[str]:
    for label, name in _other_names(layout):
        yield f"#C Label {label} = {json_text(_short(name))}"
    for stream, unit in layout.units.items():
        yield f"#C Unit of {_short(stream)} = {_short(unit)}"
    for stream in layout.images:
        yield from long_lines(f"#C Images {_short(stream)} are in", elsewhere(layout, stream))
    for stream in layout.unread:
        yield from long_lines(f"#C Data of {_short(stream)} are in", elsewhere(layout, stream))
    for stream in (*layout.texts, *layout.references):
        kind = "References" if stream in layout.references else "Texts"
        yield f"#C {kind} {_short(stream)} are in a comment before the row of their point"


def _other_names(layout: Layout) -> Iterator[tuple[str, str]]:
    """The labels that are not the names that the scan has, and those names."""
    yield from layout.snapshot.names
    known = {label for label, _ in layout.snapshot.names}
    pairs = [(column.label, column.name) for column in layout.columns]
    pairs += [(spectrum.label, spectrum.name) for spectrum in layout.spectra]
    for label, name in pairs:
        if label not in known and name not in (label, f"#{label}"):
            yield label, name


def _detectors(layout: Layout) -> Iterator[str]:
    """The spectra. xrayutilities takes all for as long as the last `#@CHANN` says."""
    spectra = layout.spectra
    labels = [spectrum.label for spectrum in spectra] + [EXTRA_LABEL] * bool(layout.extra)
    if not labels:
        return
    if not layout.has_free_spectra:
        yield from channel_lines(layout.channels)
    yield f"#@MCA_NB {len(labels)}"
    for number, label in enumerate(labels):
        yield f"#@DET_{number} {label}"
    for spectrum in spectra:
        if spectrum.length is None:
            yield f"#C Spectrum {spectrum.label} has at each point a length of its own"
        elif spectrum.length < layout.channels:
            yield f"#C Spectrum {spectrum.label} has {spectrum.length} values, then nan"
    for number, column in enumerate(layout.extra):
        yield f"#C Column {column.label} = {EXTRA_LABEL}[{number}]"


def _short(name: str) -> str:
    return cut(one_line(name), 400)[0]
