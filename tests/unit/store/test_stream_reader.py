"""Reading streams on, against a model of what Redis holds."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sardana_redis.keys import SEAL_ID
from sardana_redis.store import Chunk, FollowedScan, FollowedStream, Gap, ScanReader, _scan_reader
from sardana_redis.store._stream_reader import StreamReader

NUMBER = FollowedStream("x", "esrf:stream:x", "float64")


class Stream:
    """Entries of one stream as Redis keeps them, and its two commands that a reader uses."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, bytes, dict[bytes, bytes]]] = []

    def add(self, first: int, values: list[float], **more: int) -> None:
        fields = {b"payload": np.array(values, float).tobytes()}
        if len(values) > 1:
            fields[b"len"] = str(len(values)).encode()
        fields |= {name.encode(): str(value).encode() for name, value in more.items()}
        self.add_fields(first, fields)

    def add_fields(self, first: int, fields: dict[bytes, bytes]) -> None:
        self.entries.append((first, f"{first}-1".encode(), fields))

    def seal(self, length: int) -> None:
        self.entries.append((SEAL_ID, f"{SEAL_ID}-{SEAL_ID}".encode(), {b"id": b"%d" % length}))

    def trim(self, below: int) -> None:
        """As XTRIM MINID does: whole entries."""
        self.entries = [entry for entry in self.entries if entry[0] >= below]

    def ask(self, command: tuple[Any, ...]) -> list[Any]:
        name, _, begin, end, _, count = command
        if name == "XREVRANGE":
            found = [e for e in self.entries if e[0] <= begin][::-1]
        elif isinstance(begin, bytes):
            last = int(begin[1:].partition(b"-")[0])
            found = [e for e in self.entries if e[0] > last]
        else:
            found = [e for e in self.entries if e[0] >= begin]
        assert end == ("-" if name == "XREVRANGE" else "+")
        return [[id_, [x for pair in fields.items() for x in pair]] for _, id_, fields in found][
            :count
        ]

    def read(self, reader: StreamReader, count: int = 100) -> int:
        return reader.feed([self.ask(command) for command in reader.commands(count)])


def taken(reader: StreamReader) -> list[float | None]:
    """All that can be taken; None for each point of a gap."""
    result: list[float | None] = []
    while (run := reader.run())[1]:
        values = reader.take(run[1])
        result += [None] * run[1] if values is None else list(values)
    return result


def test_reads_on_where_it_was() -> None:
    stream, reader = Stream(), StreamReader(NUMBER)
    stream.add(0, [0, 1, 2])
    stream.read(reader)
    assert taken(reader) == [0, 1, 2]
    stream.add(3, [3])
    stream.seal(4)
    stream.read(reader)
    assert taken(reader) == [3]
    assert reader.has_ended
    assert reader.commands(1) == []


def test_begins_in_the_middle_of_an_entry() -> None:
    stream, reader = Stream(), StreamReader(NUMBER, 2)
    stream.add(0, [0, 1, 2, 3])
    stream.add(4, [4])
    stream.read(reader)
    assert taken(reader) == [2, 3, 4]


def test_what_was_trimmed_is_a_gap() -> None:
    stream, reader = Stream(), StreamReader(NUMBER)
    stream.add(0, [0, 1])
    stream.add(2, [2, 3])
    stream.trim(2)
    stream.read(reader)
    assert taken(reader) == [None, None, 2, 3]


def test_a_stream_trimmed_to_its_seal_is_one_gap() -> None:
    stream, reader = Stream(), StreamReader(NUMBER, 1)
    stream.seal(4)
    stream.read(reader)
    assert taken(reader) == [None] * 3
    assert reader.has_ended


