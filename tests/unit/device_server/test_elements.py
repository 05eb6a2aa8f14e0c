"""The demo's elements are made, also when the macro stumbles on a busy machine."""

from __future__ import annotations

import pytest

from sardana_redis.device_server import DEMO_ELEMENTS, MacroRun, _elements, make_demo_elements
from sardana_redis.errors import ControlSystemError

STUMBLES = MacroRun(
    (("error", "Error while running sar_demo macro. Some elements might be missing!"),), "ON", 1.0
)
MADE = MacroRun((("output", "DONE!"),), "ON", 1.0)
THERE = MacroRun((("error", "A demo has already been prepared on this sardana"),), "ON", 1.0)


class Door:
    """A Door whose macro `sar_demo` ends so, one run after the other."""

    def __init__(self, *runs: MacroRun) -> None:
        self._runs = list(runs)
        self.macros: list[str] = []

    def run(self, name: str) -> MacroRun:
        self.macros.append(name)
        return self._runs.pop(0) if name == "sar_demo" else MADE


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    names = set(DEMO_ELEMENTS)
    monkeypatch.setattr(_elements, "known_elements", lambda _: frozenset(names))
    return names


def test_what_was_made_half_way_is_removed_and_made_again(known: set[str]) -> None:
    door = Door(STUMBLES, STUMBLES, MADE)
    make_demo_elements(door, "macroserver")
    assert door.macros == ["sar_demo", "clear_sar_demo", "sar_demo", "clear_sar_demo", "sar_demo"]


def test_a_third_failure_is_told_in_the_macros_words(known: set[str]) -> None:
    known.remove("tg01")
    with pytest.raises(ControlSystemError, match=r"tg01 after[^$]*Error while running sar_demo"):
        make_demo_elements(door := Door(STUMBLES, STUMBLES, STUMBLES), "macroserver")
    assert door.macros[-1] == "clear_sar_demo", "nothing is left that would count as made"


def test_elements_that_are_there_already_stay(known: set[str]) -> None:
    door = Door(THERE)
    make_demo_elements(door, "macroserver")
    assert door.macros == ["sar_demo"]
