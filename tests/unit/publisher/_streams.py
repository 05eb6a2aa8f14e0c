"""A publication to play with, and the streams that a store would make of it."""

from __future__ import annotations

import numpy as np

from sardana_redis.model import JSON, Identity, ScanState, StreamSpec
from sardana_redis.publisher._intake import Doorbell, Intake
from sardana_redis.publisher._publication import Batch, Publication
from sardana_redis.store import Birth, Entry, Standing, new_birth

STREAMS = (
    StreamSpec("#Pt No", "int64"),
    StreamSpec("name", JSON),
    StreamSpec("mca", "float64", (-1,)),
)
ALL = 2**30


def make_birth() -> Birth:
    return new_birth(Identity("ascan", 1, "s", "p"), {}, STREAMS, {})


def make_publication() -> Publication:
    intake = Intake(STREAMS, Doorbell(), limit_bytes=ALL, batch_bytes=ALL, held_bytes=lambda: 0)
    return Publication(make_birth(), intake)


def put(publication: Publication, points: int) -> None:
    """Points whose spectrum changes its shape at every third one."""
    first = publication.intake.points
    for i in range(first, first + points):
        publication.intake.put((i, f"point {i}", np.full(i // 3 % 2, i, float)))


def send(publication: Publication, points: int) -> Batch:
    put(publication, points)
    batch = publication.next_batch(ALL)
    assert batch is not None
    publication.confirm(batch)
    return batch


class Streams:
    """What a store holds of a scan: the entries of each stream."""

    def __init__(self, birth: Birth) -> None:
        self.keys = birth.stream_keys
        self.entries: dict[str, list[Entry]] = {key: [] for key in self.keys}

    def append(self, entries: list[Entry]) -> None:
        for entry in entries:
            held = self.entries[entry.stream_key]
            assert entry.creates == (not held)
            assert entry.first >= self.length(entry.stream_key), "doubled"
            held.append(entry)

    def length(self, key: str) -> int:
        held = self.entries[key]
        return held[-1].first + held[-1].length if held else 0

    def edges(self) -> list[list[tuple[int, int, bytes]]]:
        return [[(e.first, e.length, e.payload) for e in self.entries[k]] for k in self.keys]

    def cut(self, kept: list[int]) -> None:
        for key, number in zip(self.keys, kept, strict=True):
            del self.entries[key][number:]

    def standing(self, sealed: bool = False) -> Standing:
        state = ScanState.CLOSED if sealed else ScanState.STARTED
        lengths = tuple(self.length(key) for key in self.keys)
        return Standing(int(state), lengths, (sealed,) * len(self.keys))


def deliver(publication: Publication, streams: Streams) -> None:
    while (batch := publication.next_batch(ALL)) is not None:
        streams.append(publication.entries(batch))
        publication.confirm(batch)
