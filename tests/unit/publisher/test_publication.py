"""Batches on their way: their edges, their entries, their bytes."""

from __future__ import annotations

import pytest

from sardana_redis.model import Identity, ScanState, StreamSpec
from sardana_redis.publisher._intake import Doorbell, Intake
from sardana_redis.publisher._publication import Publication
from sardana_redis.store import Standing, new_birth

from ._streams import ALL, Streams, deliver, make_publication, put, send


def test_a_batch_is_one_entry_for_numbers_and_one_a_point_for_texts() -> None:
    publication = make_publication()
    put(publication, 4)
    batch = publication.next_batch(ALL)
    assert batch is not None
    numbers, texts, arrays = publication.birth.stream_keys
    found = [(e.stream_key, e.first, e.length) for e in publication.entries(batch)]
    assert found == [
        (numbers, 0, 4),
        *((texts, i, 1) for i in range(4)),
        *((arrays, 0, 3), (arrays, 3, 1)),
    ]


def test_only_the_point_number_is_stamped() -> None:
    publication = make_publication()
    put(publication, 2)
    entries = publication.entries(publication.next_batch(ALL) or pytest.fail("no batch"))
    stamped = {entry.stream_key for entry in entries if entry.stamped}
    assert stamped == {publication.birth.stream_keys[0]}


def test_only_the_first_entry_of_a_stream_creates_it() -> None:
    publication = make_publication()
    streams = Streams(publication.birth)
    for points in (4, 5):
        put(publication, points)
        deliver(publication, streams)  # Streams.append looks at `creates`
    created = [sum(e.creates for e in entries) for entries in streams.entries.values()]
    assert created == [1, 1, 1]


def test_a_batch_ends_at_its_limit_and_the_rest_waits() -> None:
    publication = make_publication()
    put(publication, 10)
    size = publication.intake.rows[0][1]
    batch = publication.next_batch(3 * size + 50)
    assert batch is not None
    assert batch.points == 3
    assert publication.has_backlog
    assert publication.points_waiting == 10


def test_a_point_larger_than_a_batch_goes_alone() -> None:
    publication = make_publication()
    put(publication, 2)
    batch = publication.next_batch(1)
    assert batch is not None
    assert batch.points == 1


def test_points_whose_arrays_were_dropped_do_not_swell_a_batch() -> None:
    streams = (StreamSpec("image", "float64", (1000, 1000)),)
    intake = Intake(streams, Doorbell(), limit_bytes=ALL, batch_bytes=ALL, held_bytes=lambda: 0)
    publication = Publication(new_birth(Identity("a", 1, "s", "p"), {}, streams, {}), intake)
    for _ in range(10):
        intake.put((None,))
    batch = publication.next_batch(20_000_000)
    assert batch is not None
    assert batch.points == 2
    assert batch.payload_bytes <= 20_000_000


def test_points_waiting_are_counted_while_the_other_thread_takes_more() -> None:
    publication = make_publication()

    class Counted:
        @property
        def points(self) -> int:
            publication.pending.append(Counted())
            return 2

    publication.pending.append(Counted())
    assert publication.points_waiting == 2


def test_bytes_are_given_back_when_all_is_confirmed() -> None:
    publication = make_publication()
    send(publication, 3)
    send(publication, 4)
    assert publication.intake.held_bytes == 0
    assert publication.points_waiting == 0
    publication.resume(Standing(ScanState.STARTED, (0, 0, 0), (False,) * 3))
    deliver(publication, Streams(publication.birth))
    assert publication.intake.held_bytes == 0


def test_discarded_points_are_lost_and_free_their_bytes() -> None:
    publication = make_publication()
    send(publication, 2)
    put(publication, 3)
    publication.next_batch(1)
    publication.discard_rest()
    assert publication.lost_points == 3
    assert publication.points_waiting == 0
    assert publication.intake.held_bytes == 0


def test_what_is_kept_is_counted() -> None:
    publication = make_publication()
    sizes = [send(publication, points).payload_bytes for points in (2, 3)]
    assert publication.kept_bytes == sum(sizes)
    publication.forget_oldest()
    assert publication.kept_bytes == sizes[1]