def test_entries_sent_again_with_other_edges_are_no_gap() -> None:
    stream, reader = Stream(), StreamReader(NUMBER)
    stream.add(0, [0, 1])
    stream.add(2, [2])
    stream.read(reader)
    assert taken(reader) == [0, 1, 2]
    again = Stream()
    again.add(0, [0, 1, 2, 3, 4])
    again.add(5, [5])
    while again.read(reader) == 0:
        pass
    assert taken(reader) == [3, 4, 5]


def test_a_redis_that_lost_its_newest_entries_is_read_again_without_doubling() -> None:
    stream, reader = Stream(), StreamReader(NUMBER)
    stream.add(0, [0, 1])
    stream.add(2, [2, 3])
    stream.read(reader)
    assert taken(reader) == [0, 1, 2, 3]
    stream.entries.pop()
    reader.look_again()
    assert stream.read(reader) == 1
    assert taken(reader) == []
    stream.add(2, [2, 3])
    stream.add(4, [4])
    stream.read(reader)
    assert taken(reader) == [4]


@pytest.mark.parametrize("more", ["points", "a seal"])
def test_what_comes_between_the_two_commands_of_a_look_is_no_gap(more: str) -> None:
    stream, reader = Stream(), StreamReader(NUMBER)
    stream.add(0, [0, 1])
    stream.read(reader)
    reader.look_again()
    replies = []
    for command in reader.commands(100):
        replies.append(stream.ask(command))
        if len(replies) == 1:
            stream.add(2, [2, 3])
            if more == "points":
                stream.add(4, [4])
            else:
                stream.seal(4)
    reader.feed(replies)
    stream.read(reader)
    assert taken(reader) == [0, 1, 2, 3, 4][: 5 if more == "points" else 4]
    assert reader.has_ended is (more == "a seal")


def test_free_shapes_and_texts_come_as_lists() -> None:
    free = StreamReader(FollowedStream("x", "k", "float64", (-1,)))
    stream = Stream()
    for first, length in ((0, 1), (1, 2)):
        data = np.arange(length, dtype=float).tobytes()
        stream.add_fields(first, {b"payload": msgpack.packb(((length,), data))})
    stream.read(free)
    assert [list(value) for value in free.take(2) or ()] == [[0.0], [0.0, 1.0]]
    texts = StreamReader(FollowedStream("x", "k", "json"))
    stream = Stream()
    stream.add_fields(0, {b"payload": json.dumps("µ").encode()})
    stream.read(texts)
    assert texts.take(1) == ["µ"]


def test_the_oldest_time_is_that_of_the_first_entry_not_written() -> None:
    stream, reader = Stream(), StreamReader(NUMBER, keeps_times=True)
    stream.add(0, [0, 1], t=100)
    stream.add(2, [2], t=200)
    stream.read(reader)
    assert reader.oldest_time(0) == 100
    assert reader.oldest_time(1) == 100
    assert reader.oldest_time(2) == 200
    assert reader.oldest_time(3) is None


@given(
    lengths=st.lists(st.integers(1, 5), max_size=8),
    trimmed=st.integers(0, 20),
    begin=st.integers(0, 20),
    counts=st.lists(st.integers(1, 3), min_size=1, max_size=5),
)
def test_each_point_comes_once_in_order_or_is_a_gap(
    lengths: list[int], trimmed: int, begin: int, counts: list[int]
) -> None:
    stream, total = Stream(), sum(lengths)
    first = 0
    for length in lengths:
        stream.add(first, list(range(first, first + length)))
        first += length
    stream.trim(trimmed)
    there = {
        index
        for at, _, fields in stream.entries
        for index in range(at, at + int(fields.get(b"len", 1)))
    }
    stream.seal(total)
    reader = StreamReader(NUMBER, begin)
    got: list[float | None] = []
    turns = 0
    while not reader.has_ended:
        stream.read(reader, counts[turns % len(counts)])
        got += taken(reader)
        turns += 1
        assert turns < 100
    assert got == [index if index in there else None for index in range(begin, total)]


