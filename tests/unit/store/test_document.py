"""The document of a scan and the plain values in it."""

from __future__ import annotations

import json
import math
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np
import pytest
from blissdata.streams.encoding.json import JsonStreamEncoder
from blissdata.streams.encoding.numeric import NumericStreamEncoder
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from ulid import ULID

from sardana_redis.model import JSON, Identity, StreamSpec
from sardana_redis.store import Birth, dump, new_birth, plain

STREAMS = (
    StreamSpec("#Pt No", "int64", info={"fill_value": -(2**63)}),
    StreamSpec("ct01", "float64", info={"unit": "counts"}),
    StreamSpec("mca", "uint16", (1024,)),
    StreamSpec("image", "int32", (-1, 3)),
    StreamSpec("name", JSON),
)
IDENTITY = Identity("ascan", 7, "test_session", "no_policy", path="/data/a.h5")


class Word(StrEnum):
    NO = "no"


class Number(IntEnum):
    TWO = 2


@pytest.fixture
def birth() -> Birth:
    return new_birth(IDENTITY, {"title": "ascan mot01 0 1", "x": np.float32(1)}, STREAMS, {})


def test_a_birth_has_fresh_keys_under_the_prefixes_of_blissdata(birth: Birth) -> None:
    scans = {birth.key, new_birth(IDENTITY, {}, STREAMS, {}).key}
    streams = {birth.state_key, *birth.stream_keys}
    assert len(scans) == 2
    assert len(streams) == len(STREAMS) + 1
    for key, prefix in [
        *((k, "esrf:scan:") for k in scans),
        *((k, "esrf:stream:") for k in streams),
    ]:
        assert key.startswith(prefix)
        assert str(ULID.from_str(key.removeprefix(prefix))) == key.removeprefix(prefix)


def test_the_document_holds_identity_info_and_the_keys_of_its_streams(birth: Birth) -> None:
    document = json.loads(birth.document())
    pk = birth.key.removeprefix("esrf:scan:")
    assert document["pk"] == pk
    assert document["id"] == {
        "pk": pk,
        "name": "ascan",
        "number": 7,
        "session": "test_session",
        "data_policy": "no_policy",
        "path": "/data/a.h5",
        "proposal": None,
        "collection": None,
        "dataset": None,
    }
    assert document["info"] == {"title": "ascan mot01 0 1", "x": 1.0}
    assert "esrf:stream:" + document["state_stream"]["pk"] == birth.state_key
    keys = ["esrf:stream:" + stream["pk"] for stream in document["data_streams"].values()]
    assert keys == list(birth.stream_keys)


def test_every_stream_can_be_decoded_by_what_the_document_says_of_it(birth: Birth) -> None:
    streams = json.loads(birth.document())["data_streams"]
    assert list(streams) == [spec.name for spec in STREAMS]
    for spec in STREAMS:
        encoding = streams[spec.name]["encoding"]
        if spec.dtype == JSON:
            assert JsonStreamEncoder.from_info(encoding).info() == encoding
            continue
        decoder = NumericStreamEncoder.from_info(encoding)
        assert decoder.dtype == np.dtype(spec.dtype)
        assert decoder.shape == spec.shape


def test_the_info_of_a_stream_has_dtype_and_shape_for_older_writers(birth: Birth) -> None:
    streams = json.loads(birth.document())["data_streams"]
    assert np.dtype(streams["mca"]["info"]["dtype"]) == np.dtype("uint16")
    assert streams["mca"]["info"]["shape"] == [1024]
    assert streams["ct01"]["info"]["unit"] == "counts"
    assert streams["#Pt No"]["info"]["fill_value"] == -(2**63)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (np.int8(3), 3),
        (np.bool_(True), True),
        (np.float32(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.float64("nan"), None),
        (-math.inf, None),
        (np.array(4), 4),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([1.0, math.nan]), [1.0, None]),
        (np.array(["a", None, np.float32(1)], object), ["a", None, 1.0]),
        (1 + 2j, [1.0, 2.0]),
        (np.clongdouble(1 + 2j), [1.0, 2.0]),
        (b"text", "text"),
        (b"\xff", "\ufffd"),
        ({1: (2, {3})}, {"1": [2, [3]]}),
        (Word.NO, "no"),
        (Number.TWO, 2),
        (10**40, 1e40),
    ],
)
def test_values_become_plain(value: Any, wanted: Any) -> None:
    made = plain(value)
    assert made == wanted
    assert type(made) is type(wanted)


@given(
    st.recursive(
        st.none() | st.floats() | st.integers() | st.text() | st.binary() | st.complex_numbers()
        | hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, min_side=0)),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
        max_leaves=10,
    )
)  # fmt: skip
def test_whatever_is_dumped_is_strict_json(value: Any) -> None:
    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    assert json.loads(dump(value), parse_constant=refuse) == plain(value)


def test_plain_leaves_its_argument_alone() -> None:
    value = {"a": [np.float64("nan")]}
    plain(value)["a"].append(1)
    assert len(value["a"]) == 1
