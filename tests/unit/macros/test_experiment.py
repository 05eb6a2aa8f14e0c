"""The experiment information, shown and changed."""

from __future__ import annotations

from typing import Any

import pytest

from sardana_redis.errors import BadInputError
from sardana_redis.macros._experiment import described, with_member, with_value, without_member

ADA = {"name": "Ada", "role": "contact", "orcid": "0000-0001"}


def test_unset_information_is_shown_with_all_its_keys() -> None:
    lines = described(None)
    assert [line.split()[1] for line in lines] == ["-"] * len(lines)
    assert {line.split()[0] for line in lines} >= {"beamline", "proposal_id", "exp_team"}


def test_what_is_set_is_shown_with_keys_of_others_and_the_team() -> None:
    text = "\n".join(described({"beamline": "P99", "shift": 3, "exp_team": [ADA]}))
    assert "beamline     P99" in text
    assert "shift        3" in text
    assert "1 member" in text
    assert "  Ada, contact, 0000-0001" in text


def test_a_value_is_set_and_removed_beside_the_others() -> None:
    info = with_value({"shift": 3}, "beamline", " P99 ")
    assert info == {"shift": 3, "beamline": "P99"}
    assert with_value(info, "beamline", "") == {"shift": 3}


def test_an_unknown_key_names_those_there_are() -> None:
    with pytest.raises(BadInputError, match="beamline, exp_id"):
        with_value(None, "colour", "red")


def test_a_member_takes_the_place_of_a_namesake() -> None:
    info = with_member(with_member(None, "Ada", role="x"), "Ada", role="y", email="")
    assert info == {"exp_team": [{"name": "Ada", "role": "y"}]}
    assert without_member(info, "Ada") == {"exp_team": []}


def test_members_without_a_name_and_unknown_ones_are_refused() -> None:
    with pytest.raises(BadInputError, match="needs a name"):
        with_member(None, " ")
    with pytest.raises(BadInputError, match="in it are: Ada"):
        without_member({"exp_team": [ADA]}, "Emmy")


@pytest.mark.parametrize("value", ["text", 3, {"exp_team": "Ada"}, {"exp_team": [3]}])
def test_what_is_no_experiment_is_refused_with_the_remedy(value: Any) -> None:
    with pytest.raises(BadInputError, match=r"with (us|s)env"):
        described(value)


def test_what_was_there_is_not_changed() -> None:
    before = {"exp_team": [ADA]}
    with_member(before, "Emmy")
    assert before == {"exp_team": [ADA]}
