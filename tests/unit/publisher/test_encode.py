"""Encoding, held against blissdata's own decoders."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from blissdata.streams.encoding import EncodedBatch
from blissdata.streams.encoding.json import JsonStreamEncoder
from blissdata.streams.encoding.numeric import NumericStreamEncoder
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sardana_redis.keys import REFERENCE_FORMAT
from sardana_redis.model import JSON, StreamSpec
from sardana_redis.publisher._encode import Encoder, Run, make_encoder, point_bytes

DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
)
SHAPES = ((), (3,), (2, 2), (-1,), (-1, 2), (1,))


def decode(spec: StreamSpec, runs: list[Run]) -> list[Any]:
    """The points as a reader of blissdata gets them."""
    if spec.dtype == JSON:
        assert all(run.length == 1 for run in runs)  # its decoder knows no length
        return JsonStreamEncoder().decode(EncodedBatch(run.payload) for run in runs)
    info = NumericStreamEncoder(spec.dtype, spec.shape).info()
    decoder = NumericStreamEncoder.from_info(info)
    return list(decoder.decode(EncodedBatch(run.payload, run.length) for run in runs))


def encode(spec: StreamSpec, values: list[Any]) -> tuple[list[Any], Encoder]:
    """What a reader gets for the values, once the runs were seen to cover all of them."""
    encoder = make_encoder(spec)
    runs = encoder.encode(values)
    covered = [run.offset + i for run in runs for i in range(run.length)]
    assert covered == list(range(len(values)))
    points = decode(spec, runs)
    assert len(points) == len(values)
    return points, encoder


def same_bits(a: Any, b: Any) -> bool:
    """Whether the two are the same down to the bits, but for those of a scalar NaN."""
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim == b.ndim == 0 and np.isnan(a) and np.isnan(b):
        return bool(a.dtype == b.dtype)
    return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


@given(
    spec=st.builds(StreamSpec, st.just("x"), st.sampled_from(DTYPES), st.sampled_from(SHAPES)),
    data=st.data(),
)
def test_values_as_declared_arrive_bit_by_bit(spec: StreamSpec, data: st.DataObject) -> None:
    free = st.integers(0, 3)
    shape = st.tuples(*(free if n < 0 else st.just(n) for n in spec.shape))
    arrays = shape.flatmap(lambda s: hnp.arrays(np.dtype(spec.dtype), s))
    values = [a if spec.shape else a[()] for a in data.draw(st.lists(arrays, min_size=1))]
    points, encoder = encode(spec, values)
    assert all(same_bits(p, v) for p, v in zip(points, values, strict=True))
    assert encoder.misfits == 0


# The huge integer is built, because hypothesis cannot print it as `just`.
ODD = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers()),
    *(st.text(), st.binary(), st.dates(), st.decimals(), st.fractions()),
    *(st.lists(st.integers() | st.text()), st.dictionaries(st.text(), st.integers())),
    *(
        st.sets(st.integers()),
        st.builds(object),
        st.just([[1, 2], [3]]),
        st.builds(lambda: 10**5000),
    ),
    hnp.arrays(
        hnp.scalar_dtypes() | hnp.unicode_string_dtypes() | hnp.byte_string_dtypes(),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    ),
    hnp.scalar_dtypes().flatmap(lambda dtype: hnp.arrays(dtype, ())).map(lambda a: a[()]),
)


@given(
    spec=st.builds(
        StreamSpec, st.just("x"), st.sampled_from([*DTYPES, JSON]), st.sampled_from(SHAPES)
    ),
    values=st.lists(ODD, min_size=1, max_size=5),
)
def test_nothing_that_a_point_holds_stops_the_encoding(spec: StreamSpec, values: list[Any]) -> None:
    points, encoder = encode(spec, values)
    if spec.dtype != JSON:
        ranks = {np.ndim(point) for point in points}
        assert ranks == {len(spec.shape)}
    assert 0 <= encoder.misfits <= len(values)


@given(st.lists(st.one_of(st.integers(), st.floats(), st.none()), min_size=1))
def test_a_value_never_depends_on_its_neighbours(values: list[Any]) -> None:
    spec = StreamSpec("x", "int64")
    together, encoder = encode(spec, values)
    alone = [encode(spec, [value]) for value in values]
    assert together == [points[0] for points, _ in alone]
    assert encoder.misfits == sum(single.misfits for _, single in alone)


@pytest.mark.parametrize(
    ("dtype", "values", "wanted", "misfits"),
    [
        ("float64", [1, True, np.float32(2)], [1.0, 1.0, 2.0], 0),
        ("int64", [1, 2.5, 2**63, None], [1, 2, -(2**63), -(2**63)], 2),
        ("int64", [2**53 + 1, math.nan], [2**53 + 1, -(2**63)], 0),
        ("uint64", [2**64 - 2, -1], [2**64 - 2, 2**64 - 1], 1),
        ("int32", [np.int64(5), np.uint8(6)], [5, 6], 0),
        ("bool", [True, 0, None, "yes"], [True, False, False, False], 1),
        ("complex128", [1, 2.5, 1j], [1, 2.5, 1j], 0),
    ],
)
def test_scalars_are_cast(dtype: str, values: list[Any], wanted: list[Any], misfits: int) -> None:
    points, encoder = encode(StreamSpec("x", dtype), values)
    assert points == wanted
    assert encoder.misfits == misfits


def test_an_integer_stream_shows_its_own_fill_value_where_a_value_is_missing() -> None:
    points, _ = encode(StreamSpec("x", "int64", fill_value=-1), [None, 3])
    assert points == [-1, 3]


@pytest.mark.parametrize("skipped", [None, math.nan, np.float32("nan"), np.array(math.nan)])
def test_a_skipped_array_is_one_of_the_declared_shape_and_no_misfit(skipped: Any) -> None:
    points, encoder = encode(StreamSpec("x", "int32", (2, 2)), [skipped, np.ones((2, 2), "i4")])
    assert points[0].tolist() == [[-(2**31)] * 2] * 2
    assert points[1].tolist() == [[1, 1], [1, 1]]
    assert encoder.misfits == 0


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (np.arange(5.0), [0, 1, 2]),
        (np.arange(2.0), [0, 1, math.nan]),
        ([1, 2], [1, 2, math.nan]),
        (np.arange(3.0).reshape(3, 1), [0, 1, 2]),
        (np.ones((2, 2)), [math.nan] * 3),
        (5.0, [math.nan] * 3),
        ("text", [math.nan] * 3),
        ([[1, 2], [3]], [math.nan] * 3),
    ],
)
def test_an_array_of_another_shape_is_cut_or_padded_and_counted_once(
    value: Any, wanted: list[float]
) -> None:
    points, encoder = encode(StreamSpec("x", "float64", (3,)), [value])
    assert np.array_equal(points[0], wanted, equal_nan=True)
    assert encoder.misfits == 1


def test_wrong_shape_and_wrong_values_of_one_array_count_once() -> None:
    points, encoder = encode(StreamSpec("x", "uint8", (2,)), [np.array([300, 1, 2])])
    assert points[0].tolist() == [255, 1]
    assert encoder.misfits == 1


def test_free_shapes_begin_a_new_run_with_each_new_shape() -> None:
    spec = StreamSpec("x", "float64", (-1,))
    values = [np.ones(2), np.zeros(2), np.ones(3), None, np.ones(2)]
    runs = make_encoder(spec).encode(values)
    assert [(run.offset, run.length) for run in runs] == [(0, 2), (2, 1), (3, 1), (4, 1)]
    assert [len(point) for point in decode(spec, runs)] == [2, 2, 3, 0, 2]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("ein Wort: ü€😀", "ein Wort: ü€😀"),
        (b"bytes", "bytes"),
        (math.nan, None),
        (np.float64("inf"), None),
        (np.longdouble(1.5), 1.5),
        (np.arange(2), [0, 1]),
        ({"a": (1, {np.int8(2): np.bool_(True)})}, {"a": [1, {"2": True}]}),
        (1 + 2j, [1.0, 2.0]),
        (datetime(2026, 11, 23, tzinfo=UTC), "2026-11-23 00:00:00+00:00"),
    ],
)
def test_json_streams_hold_plain_values(value: Any, wanted: Any) -> None:
    points, encoder = encode(StreamSpec("x", JSON), [value])
    assert points == [wanted]
    assert encoder.misfits == 0


def test_what_redisjson_would_refuse_is_made_harmless() -> None:
    endless: list[Any] = []
    endless.append(endless)
    values = [10**5000, 2**70, endless, "caf\udce9", {"\udce9": 1}, "good"]
    points, _ = encode(StreamSpec("x", JSON), values)
    assert points == [None, float(2**70), [None], "caf?", {"?": 1}, "good"]


def test_json_that_is_nested_too_deeply_ends_in_null() -> None:
    deep: Any = "bottom"
    for _ in range(500):
        deep = [deep]
    ((found,), _) = encode(StreamSpec("x", JSON), [deep])
    assert str(found).count("[") <= 128
    assert "None" in str(found)


def test_a_reference_has_the_form_of_the_proof_of_concept() -> None:
    spec = StreamSpec("x", JSON, info={"format": REFERENCE_FORMAT})
    runs = make_encoder(spec).encode(["h5file:///tmp/a.h5", None])
    assert [json.loads(run.payload) for run in runs] == [{"filename": "h5file:///tmp/a.h5"}, None]


def test_point_bytes_counts_what_is_of_known_size() -> None:
    specs = [
        StreamSpec("a", "float64"),
        StreamSpec("b", "uint16", (3, 4)),
        StreamSpec("c", "float64", (-1,)),
        StreamSpec("d", JSON),
    ]
    assert point_bytes(specs) == 8 + 24
