"""Finding a scan's block in a file again, and how far it is. Pure.

A file may be large: nothing here looks at its lines one by one.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass

from sardana_redis.spec_writer._key import (
    EARLIER_LINE,
    END_LINE,
    GAP_LINE,
    KEY_LINE,
    LABEL_LINE,
    LEFT_LINE,
)

__all__ = ["KEY_LINE", "Block", "earlier_line", "find_block", "torn_header_length"]

_Content = bytes | mmap.mmap
_SLICE_BYTES = 2**24
_GLANCE_BYTES = 32
_EARLIER = re.compile(rb"^" + re.escape(EARLIER_LINE) + rb"(\d+) ", re.MULTILINE)
_GAP = re.compile(rb"^" + re.escape(GAP_LINE) + rb"(\d+) from index (\d+) on ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A scan's block: the bytes from `start`, its blank line, to before `end`.

    `keep` is behind the last whole point, or behind the header where there is none. `points` is
    the index of the point to be written next and `lost` says for how many of those before it
    there are only gap lines; both are of the whole block where it is complete.
    """

    start: int
    end: int
    keep: int
    points: int
    lost: int
    is_complete: bool
    is_last: bool


def find_block(content: _Content, key: str) -> Block | None:
    """The block of the scan; None where there is none, or not more than a torn header."""
    line = b"\n" + KEY_LINE + key.encode("utf-8") + b"\n"
    at = _rfind(content, line)
    if at < 0:
        return None
    end = _end(content, at)
    label = content.find(b"\n" + LABEL_LINE, at, end)
    header = content.find(b"\n", label + 1, end) + 1 if label >= 0 else 0
    if not header:
        return None
    keep = _last_row_end(content, header, end)
    ending = content.find(b"\n" + END_LINE, keep - 1, end)
    is_complete = ending >= 0 and content.find(b"\n", ending + 1, end) >= 0
    is_complete = is_complete and content.find(b"\n" + LEFT_LINE, keep - 1, ending) < 0
    counted = ending + 1 if is_complete else keep
    rows, lost = _count(content, header, counted)
    rows += _earlier(content, header)
    return Block(
        start=_start(content, at),
        end=end,
        keep=max(keep, _behind_earlier(content, header)),
        points=rows + lost,
        lost=lost,
        is_complete=is_complete,
        is_last=end == len(content),
    )


def earlier_line(points: int) -> bytes:
    """What ends the header of a scan whose first points stand in an earlier block."""
    return EARLIER_LINE + b"%d stand in an earlier block of this scan\n" % points


def torn_header_length(tail: bytes, text: bytes) -> int:
    """How many bytes at the end of a file are the beginning of `text`, which was being written.

    `tail` is the end of the file, or all of it where it is shorter than `text`. A beginning of
    `text` counts where it stands at the start of the file or behind a line's end.
    """
    for length in range(min(len(tail), len(text) - 1), 0, -1):
        begin = len(tail) - length
        if not text.startswith(tail[begin : begin + _GLANCE_BYTES]):
            continue  # a header may be of a megabyte: no copies of it for nothing
        is_whole = begin == 0 and len(tail) < len(text)
        if (is_whole or (begin > 0 and tail[begin - 1 : begin] == b"\n")) and tail.endswith(
            text[:length]
        ):
            return length
    return 0


def _earlier(content: _Content, header: int) -> int:
    """How many points stand in an earlier block, as the line behind the header says."""
    found = _EARLIER.match(content[header : content.find(b"\n", header) + 1])
    return int(found[1]) if found else 0


def _behind_earlier(content: _Content, header: int) -> int:
    return content.find(b"\n", header) + 1 if _earlier(content, header) else header


def _end(content: _Content, at: int) -> int:
    """Where the block at `at` ends: before the blank line of the next one, or with the file."""
    end = len(content)
    # A new file header may stand in the middle of a file; it is only looked for up to a scan.
    for start in (b"\n#S ", b"\n#F ", b"\n#E "):
        found = content.find(start, at, end)
        if found >= 0:
            end = _blank_line_start(content, found)
    return end


def _start(content: _Content, at: int) -> int:
    found = content.rfind(b"\n#S ", 0, at + 1)
    return 0 if found < 0 else _blank_line_start(content, found)


def _blank_line_start(content: _Content, found: int) -> int:
    """Where the blank line begins that ends at `found`, else the line behind it."""
    for line_end in (b"\n", b"\r\n"):
        start = found + 1 - len(line_end)
        is_line_start = start == 0 or content[start - 1 : start] == b"\n"
        if content[start : found + 1] == line_end and is_line_start:
            return start
    return found + 1


def _last_row_end(content: _Content, header: int, end: int) -> int:
    """Behind the last row that is there with its line end, else behind the header."""
    line_end = content.rfind(b"\n", header, end)
    while line_end >= 0:
        line_start = max(content.rfind(b"\n", header - 1, line_end) + 1, header)
        first = content[line_start : line_start + 1]
        is_continued = content[line_start - 2 : line_start] == b"\\\n"
        if first not in (b"#", b"@", b"\n", b"\r") and not is_continued:
            return line_end + 1
        line_end = line_start - 1 if line_start > header else -1
    return header


def _count(content: _Content, begin: int, end: int) -> tuple[int, int]:
    """How many rows there are, and how many points that only gap lines stand for."""
    rows = lost = 0
    for piece in _slices(content, begin, end):
        rows += piece.count(b"\n") - piece.count(b"\\\n") - piece.count(b"\n\n")
        for first in (b"#", b"@"):
            rows -= piece.count(b"\n" + first) + piece.startswith(first)
        if GAP_LINE in piece:
            lost += sum(int(found[1]) for found in _GAP.finditer(piece))
    return rows, lost


def _slices(content: _Content, begin: int, end: int) -> Iterator[bytes]:
    """The bytes from `begin` to `end` in pieces of whole lines."""
    while begin < end:
        stop = end
        if end - begin > _SLICE_BYTES:
            stop = content.rfind(b"\n", begin, begin + _SLICE_BYTES) + 1
            stop = stop or content.find(b"\n", begin, end) + 1 or end
        yield bytes(content[begin:stop])
        begin = stop


def _rfind(content: _Content, wanted: bytes) -> int:
    """As `rfind`, which looks at a mapped file byte by byte and is some times slower."""
    stop = len(content)
    while stop > 0:
        start = max(0, stop - _SLICE_BYTES)
        found = bytes(content[start:stop]).rfind(wanted)
        if found >= 0:
            return start + found
        stop = start + len(wanted) - 1 if start else 0
    return -1
