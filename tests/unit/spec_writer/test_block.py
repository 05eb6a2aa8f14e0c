"""Finding a scan's block again, wherever its writing was cut off."""

from __future__ import annotations

import mmap
import re
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sardana_redis.spec_writer._block import KEY_LINE, find_block, torn_header_length
from sardana_redis.spec_writer._end import scan_end
from sardana_redis.spec_writer._header import file_header, scan_header
from sardana_redis.spec_writer._layout import make_layout
from sardana_redis.spec_writer._rows import format_rows, gap_line
from sardana_redis.store import Chunk, Gap

from ._scans import KEY, POC, POINT, STANDARD, block, make_scan, stream

OTHER_KEY = KEY[:-1] + "J"
SCAN = make_scan(
    [
        stream(POINT, "int64"),
        stream("ct"),
        stream("d", "float64", (18,)),
        stream("e", "int16", (3,)),
        stream("note", "json"),
    ]
)
LAYOUT = make_layout(SCAN)


def points(first, length):
    values = {
        POINT: np.arange(first, first + length),
        "ct": np.full(length, np.nan),
        "d": np.random.default_rng(first).random((length, 18)),
        "e": np.ones((length, 3), np.int16),
        "note": ["#S 5 a\n1 2 3\\"] * length,
    }
    values["d"][length // 2] = np.nan
    return Chunk(first, length, values)


def example(dialect):
    """The parts of a block with the number of points behind each of them, and those lost."""
    parts = [(scan_header(LAYOUT, dialect), 0, 0)]
    for index in range(3):
        parts.append((format_rows(LAYOUT, points(index, 1), dialect), index + 1, 0))
    parts.append((gap_line(LAYOUT, Gap(3, 4), "trimmed"), 3, 0))
    for index in range(7, 9):
        parts.append((format_rows(LAYOUT, points(index, 1), dialect), index + 1, 4))
    parts.append((scan_end(LAYOUT, SCAN.info | {"end_time": "now"}, 9, 4, dialect), 9, 4))
    return parts


PARTS = {dialect: example(dialect) for dialect in (STANDARD, POC)}
BEFORE = b"#F x\r\n\r\n#S 3 ascan\r\n#L a\r\n0\r\n\r\n#S 4 b\r\n#L a\r\n@A 1\\\r\n2\r\n0 1\r\n"
AFTER = block(make_scan([stream(POINT, "int64")], key=OTHER_KEY), {POINT: np.arange(2)})


@pytest.mark.parametrize("dialect", PARTS)
@pytest.mark.parametrize("before", [b"", BEFORE, AFTER])
def test_finds_the_last_whole_point_wherever_the_text_is_cut(dialect, before):
    parts = PARTS[dialect]
    text = b"".join(part for part, _, _ in parts)
    header = len(parts[0][0])
    for length in range(len(text) + 1):
        found = find_block(before + text[:length], KEY)
        if length < header:
            assert found is None
            continue
        kept, points_there, lost = 0, 0, 0
        for part, count, missing in parts[:-1]:
            if len(before) + kept + len(part) > len(before) + length:
                break
            kept += len(part)
            if not part.startswith(b"#C Missing"):
                end, points_there, lost = kept, count, missing
        assert found.start == len(before)
        assert found.keep == len(before) + end
        assert (found.points, found.lost) == (points_there, lost)
        assert found.is_complete is (length == len(text))
        assert found.is_last
        # What is kept and what is written again are the whole text.
        again = [part for part, count, _ in parts[1:-1] if count > found.points or not count]
        assert end + sum(len(part) for part in again) <= len(text)


def test_a_block_between_others_ends_before_the_blank_line_of_the_next():
    text = b"".join(part for part, _, _ in PARTS[STANDARD])
    found = find_block(BEFORE + text + AFTER, KEY)
    assert (found.start, found.end) == (len(BEFORE), len(BEFORE) + len(text))
    assert not found.is_last
    assert found.is_complete
    last = find_block(BEFORE + text + AFTER, OTHER_KEY)
    assert (last.start, last.is_last, last.points) == (len(BEFORE) + len(text), True, 2)


@pytest.mark.parametrize(
    "next_one", [b"\r\n#S 5 a\r\n", b"\n#F y\n#E 1\n", b"#S 5 a\n", b"\n#E 1\n\n#S 5\n"]
)
def test_what_others_wrote_behind_a_block_does_not_belong_to_it(next_one):
    text = b"".join(part for part, _, _ in PARTS[STANDARD][:3])
    found = find_block(text + next_one, KEY)
    assert (found.end, found.keep, found.points) == (len(text), len(text), 2)
    assert not found.is_last


def test_a_block_without_a_blank_line_begins_at_its_own_line():
    text = b"".join(part for part, _, _ in PARTS[STANDARD])[1:]
    assert find_block(text, KEY).start == 0
    assert find_block(b"0 1\n" + text, KEY).start == 4


def test_a_key_that_is_only_the_beginning_of_another_is_not_found():
    assert find_block(AFTER, OTHER_KEY[:-1]) is None
    assert find_block(b"", KEY) is None


def test_a_text_that_looks_like_a_key_or_an_end_is_no_such_line():
    values = points(0, 2)
    values.values["note"][:] = [f"\n{KEY_LINE.decode()}{OTHER_KEY}\n", "\n#C Acquisition ended\n"]
    text = scan_header(LAYOUT, STANDARD) + format_rows(LAYOUT, values, STANDARD)
    assert find_block(text, OTHER_KEY) is None
    found = find_block(text, KEY)
    assert (found.points, found.is_complete) == (2, False)


def test_the_gap_at_the_end_of_a_complete_scan_counts():
    text = b"".join(part for part, _, _ in PARTS[STANDARD][:3])
    text += gap_line(LAYOUT, Gap(2, 5), "trimmed")
    found = find_block(text, KEY)
    assert (found.points, found.lost) == (2, 0)
    text += scan_end(LAYOUT, SCAN.info, 7, 5, STANDARD)
    found = find_block(text, KEY)
    assert (found.points, found.lost, found.is_complete) == (7, 5, True)


def test_a_mapped_file_is_as_good_as_bytes(tmp_path):
    path = tmp_path / "x.dat"
    text = BEFORE + b"".join(part for part, _, _ in PARTS[STANDARD]) + AFTER
    path.write_bytes(text)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        assert find_block(content, KEY) == find_block(text, KEY)
        assert find_block(content, OTHER_KEY) == find_block(text, OTHER_KEY)


def test_a_block_of_many_slices_is_counted_right():
    rows = format_rows(LAYOUT, points(0, 2000), STANDARD)
    repeat = 2**26 // len(rows) + 1
    text = scan_header(LAYOUT, STANDARD) + rows * repeat
    started = time.monotonic()
    found = find_block(AFTER + text, KEY)
    assert found.points == 2000 * repeat
    assert found.keep == len(AFTER + text)
    assert time.monotonic() - started < 5.0


def headers():
    head = file_header(LAYOUT, "/tmp/x.dat", STANDARD)
    return head + scan_header(LAYOUT, STANDARD), scan_header(LAYOUT, STANDARD)


@pytest.mark.parametrize("text", headers())
def test_a_torn_header_is_measured_at_every_length(text):
    for before in (b"", b"0 1\n") if text.startswith(b"\n") else (b"",):
        for length in range(len(text)):
            whole = before + text[:length]
            assert torn_header_length(whole[-len(text) :], text) == length
            if before:
                assert torn_header_length(whole, text) == length


@pytest.mark.parametrize(
    ("tail", "torn"), [(b"row\n", 0), (b"row\n\n", 1), (b"row\n\n#S", 3), (b"row", 0), (b"", 0)]
)
def test_a_line_end_belongs_to_its_row(tail, torn):
    assert torn_header_length(tail, scan_header(LAYOUT, STANDARD)) == torn


@given(st.binary(max_size=200))
def test_any_bytes_before_a_block_change_nothing(before):
    before = re.sub(rb"\n*$", b"\n", before)
    text = b"".join(part for part, _, _ in PARTS[STANDARD])
    found = find_block(before + text, KEY)
    assert (found.keep, found.points, found.end) == (
        len(before) + len(text) - len(PARTS[STANDARD][-1][0]),
        9,
        len(before) + len(text),
    )
