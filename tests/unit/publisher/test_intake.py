"""The intake drops exactly what does not fit, and tells of every point that it takes."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from sardana_redis.model import JSON, StreamSpec
from sardana_redis.publisher._intake import Doorbell, Intake, Row

SCALARS = (StreamSpec("#Pt No", "int64"), StreamSpec("ct01", "float64"))
WITH_ARRAY = (*SCALARS, StreamSpec("mca", "float64", (100,)))
ROW_BYTES = 64 + 2 * 32
ARRAY_ROW_BYTES = 64 + 3 * 32 + 800


class CountingBell(Doorbell):
    def __init__(self) -> None:
        super().__init__()
        self.rings: list[str] = []

    def ring(self) -> None:
        self.rings.append("ring")

    def ring_at_once(self) -> None:
        self.rings.append("at once")


def make_intake(
    streams: tuple[StreamSpec, ...] = SCALARS,
    *,
    limit: int = 10**6,
    batch: int = 10**6,
    others: int = 0,
    bell: Doorbell | None = None,
) -> Intake:
    intake = Intake(
        streams,
        bell or CountingBell(),
        limit_bytes=limit,
        batch_bytes=batch,
        held_bytes=lambda: intake.held_bytes + others,
    )
    return intake


def array_row(index: int) -> Row:
    return (index, 0.5, np.ones(100))


def test_points_are_taken_in_order() -> None:
    intake = make_intake()
    for i in range(3):
        intake.put((i, 0.5))
    assert [row for row, _ in intake.rows] == [(0, 0.5), (1, 0.5), (2, 0.5)]
    assert intake.points == 3


def test_points_are_dropped_at_the_limit_and_not_before() -> None:
    intake = make_intake(limit=3 * ROW_BYTES)
    for i in range(5):
        intake.put((i, 0.5))
    assert intake.points == len(intake.rows) == 3
    assert intake.dropped_points == 2
    assert intake.dropped_arrays == 0


def test_what_other_scans_hold_counts_too() -> None:
    intake = make_intake(limit=3 * ROW_BYTES, others=2 * ROW_BYTES)
    for i in range(2):
        intake.put((i, 0.5))
    assert (intake.points, intake.dropped_points) == (1, 1)


def test_arrays_leave_a_tenth_of_the_buffer_to_scalars() -> None:
    limit = 10 * ARRAY_ROW_BYTES
    intake = make_intake(WITH_ARRAY, limit=limit)
    for i in range(10):
        intake.put(array_row(i))
    assert intake.dropped_arrays == 1
    assert intake.dropped_points == 0
    last, size = intake.rows[-1]
    assert last == (9, 0.5, None)
    assert size == ARRAY_ROW_BYTES - 800


def test_arrays_go_first_and_points_only_when_nothing_fits() -> None:
    intake = make_intake(WITH_ARRAY, limit=10 * ARRAY_ROW_BYTES)
    for i in range(100):
        intake.put(array_row(i))
    assert intake.dropped_arrays > 0
    assert intake.dropped_points > 0
    assert intake.points + intake.dropped_points == 100
    assert [row[0] for row, _ in intake.rows] == list(range(intake.points))
    assert intake.held_bytes <= 10 * ARRAY_ROW_BYTES


def test_room_that_was_freed_is_used_again() -> None:
    intake = make_intake(limit=ROW_BYTES)
    intake.put((0, 0.5))
    intake.put((1, 0.5))
    intake.freed_bytes += intake.rows.popleft()[1]
    intake.put((2, 0.5))
    assert intake.rows[0][0] == (2, 0.5)
    assert intake.dropped_points == 1


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (np.ones(100), 800),
        ([0.0] * 100, 3200),
        ([[0.0] * 10] * 10, 3200),
        *(([], 0), (None, 0), (float("nan"), 0)),
    ],
)
def test_arrays_and_lists_count_by_their_size(value: Any, size: int) -> None:
    intake = make_intake(WITH_ARRAY)
    intake.put((0, 0.5, value))
    assert intake.held_bytes == 64 + 3 * 32 + size


def test_texts_count_by_their_length() -> None:
    intake = make_intake((StreamSpec("x", JSON),))
    intake.put(("a" * 1000,))
    intake.put((None,))
    assert intake.held_bytes == 2 * (64 + 32) + 1000


def test_a_batch_of_bytes_rings_at_once() -> None:
    bell = CountingBell()
    intake = make_intake(batch=2 * ROW_BYTES, bell=bell)
    for i in range(4):
        intake.put((i, 0.5))
    assert bell.rings == ["ring", "at once", "ring", "at once"]


def test_no_point_of_another_thread_is_missed() -> None:
    bell = Doorbell()
    intake = make_intake(bell=bell, limit=10**9)
    points = 20_000

    def scan() -> None:
        for i in range(points):
            intake.put((i, 0.5))

    thread = threading.Thread(target=scan)
    thread.start()
    taken = 0
    deadline = time.monotonic() + 30.0
    while taken < points:
        before = time.monotonic()
        bell.wait(10.0, 0.0)
        assert time.monotonic() - before < 5.0, "a ring was lost"
        while intake.rows:
            assert intake.rows.popleft()[0][0] == taken
            taken += 1
        assert time.monotonic() < deadline
    thread.join()
