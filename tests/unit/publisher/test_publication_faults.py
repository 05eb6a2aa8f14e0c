"""After a fault: what is sent again, with which edges, and what is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sardana_redis.model import ScanState
from sardana_redis.publisher._publication import Publication
from sardana_redis.store import Standing

from ._streams import ALL, Streams, deliver, make_birth, make_publication, put, send

batches = st.lists(st.integers(1, 5), min_size=1, max_size=6)


@given(confirmed=batches, waiting=st.integers(0, 4), data=st.data())
def test_after_any_partial_standing_exactly_the_missing_entries_follow(
    confirmed: list[int], waiting: int, data: st.DataObject
) -> None:
    publication = make_publication()
    streams = Streams(publication.birth)
    for points in confirmed:
        put(publication, points)
        deliver(publication, streams)
    put(publication, waiting)
    if waiting and data.draw(st.booleans(), label="sent, not confirmed"):
        batch = publication.next_batch(ALL)
        assert batch is not None
        streams.append(publication.entries(batch))
    before = streams.edges()
    held = [data.draw(st.integers(0, len(entries)), label="kept") for entries in before]
    streams.cut(held)
    publication.resume(streams.standing())
    deliver(publication, streams)
    again = streams.edges()
    assert [entries[: len(old)] for entries, old in zip(again, before, strict=True)] == before
    assert [streams.length(key) for key in streams.keys] == [sum(confirmed) + waiting] * 3
    assert publication.lost_points == 0
    assert publication.intake.held_bytes == 0


@given(confirmed=batches)
def test_a_forgotten_scan_is_sent_again_whole_with_its_edges(confirmed: list[int]) -> None:
    publication = make_publication()
    streams = Streams(publication.birth)
    for points in confirmed:
        put(publication, points)
        deliver(publication, streams)
    before = streams.edges()
    streams.cut([0, 0, 0])
    publication.start_over()
    assert not publication.born
    deliver(publication, streams)
    assert streams.edges() == before


@given(confirmed=batches, data=st.data())
def test_points_that_nobody_holds_any_more_are_lost_once_each(
    confirmed: list[int], data: st.DataObject
) -> None:
    publication = make_publication()
    for points in confirmed:
        send(publication, points)
    forgotten = data.draw(st.integers(0, len(confirmed)))
    for _ in range(forgotten):
        publication.forget_oldest()
    gone = sum(confirmed[:forgotten])
    lengths = data.draw(st.lists(st.integers(0, gone), min_size=1, max_size=4))
    for length in lengths:  # each connection may break before anything was sent
        publication.resume(Standing(ScanState.STARTED, (length,) * 3, (False,) * 3))
    assert publication.lost_points == gone - min(lengths)
    publication.start_over()
    assert publication.lost_points == gone


def sealed_at(publication: Publication, *lengths: int) -> None:
    publication.resume(Standing(ScanState.CLOSED, lengths, (True,) * 3))


def test_a_sealed_scan_that_has_all_points_is_not_cut_off() -> None:
    publication = make_publication()
    send(publication, 2)
    sealed_at(publication, 2, 2, 2)
    assert publication.closed
    assert not publication.is_cut_off


def test_a_continuation_begins_at_the_first_batch_that_some_stream_misses() -> None:
    publication = make_publication()
    for _ in range(3):
        send(publication, 2)
    sealed_at(publication, 6, 6, 4)
    assert publication.is_cut_off
    rest = publication.continuation(make_birth())
    assert rest.base == 4
    streams = Streams(rest.birth)
    put(rest, 1)
    deliver(rest, streams)
    assert [streams.length(key) for key in streams.keys] == [3, 3, 3]
    assert rest.intake.held_bytes == 0


def test_a_continuation_does_not_repeat_a_batch_that_arrived_unconfirmed() -> None:
    publication = make_publication()
    for _ in range(2):
        send(publication, 2)
    publication.resume(Standing(ScanState.STARTED, (0, 0, 0), (False,) * 3))
    sealed_at(publication, 2, 2, 2)  # the first batch was sent again, its answer was lost
    assert publication.continuation(make_birth()).base == 2


def test_a_continuation_can_be_resumed_from_its_own_lengths() -> None:
    publication = make_publication()
    for _ in range(2):
        send(publication, 2)
    sealed_at(publication, 2, 2, 2)
    rest = publication.continuation(make_birth())
    deliver(rest, Streams(rest.birth))
    rest.resume(Standing(ScanState.STARTED, (2, 1, 2), (False,) * 3))
    entries = rest.entries(rest.next_batch(ALL) or pytest.fail("no batch"))
    assert [(e.stream_key, e.first) for e in entries] == [(rest.birth.stream_keys[1], 1)]


def test_a_continuation_remembers_what_was_lost_before_it() -> None:
    publication = make_publication()
    for _ in range(3):
        send(publication, 2)
    publication.forget_oldest()
    sealed_at(publication, 1, 1, 1)
    assert publication.continuation(make_birth()).lost_points == 1