def two_streams() -> tuple[FollowedScan, dict[str, Stream]]:
    names = ("#Pt No", "y")
    streams = tuple(FollowedStream(name, name, "float64") for name in names)
    return FollowedScan("k", "s", {}, {}, streams), {name: Stream() for name in names}


def read(reader: ScanReader, streams: dict[str, Stream]) -> None:
    reader.feed([streams[command[1]].ask(command) for command in reader.commands()])


def test_rows_wait_for_the_slowest_stream() -> None:
    scan, streams = two_streams()
    reader = ScanReader(scan, ["#Pt No", "y"])
    streams["#Pt No"].add(0, [0, 1, 2])
    streams["y"].add(0, [5, 6])
    read(reader, streams)
    chunk = reader.take(100)
    assert isinstance(chunk, Chunk)
    assert (chunk.first, chunk.length) == (0, 2)
    assert list(chunk.values["y"]) == [5, 6]
    assert reader.take(100) is None
    assert not reader.has_ended


def test_a_stream_that_ended_earlier_holds_up_no_other() -> None:
    scan, streams = two_streams()
    reader = ScanReader(scan, ["#Pt No", "y"])
    streams["#Pt No"].add(0, [0, 1])
    streams["#Pt No"].seal(2)
    streams["y"].add(0, [5])
    streams["y"].seal(1)
    read(reader, streams)
    both, one = reader.take(100), reader.take(100)
    assert isinstance(both, Chunk)
    assert set(both.values) == {"#Pt No", "y"}
    assert isinstance(one, Chunk)
    assert (one.first, one.length, set(one.values)) == (1, 1, {"#Pt No"})
    assert reader.take(100) is None
    assert reader.has_ended


@pytest.mark.parametrize("below", [1, 2])
def test_points_that_no_stream_has_are_a_gap(below: int) -> None:
    scan, streams = two_streams()
    for stream, trimmed in ((streams["#Pt No"], below), (streams["y"], 2)):
        for index in range(4):
            stream.add(index, [float(index)])
        stream.trim(trimmed)
    reader = ScanReader(scan, ["#Pt No", "y"])
    read(reader, streams)
    parts = [reader.take(100) for _ in range(4 - below)]
    assert parts[0] == Gap(0, below)
    if below == 1:
        assert isinstance(parts[1], Chunk)
        assert set(parts[1].values) == {"#Pt No"}
    last = parts[-1]
    assert isinstance(last, Chunk)
    assert (last.first, last.length) == (2, 2)


def test_a_stream_that_stays_empty_makes_no_other_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_scan_reader, "_MOST_HELD_BYTES", 100_000)
    monkeypatch.setattr(_scan_reader, "_READ_BYTES", 20_000)
    scan, streams = two_streams()
    reader = ScanReader(scan, ["#Pt No", "y"])
    number, late = streams.values()
    for index in range(5000):
        number.add(index, [float(index)])
    for _ in range(50):
        read(reader, streams)
    assert reader.take(1) is None
    assert reader.length < 2500, "it was read on and on"
    assert not reader.has_more, "it would be asked again and again"
    late.add(0, [0.5] * 5000)
    taken = 0
    for _ in range(200):
        read(reader, streams)
        while (part := reader.take(10_000)) is not None:
            assert isinstance(part, Chunk)
            assert part.first == taken
            taken += part.length
    assert taken == 5000


def test_streams_without_seals_end_where_they_were_read_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_scan_reader, "_MOST_HELD_BYTES", 100_000)
    monkeypatch.setattr(_scan_reader, "_READ_BYTES", 20_000)
    scan, streams = two_streams()
    reader = ScanReader(scan, ["#Pt No", "y"])
    for index in range(5000):
        streams["#Pt No"].add(index, [float(index)])
    taken = 0
    for _ in range(200):
        read(reader, streams)
        while (part := reader.take(10_000)) is not None:
            taken += part.length
        if not reader.has_more:
            reader.end_here()
    assert reader.has_ended
    assert taken == 5000
