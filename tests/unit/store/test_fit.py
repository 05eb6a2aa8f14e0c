"""An info that is too large loses what readers miss least, and says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime

import numpy as np
import pytest

from sardana_redis.errors import ScanInfoTooLargeError
from sardana_redis.model import Column, Identity, Info, Role, ScanStart, Snapshot, StreamSpec
from sardana_redis.nexus import h5maps
from sardana_redis.recorder._scan_info import make_info
from sardana_redis.store import fit_info, plain

LIMIT = 900_000
FULL = 2**20


def info_of(columns: int, *, name_length: int = 60, snapshot: tuple[Snapshot, ...] = ()) -> Info:
    """The info that the recorder makes of a scan with one motor and as many columns."""
    names = [f"{i:05}".ljust(name_length, "x") for i in range(columns)]
    made = [
        Column(f"tango://host:10000/{name}", name, name, Role.CHANNEL, "float64", unit="counts")
        for name in names
    ]
    motor = Column("mot01", "mot01", "mot01", Role.MOVEABLE, "float64")
    start = ScanStart(
        identity=Identity("ascan", 1, "s", "p"),
        title="ascan mot01 0 1 10 0.1",
        user="user",
        start_time=datetime(2026, 11, 23, tzinfo=UTC),
        columns=(motor, *made),
        snapshot=snapshot,
        npoints=11,
    )
    return make_info(start)


def characters(info: Info) -> int:
    """How blissdata measures an info (`Scan._filter_nan_values`)."""
    return len(json.dumps(plain(info)))


def padded(info: Info, size: int) -> Info:
    """The info with a title that brings it to `size` bytes."""
    return {**info, "title": "t" * (size - characters({**info, "title": ""}))}


def rich(size: int = LIMIT + 1) -> Info:
    """An info that has something for every reduction, of `size` bytes."""
    arrays = {"long": np.arange(65), "short": np.arange(64), "text": "t" * 2000}
    return padded(
        {
            "snapshot": {name: {"value": value, "unit": None} for name, value in arrays.items()},
            "plots": [{"kind": "curve-plot", "name": "curve", "items": [{"y": "y"}] * 30}],
            "acquisition_chain": {
                "axis": {"scalars": ["a"], "spectra": ["b"], "master": {"images": ["c"]}}
            },
            "datadesc": {"a": {"label": "a", "name": "n", "nexus_path": "p", "dtype": "int64"}},
            "sardana": {
                "custom": [
                    {"name": "many", "value": list(range(65))},
                    {"name": "few", "value": list(range(64))},
                ]
            },
        },
        size,
    )


def test_an_info_within_the_limit_stays_whole() -> None:
    info = rich(LIMIT)
    fitted = fit_info(info)
    assert fitted == plain(info)
    assert "left_out" not in fitted["sardana"]


def test_the_argument_is_not_changed() -> None:
    info = rich(LIMIT + 10_000)
    before = deepcopy(info)
    fit_info(info)
    np.testing.assert_equal(info, before)


def test_long_snapshots_go_first_and_nothing_else_where_that_is_enough() -> None:
    fitted = fit_info(rich())
    assert fitted["sardana"]["left_out"] == ["snapshot.long", "snapshot.text"]
    assert fitted["snapshot"]["short"]["value"] == list(range(64))
    assert len(fitted["plots"][0]["items"]) == 30
    assert characters(fitted) <= LIMIT


def test_a_value_left_out_is_null_because_desys_writers_read_it() -> None:
    assert fit_info(rich())["snapshot"]["long"] == {"value": None, "unit": None}


def test_the_rest_goes_in_its_order_until_the_info_fits() -> None:
    order = [
        *("snapshot.long", "snapshot.text", "custom.many", "plots.curve", "acquisition_chain"),
        *("datadesc.*.name", "datadesc.*.nexus_path", "datadesc", "custom"),
    ]
    seen = []
    for size in range(LIMIT + 1, LIMIT + 4000, 50):
        left_out = fit_info(rich(size))["sardana"]["left_out"]
        assert left_out == order[: len(left_out)]
        seen.append(len(left_out))
    assert seen == sorted(seen)
    assert {2, 3, 4, len(order)} <= set(seen)


def test_twenty_plot_items_stay() -> None:
    fitted = fit_info(rich(LIMIT + 3_000))
    assert len(fitted["plots"][0]["items"]) == 20


def test_short_custom_data_stay() -> None:
    few, many = (fit_info(rich(LIMIT + 2_500))["sardana"]["custom"][i] for i in (1, 0))
    assert few["value"] == list(range(64))
    assert many == {"name": "many", "value": None}


@pytest.mark.parametrize("name_length", [10, 60])
def test_a_thousand_columns_fit(name_length: int) -> None:
    info = info_of(1000, name_length=name_length)
    fitted = fit_info(info)
    assert characters(fitted) <= LIMIT
    assert list(fitted["channels"]) == list(info["channels"])
    assert fitted["devices"] == info["devices"]


def test_a_thousand_columns_with_a_large_snapshot_fit() -> None:
    snapshot = tuple(
        Snapshot(f"mca{i:03}", f"mca{i:03}", np.full(1024, 0.123456789), "float64", (1024,))
        for i in range(100)
    )
    fitted = fit_info(info_of(1000, snapshot=snapshot))
    assert characters(fitted) <= LIMIT
    assert {f"snapshot.mca{i:03}" for i in range(100)} <= set(fitted["sardana"]["left_out"])


def test_five_thousand_columns_fit_with_short_names_and_keep_all_channels() -> None:
    fitted = fit_info(info_of(5000, name_length=10))
    assert characters(fitted) <= LIMIT
    assert len(fitted["channels"]) == 5001
    assert fitted["sardana"]["left_out"]


def test_what_cannot_fit_is_refused_with_the_remedy() -> None:
    with pytest.raises(ScanInfoTooLargeError, match="fewer columns or shorter names"):
        fit_info(info_of(9_000))


def test_up_to_blissdatas_own_limit_nothing_is_refused() -> None:
    fitted = fit_info({"title": "t" * (FULL - 100)})
    assert LIMIT < characters(fitted) <= FULL
    assert fitted["sardana"]["left_out"] == []  # nothing there that could be


def test_fitting_twice_changes_nothing_more() -> None:
    once = fit_info({**rich(LIMIT + 100_000)})
    assert characters(once) > LIMIT
    assert fit_info(once) == once


def test_numpy_and_nan_become_plain() -> None:
    fitted = fit_info({"a": np.float32(1), "b": float("nan")})
    assert json.dumps(fitted, allow_nan=False) == '{"a": 1.0, "b": null}'


def mapped(columns: int, **facts: object) -> tuple[Info, Callable[[Info], Info]]:
    """The info of a scan with that many columns, and what makes its file trees."""
    info = info_of(columns) | {"filename": "/a.h5", "save": True, "data_writer": "nexus"} | facts
    streams = tuple(StreamSpec(name, "float64") for name in info["channels"])
    return info, lambda fitting: h5maps(Identity("ascan", 1, "s", "p"), fitting, streams)


def test_file_trees_are_made_from_what_is_left_of_the_info() -> None:
    info, derive = mapped(3)
    fitted = fit_info(info, derive)
    assert fitted["h5maps"] == derive(fitted)
    assert fitted.keys() - plain(info).keys() == {"h5maps"}


def test_a_thousand_columns_fit_with_all_of_them_in_the_file() -> None:
    info, derive = mapped(1000)
    fitted = fit_info(info, derive)
    assert characters(fitted) <= LIMIT
    measurement = fitted["h5maps"]["/a.h5"]["children"]["1.1"]["children"]["measurement"]
    assert len(measurement["children"]) == 1001
    assert "h5maps" not in fitted["sardana"]["left_out"]


def test_the_description_of_detectors_goes_before_the_columns_of_the_file() -> None:
    info, derive = mapped(1600)
    fitted = fit_info(info, derive)
    assert characters(fitted) <= LIMIT
    assert "h5maps.instrument" in fitted["sardana"]["left_out"]
    entry = fitted["h5maps"]["/a.h5"]["children"]["1.1"]["children"]
    assert len(entry["measurement"]["children"]) == 1601
    assert len(entry["instrument"]["children"]) < 5


def test_file_trees_that_never_fit_are_left_out() -> None:
    info, derive = mapped(3500)
    fitted = fit_info(info, derive)
    assert "h5maps" not in fitted
    assert fitted["sardana"]["left_out"][-1] == "h5maps"
    assert fit_info(fitted, derive) == fitted, "and stay so until the scan is closed"


def test_a_writer_that_has_begun_keeps_its_file_trees() -> None:
    info, derive = mapped(1900)
    whole = fit_info(info, derive)
    size = LIMIT - characters(whole)
    assert "h5maps" in whole
    closed = fit_info({**whole, "end_reason": "SUCCESS", "note": "n" * (size + 5000)}, derive)
    assert LIMIT < characters(closed) <= FULL
    assert "h5maps" in closed


def test_texts_of_exact_numbers_go_before_anything_else() -> None:
    info = padded(info_of(3, snapshot=()), LIMIT - 1000)
    info["snapshot"] = {f"m{i}": {"value": 0.1 + i / 3, "unit": None} for i in range(1000)}
    fitted = fit_info(info)
    assert "exact" not in fitted["sardana"]
    assert fitted["sardana"]["left_out"][0] == "sardana.exact"
    again = fit_info(fitted)
    assert "exact" not in again["sardana"], "the scan's end does not bring them back"
