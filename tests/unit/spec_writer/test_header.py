"""Headers: the scan's own dates, once what belongs to the file, no line too long for a reader."""

from __future__ import annotations

import locale
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sardana_redis.spec_writer._end import scan_end
from sardana_redis.spec_writer._header import file_header, scan_header
from sardana_redis.spec_writer._layout import make_layout

from ._scans import KEY, POC, POINT, STANDARD, block, make_scan, stream


def header_of(*streams, **info):
    layout = make_layout(make_scan([stream(POINT, "int64"), *streams], **info))
    return scan_header(layout, STANDARD).decode().splitlines()


def test_dates_are_the_scans_own_whatever_the_zone_of_the_writer(monkeypatch):
    layout = make_layout(make_scan([], start_time="2024-03-01T23:30:05.5-05:00"))
    texts = []
    for zone in ("UTC", "Asia/Tokyo"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        texts.append(file_header(layout, "/d/x.dat", STANDARD) + scan_header(layout, STANDARD))
    monkeypatch.undo()
    time.tzset()
    assert texts[0] == texts[1]
    assert texts[0].count(b"#D Fri Mar 01 23:30:05 2024\n") == 2
    assert b"#E 1709353805\n" in texts[0]
    assert b"#C Acquisition started at 2024-03-01T23:30:05.500000-05:00\n" in texts[0]
    assert locale.getlocale() is not None


def test_a_scan_without_a_start_has_the_time_of_its_key():
    layout = make_layout(make_scan([], start_time=None))
    assert layout.start.year == 2023
    assert make_layout(make_scan([], start_time="x", key="esrf:scan:1")).start.year == 1970


def test_a_new_file_begins_with_the_four_lines_that_spec2nexus_wants():
    layout = make_layout(make_scan([]))
    lines = file_header(layout, "/d/x.dat", STANDARD).decode().splitlines()
    assert lines == [
        "#F /d/x.dat", "#E 1703175266", "#D Thu Dec 21 17:14:26 2023", "#C ascan  User = operator",
    ]  # fmt: skip
    assert file_header(layout, "/d/x.dat", POC) == b""


def test_a_scan_names_itself_and_where_its_other_data_are():
    lines = header_of(
        stream("twod01", "uint16", (4, 4), unit="counts"),
        stream("lazy", "other"),
        path="/d/x.h5",
        sardana={"continues": {"key": "esrf:scan:x", "index": 5}},
        count_time=-1000.0,
    )
    assert lines[:2] == ["", "#S 74 ascan mot04 1.0 10.0 10 0.1"]
    assert f"#C sardana-redis scan {KEY}" in lines
    assert '#C Continues {"key": "esrf:scan:x", "index": 5}' in lines
    assert "#C Unit of twod01 = counts" in lines
    place = f"scan {KEY} in Redis, /74.1/measurement"
    assert f"#C Images twod01 are in {place}/twod01 in /d/x.h5" in lines
    assert f"#C Data of lazy are in {place}/lazy in /d/x.h5" in lines
    assert "#M 1000.0  (counts)" in lines
    assert lines[-1] == "#L Pt_No"


def test_motors_stand_eight_a_line_and_an_empty_line_where_there_are_none():
    assert [line for line in header_of() if line[:2] in ("#O", "#P", "#o")] == [
        "#O0 ",
        "#o0 ",
        "#P0 ",
    ]
    lines = header_of(snapshot={f"m {i}": i for i in range(9)})
    assert "#O1 m_8" in lines
    assert "#P0 0 1 2 3 4 5 6 7" in lines
    assert '#C Label m_8 = "m 8"' in lines


def test_arrays_and_texts_of_the_snapshot_have_lines_of_their_own():
    lines = header_of(snapshot={"a": [1, None, 0.5], "t": "x\ny", "b": list(range(200))})
    assert "#U a = 1 nan 0.5" in lines
    assert '#U t = "x\\ny"' in lines
    assert sum(line.startswith("#U b [") for line in lines) == 2


def test_what_redis_had_no_room_for_is_named():
    lines = header_of(snapshot={"a": None}, sardana={"left_out": ["snapshot.a"]})
    assert "#C Snapshot a was too large for the scan's document in Redis" in lines


@pytest.mark.parametrize("dialect", [STANDARD, POC])
@given(
    title=st.text(max_size=20) | st.sampled_from(["t" * 20_000, "é" * 9000, "x\\" * 4999]),
    names=st.lists(st.text(max_size=60), max_size=12),
    note=st.text() | st.just("µ" * 12_000),
    count=st.sampled_from([0, 0, 0, 400, 700]),
)
def test_no_line_of_a_header_or_comment_is_too_long_or_broken(dialect, title, names, note, count):
    streams = [
        stream(f"{name}{i}" if i % 2 else name) for i, name in enumerate(dict.fromkeys(names))
    ]
    streams += [stream(f"some_counter_of_ours_{i}") for i in range(count)]
    streams.append(stream("note", "json"))
    scan = make_scan(
        [stream(POINT, "int64"), *streams],
        title=title,
        user_name=note,
        snapshot=dict.fromkeys(names, 1),
    )
    values = {POINT: np.arange(1)} | {"note": [note]}
    custom = [{"name": note or "x", "value": note}, {"name": "y", "value": [1]}]
    text = block(scan, values, dialect=dialect, end={"sardana": {"custom": custom}}).decode()
    assert text.endswith("\n")
    for line in text.split("\n"):
        assert len(line.encode()) < 5000
        assert not line.startswith("#") or not line.endswith("\\")
    assert len(text.splitlines()) == text.count("\n")
    assert text.count("\n#S ") == text.count("\n#L ") == 1


def test_labels_are_apart_in_ascii_and_their_names_are_kept():
    names = ["a  b", "a b", "\u03b8", "\u00b5m", "\u00e91", "\u00e81", "", "\u4e2d"]
    layout = make_layout(make_scan([stream(POINT, "int64"), *(stream(name) for name in names)]))
    labels = [column.label for column in layout.columns]
    assert labels == ["Pt No", "a b", "a b~3", "theta", "um", "e1", "e1~7", "~8", "_"]
    lines = scan_header(layout, STANDARD).decode().splitlines()
    assert '#C Label theta = "\u03b8"' in lines
    assert '#C Label a b~3 = "a b"' in lines


def test_streams_are_sorted_by_what_a_file_can_hold():
    scan = make_scan([
        stream("a"), stream(POINT, "int64"), stream("one", "float32", (1,)),
        stream("s", "int8", (7,)), stream("free", "float64", (-1,)), stream("t", "json"),
        stream("r", "json", format="sardana_ref"), stream("image", "uint16", (2, 2)),
        stream("video", "uint16", (-1, -1, 3)), stream("x", "other"),
    ])  # fmt: skip
    layout = make_layout(scan)
    assert [column.stream for column in layout.scalars] == [POINT, "a", "one"]
    assert [spectrum.stream for spectrum in layout.spectra] == ["s", "free"]
    assert (layout.texts, layout.references) == (("t",), ("r",))
    assert (layout.images, layout.unread) == (("image", "video"), ("x",))
    assert layout.streams_to_read == (POINT, "a", "one", "s", "free", "t", "r")


def end_of(info, points=5, lost=0, dialect=STANDARD):
    layout = make_layout(make_scan([]))
    return scan_end(layout, info, points, lost, dialect).decode().splitlines()


def test_the_end_says_how_it_was_and_when():
    assert end_of({"end_reason": "SUCCESS", "end_time": "T"}) == ["#C Acquisition ended at T"]
    assert end_of({"end_time": "T"}, dialect=POC) == ["#C Acquisition ended T"]
    assert end_of({})[-1] == "#C Acquisition ended at an unknown time"
    lines = end_of({"end_reason": "USER_ABORT", "end_time": "T"}, lost=2)
    assert lines[:2] == ["#C Scan aborted after 5 points.", "#C End reason USER_ABORT"]
    assert "#C 2 points have no row: they were no longer in Redis" in lines
    assert end_of({}, points=3, lost=3)[0] == "#C Scan ended without points. Scan aborted: no."


def test_custom_data_are_variables_and_arrays_are_told_of():
    custom = [
        {"name": "a b", "value": 1.5}, {"name": "t", "value": "x\ny"}, {"name": "n", "value": None},
        {"name": "v", "value": [1, 2]}, {"name": "big", "value": None},
        {"name": "b", "value": True},
    ]  # fmt: skip
    lines = end_of({"sardana": {"custom": custom, "left_out": ["custom.big"], "lost_points": 3}})
    assert "#UVAR a_b 1.5" in lines
    assert "#UVAR t x y" in lines
    assert "#UVAR n nan" in lines
    assert "#UVAR b True" in lines
    assert f"#C Custom data v are in info.sardana.custom of scan {KEY} in Redis" in lines
    assert "#C Custom data big were too large for the scan's document in Redis" in lines
    assert "#C Not published: 3 lost points" in lines
