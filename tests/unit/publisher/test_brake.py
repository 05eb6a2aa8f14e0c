"""When points wait because of Redis' memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sardana_redis.publisher import _brake
from sardana_redis.publisher._brake import Brake
from sardana_redis.settings import PublisherSettings
from sardana_redis.store import Memory

MAXIMUM = 800


class Store:
    """A Redis of 800 bytes, a tenth of a second after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.memory = Memory(0, MAXIMUM)
        self.looks = 0
        ticks = self._ticks()
        monkeypatch.setattr(_brake.time, "monotonic", lambda: next(ticks))

    def _ticks(self) -> Iterator[float]:
        now = 0.0
        while True:
            now += 0.1
            yield now

    def pulse(self) -> Memory:
        self.looks += 1
        return self.memory


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    return Store(monkeypatch)


@pytest.fixture
def brake(store: Store) -> Brake:
    return Brake(store, PublisherSettings(brake_ratio=0.9))


def test_holds_above_the_ratio_and_says_so(store: Store, brake: Brake) -> None:
    assert not brake.holds()
    store.memory = Memory(721, MAXIMUM)
    assert brake.holds()
    assert brake.is_full
    assert brake.has_been_full
    store.memory = Memory(700, MAXIMUM)
    assert not brake.holds()
    assert not brake.is_full
    assert brake.has_been_full
    brake.release()
    assert not brake.has_been_full


def test_an_eighth_may_be_sent_while_redis_copies_its_memory(store: Store, brake: Brake) -> None:
    brake.note_sent(500)
    store.memory = Memory(100, MAXIMUM, is_copied=True)
    assert not brake.holds()
    brake.note_sent(99)
    assert not brake.holds()
    brake.note_sent(2)
    assert brake.holds()
    assert brake.is_on
    assert not brake.is_full, "the operator is not told that Redis is full"
    store.memory = Memory(200, MAXIMUM)
    assert not brake.holds()
    store.memory = Memory(200, MAXIMUM, is_copied=True)
    assert not brake.holds(), "another copy has an eighth of its own"


def test_nobody_waits_for_a_copy_without_room_or_time(store: Store, brake: Brake) -> None:
    store.memory = Memory(100, MAXIMUM, is_copied=True)
    assert not brake.holds()
    brake.note_sent(150)
    assert brake.holds()
    brake.is_pressed = True
    assert not brake.holds()
    brake.is_pressed = False
    assert brake.holds()
    for _ in range(700):  # a look each 0.1 s
        brake.holds()
    assert not brake.holds(), "a copy that takes a minute may hang"


def test_another_copy_after_a_while_has_its_own_eighth(
    store: Store, brake: Brake, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.memory = Memory(100, MAXIMUM, is_copied=True)
    assert not brake.holds()
    brake.note_sent(150)
    assert brake.holds()
    monkeypatch.setattr(_brake.time, "monotonic", lambda: 1000.0)
    assert not brake.holds()


def test_what_was_seen_of_the_room_stays_known_when_nothing_waits(
    store: Store, brake: Brake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_brake.time, "monotonic", lambda: 0.0)
    store.memory = Memory(620, MAXIMUM)
    assert not brake.holds()
    brake.release()
    brake.note_sent(51)
    assert not brake.holds()
    assert store.looks == 2


def test_a_redis_without_limit_never_holds(store: Store, brake: Brake) -> None:
    store.memory = Memory(10**12, 0, is_copied=True)
    brake.note_sent(10**12)
    assert not brake.holds()
    assert not brake.is_on


def test_looks_before_what_was_sent_fills_half_of_the_room(
    store: Store, brake: Brake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_brake.time, "monotonic", lambda: 0.0)
    store.memory = Memory(620, MAXIMUM)
    assert not brake.holds()
    brake.note_sent(50)
    assert not brake.holds()
    assert store.looks == 1
    brake.note_sent(1)
    assert not brake.holds()
    assert store.looks == 2
