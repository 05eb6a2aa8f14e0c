"""Text as all readers of SPEC files take it: one line, not too long, labels that stay apart.

The limits are silx' and PyMca's (their common C library, `specfile/src` of silx 3.1): a line
that begins with `#` goes into a buffer of 5,000 bytes without a check, a label into 256.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

__all__ = [
    "LONGEST_LABEL_BYTES",
    "LONGEST_LINE_BYTES",
    "cut",
    "in_ascii",
    "joined_lines",
    "json_text",
    "long_lines",
    "make_labels",
    "number_text",
    "one_line",
    "spec_date",
]

LONGEST_LINE_BYTES = 4900
LONGEST_LABEL_BYTES = 200

_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_BLANKS = re.compile(r"\s+")
_GREEK = re.compile(r"GREEK (SMALL|CAPITAL) LETTER (\w+)")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


def one_line(text: str) -> str:
    """The text with line breaks and other control characters made spaces, as UTF-8 can hold it."""
    return _BREAKS.sub(" ", text).encode("utf-8", "replace").decode("utf-8").strip()


def cut(text: str, most_bytes: int) -> tuple[str, str]:
    """The longest beginning of the text with at most so many bytes, and the rest."""
    data = text.encode("utf-8")
    if len(data) <= most_bytes:
        return text, ""
    head = data[:most_bytes].decode("utf-8", "ignore")
    return head, text[len(head) :]


def joined_lines(lines: Iterable[str]) -> bytes:
    """The lines as they stand in a file.

    None ends with a backslash, behind which spec2nexus takes the next line for a part of it.
    """
    return "".join(f"{line} \n" if line.endswith("\\") else f"{line}\n" for line in lines).encode()


def long_lines(head: str, text: str, *, joint: str = "+") -> Iterator[str]:
    """Lines `head text`, or as many as the text needs; all but the first begin `head joint`."""
    start = f"{head} "
    while True:
        part, text = cut(text, LONGEST_LINE_BYTES - len(start.encode("utf-8")))
        yield start + part
        if not text:
            return
        start = f"{head} {joint} "


def json_text(value: Any) -> str:
    """The value as JSON in one line, without `@`, which silx counts as the start of a spectrum."""
    text = json.dumps(value, ensure_ascii=False)
    text = _BREAKS.sub(lambda found: "".join(f"\\u{ord(char):04x}" for char in found[0]), text)
    return text.replace("@", "\\u0040").encode("utf-8", "replace").decode("utf-8")


def number_text(value: Any) -> str:
    """A number as all readers take it: `nan` for what is missing, infinity as an overflow.

    silx and PyMca know no word for infinity, but all four make `1.0e999` one.
    """
    if value is None:
        return "nan"
    if isinstance(value, bool):
        return str(int(value))
    text = repr(value)
    return {"inf": "1.0e999", "-inf": "-1.0e999"}.get(text, text)


def spec_date(time: datetime) -> str:
    """The time in its own zone as `%a %b %d %H:%M:%S %Y`, in English whatever the locale."""
    day, month = _DAYS[time.weekday()], _MONTHS[time.month - 1]
    return f"{day} {month} {time.day:02d} {time:%H:%M:%S} {time.year:04d}"


def make_labels(
    names: Iterable[str], *, has_blanks: bool = True, most_bytes: int = LONGEST_LABEL_BYTES
) -> list[str]:
    """Labels for the names: in ASCII, no runs of blanks, not empty, not too long, all different.

    silx does not open a file whose scanned motor has another letter in its name
    (`data_column_by_name` encodes to ASCII), and xrayutilities drops such letters.
    """
    blank = " " if has_blanks else "_"
    labels: dict[str, None] = {}
    for position, name in enumerate(names, start=1):
        wanted = _BLANKS.sub(blank, in_ascii(one_line(name)).removeprefix("#").strip())
        wanted = label = wanted[:most_bytes].strip()
        number = position
        while not label or label in labels:
            suffix = f"~{number}"
            label = wanted[: most_bytes - len(suffix)].strip() + suffix
            number += 1
        labels[label] = None
    return list(labels)


def in_ascii(text: str) -> str:
    """The text with accents dropped, Greek letters by their names, and `_` for what is left."""
    if text.isascii():
        return text
    return "".join(_ascii_letter(char) for char in unicodedata.normalize("NFKD", text))


def _ascii_letter(char: str) -> str:
    if char.isascii() or unicodedata.combining(char):
        return char if char.isascii() else ""
    if char == "\u03bc":
        return "u"
    found = _GREEK.fullmatch(unicodedata.name(char, ""))
    if found is None:
        return "_"
    return found[2].capitalize() if found[1] == "CAPITAL" else found[2].lower()
