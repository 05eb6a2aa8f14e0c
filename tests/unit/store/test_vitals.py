"""How a writer is, on its way through Redis."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sardana_redis.store._vitals import vitals_document, vitals_from
from sardana_redis.vitals import Disk, Trouble, Vitals

counts = st.integers(0, 2**53)
vitals = st.builds(
    Vitals,
    lag_seconds=st.integers(0, 10**6).map(lambda number: number / 8),
    pending=counts,
    parked=counts,
    troubles=st.lists(st.builds(Trouble, st.text(), st.text())).map(tuple),
    disks=st.lists(st.builds(Disk, st.text(), counts)).map(tuple),
    least_free_bytes=counts,
    sessions=st.lists(st.text()).map(tuple),
)


@given(vitals)
def test_vitals_come_back_as_they_were(given_vitals: Vitals) -> None:
    assert vitals_from(json.loads(json.dumps(vitals_document(given_vitals)))) == given_vitals


def test_a_writer_that_is_well_says_next_to_nothing() -> None:
    assert vitals_document(Vitals()) == {}


def test_a_writer_of_an_earlier_version_says_nothing_of_itself() -> None:
    assert vitals_from({}) == Vitals()


@pytest.mark.parametrize(
    "document", [{"lag": "long"}, {"troubles": [["/a"]]}, {"disks": 3}, {"parked": None}]
)
def test_what_makes_no_sense_is_an_error_that_readers_expect(document: dict) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        vitals_from(document)
