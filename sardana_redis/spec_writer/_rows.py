"""The lines of a scan's points: what comes before a row, its spectra, and the row itself. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sardana_redis.settings import SpecDialect
from sardana_redis.spec_writer._cells import cell_texts
from sardana_redis.spec_writer._header import channel_lines
from sardana_redis.spec_writer._key import GAP_LINE
from sardana_redis.spec_writer._layout import Layout
from sardana_redis.spec_writer._poc import poc_rows, poc_spectra
from sardana_redis.spec_writer._spectra import extra_texts, longest, spectrum_texts
from sardana_redis.spec_writer._text import joined_lines, json_text, long_lines, one_line
from sardana_redis.store import Chunk, Gap

__all__ = ["format_rows", "gap_line"]


def format_rows(layout: Layout, chunk: Chunk, dialect: SpecDialect) -> bytes:
    """The points of the chunk; the row is the last line of each.

    What stands for a point depends on that point alone, however a scan is cut into chunks.
    """
    parts = [_comments(name, chunk) for name in (*layout.texts, *layout.references)]
    is_poc = dialect is SpecDialect.POC
    if is_poc:
        parts += poc_spectra(layout, chunk)
    else:
        parts += [spectrum_texts(spectrum, chunk, layout.channels) for spectrum in layout.spectra]
    if layout.extra:
        parts.append(extra_texts(layout, chunk))
    if is_poc:
        return _woven([*parts, poc_rows(layout, chunk)])
    parts += cell_texts(layout.columns, chunk.values, chunk.first, chunk.length)
    return _first_lines(layout, chunk) + _woven(parts)


def gap_line(layout: Layout, gap: Gap, reason: str) -> bytes:  # noqa: ARG001 - one signature for all
    """The line that stands for the points of the gap."""
    text = f"{gap.length} from index {gap.first} on ({one_line(reason)})"
    return GAP_LINE + text.replace("@", " at ").encode("utf-8") + b"\n"


def _first_lines(layout: Layout, chunk: Chunk) -> bytes:
    """The spectra's lengths before the first point, where the header could not know them.

    xrayutilities does not read a file at all that has `#@MCA` and no `#@CHANN`.
    """
    if chunk.first or not layout.has_free_spectra:
        return b""
    channels = max(layout.channels, longest(layout, chunk), 1)
    return joined_lines(channel_lines(channels))


def _woven(parts: Sequence[list[bytes]]) -> bytes:
    """The first texts of all parts, then the second ones and so on."""
    if len(parts) == 1:
        return b"".join(parts[0])
    count = len(parts)
    texts = [b""] * (count * len(parts[0]))
    for number, part in enumerate(parts):
        texts[number::count] = part
    return b"".join(texts)


def _comments(name: str, chunk: Chunk) -> list[bytes]:
    """A comment a point with its text; `#U` would end the scan for xrayutilities."""
    values = chunk.values.get(name)
    if values is None:
        return [b""] * chunk.length
    label = json_text(one_line(name))[1:-1]
    return [
        b"" if value is None else _comment(label, chunk.first + index, value)
        for index, value in enumerate(values)
    ]


def _comment(label: str, index: int, value: Any) -> bytes:
    return joined_lines(long_lines(f"#C Point {index}, {label} =", json_text(value)))
