"""The lines behind a scan's points. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sardana_redis.model import EndReason, Info
from sardana_redis.settings import SpecDialect
from sardana_redis.spec_writer._header import elsewhere
from sardana_redis.spec_writer._key import END_LINE, LEFT_LINE
from sardana_redis.spec_writer._layout import Layout
from sardana_redis.spec_writer._text import (
    cut,
    joined_lines,
    json_text,
    long_lines,
    number_text,
    one_line,
)

__all__ = ["scan_end"]

_ABORTED = (EndReason.USER_ABORT, EndReason.FAILURE)
_SHORTFALLS = ("dropped_points", "dropped_arrays", "lost_points")


def scan_end(layout: Layout, info: Info, points: int, lost: int, dialect: SpecDialect) -> bytes:
    """What ends the scan: how it ended, its custom data, and the line that says it is complete.

    `points` is the index behind its last point, `lost` how many of them have no row.
    """
    lines = [*_reason(info, points, lost), *_shortfalls(info, lost)]
    lines += _custom(layout, info)
    time = one_line(str(info.get("end_time") or "at an unknown time"))
    is_known = bool(info.get("end_time"))
    joint = " at " if is_known and dialect is not SpecDialect.POC else " "
    lines.append(END_LINE.decode() + joint + cut(time, 200)[0])
    return joined_lines(lines)


def _reason(info: Info, points: int, lost: int) -> Iterator[str]:
    """How it ended. xrayutilities lists a scan without rows only with `Scan aborted` in it."""
    reason = str(info.get("end_reason") or "")
    if reason in _ABORTED:
        yield f"#C Scan aborted after {points} points."
        yield f"#C End reason {reason}"
    elif points == lost:
        yield "#C Scan ended without points. Scan aborted: no."
    if _sardana(info).get("left_redis"):
        yield LEFT_LINE.decode()


def _shortfalls(info: Info, lost: int) -> Iterator[str]:
    if lost:
        yield f"#C {lost} points have no row: they were no longer in Redis"
    sardana = _sardana(info)
    for name in _SHORTFALLS:
        if sardana.get(name):
            yield f"#C Not published: {number_text(sardana[name])} {name.replace('_', ' ')}"
    misfits = sardana.get("misfits")
    if misfits:
        yield from long_lines("#C Values that did not fit their column", json_text(misfits))


def _custom(layout: Layout, info: Info) -> Iterator[str]:
    left_out = {str(name) for name in _sardana(info).get("left_out") or ()}
    if "custom" in left_out:
        yield "#C Custom data were too large for the scan's document in Redis"
    for item in _sardana(info).get("custom") or ():
        if not isinstance(item, Mapping):
            continue
        name = "_".join(one_line(str(item.get("name"))).split())
        name = cut(name, 200)[0] or "unnamed"
        if f"custom.{item.get('name')}" in left_out:
            yield f"#C Custom data {name} were too large for the scan's document in Redis"
        else:
            yield from _item(layout, name, item)


def _item(layout: Layout, name: str, item: Mapping[str, Any]) -> Iterator[str]:
    value = item.get("value")
    if isinstance(value, str):
        yield from long_lines(f"#UVAR {name}", one_line(value))
    elif value is None or isinstance(value, bool | int | float):
        text = str(value) if isinstance(value, bool) else number_text(value)
        yield f"#UVAR {name} {text}"
    else:
        place = elsewhere(layout)
        yield from long_lines(f"#C Custom data {name} are in info.sardana.custom of", place)


def _sardana(info: Info) -> Mapping[str, Any]:
    sardana = info.get("sardana")
    return sardana if isinstance(sardana, Mapping) else {}
