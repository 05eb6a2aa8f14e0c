"""Numbers of a snapshot that RedisJSON would round."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from sardana_redis.store import fit_info
from sardana_redis.store._exact import EXACT, restore_exact

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def rounded(value):
    """The value as a Redis that rounds would give it back."""
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return {k: rounded(v) for k, v in value.items()} if isinstance(value, dict) else value


@given(st.dictionaries(st.text(), st.one_of(FINITE, st.lists(FINITE, max_size=64)), max_size=5))
def test_what_was_rounded_is_as_it_was(values):
    info = {
        "snapshot": {label: {"value": value} for label, value in values.items()},
        "positioners": {"positioners_start": dict(values)},
    }
    found = restore_exact(rounded(json.loads(json.dumps(fit_info(info)))))
    assert {label: item["value"] for label, item in found["snapshot"].items()} == values
    assert found["positioners"]["positioners_start"] == values


def test_numbers_that_redis_keeps_have_no_text():
    info = {"snapshot": {"a": {"value": 0.1}, "b": {"value": "t"}, "c": {"value": 3}}}
    assert EXACT not in fit_info(info).get("sardana", {})


def test_what_was_left_out_stays_out():
    info = {"snapshot": {"a": {"value": None}}, "sardana": {EXACT: {"a": "0.3"}}}
    assert restore_exact(info)["snapshot"]["a"]["value"] is None


def test_what_others_wrote_there_is_left_alone():
    info = {
        "snapshot": {"a": {"value": 1.5}, "b": 3},
        "positioners": [],
        "sardana": {EXACT: {"a": "{", "b": 5, "c": "{}"}},
    }
    assert restore_exact(info)["snapshot"] == {"a": {"value": 1.5}, "b": 3}
    assert restore_exact({"sardana": {EXACT: 7}}) == {"sardana": {EXACT: 7}}
