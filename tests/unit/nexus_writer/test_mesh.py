"""The points of a mesh as a picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sardana_redis.nexus_writer._mesh import Grid


def positions(rows: int, columns: int, *, is_snake: bool) -> tuple[np.ndarray, np.ndarray]:
    """Where the points of a whole mesh are."""
    x = np.tile(np.arange(columns) / 7 - 1, (rows, 1))
    if is_snake:
        x[1::2] = x[1::2, ::-1]
    return x.ravel(), np.repeat(np.arange(rows) * 2.0, columns)


@given(
    rows=st.integers(2, 6),
    columns=st.integers(2, 6),
    is_snake=st.booleans(),
    missing=st.integers(0, 5),
    jitter=st.floats(0, 0.4),
)
def test_each_point_is_where_its_positions_say(
    rows: int, columns: int, is_snake: bool, missing: int, jitter: float
) -> None:
    x, y = positions(rows, columns, is_snake=is_snake)
    count = len(x) - min(missing, columns - 1)
    x, y = x[:count], y[:count]
    x = x + jitter / 7 * np.where(np.arange(count) < columns, 0, 1)
    grid = Grid(columns, is_snake)
    axes = grid.axes(x, y)
    assert axes is not None
    picture = grid.arranged(np.arange(count))
    assert picture.shape == (len(axes[1]), len(axes[0])) == (rows, columns)
    for point in range(count):
        ((row, column),) = np.argwhere(picture == point)
        assert axes[1][row] == y[point]
        assert abs(axes[0][column] - x[point]) < 0.5 / 7
    assert (picture == np.iinfo(picture.dtype).min).sum() == rows * columns - count


def test_missing_floats_are_nan() -> None:
    picture = Grid(2, is_snake=False).arranged(np.array([1.0, 2.0, 3.0]))
    assert np.array_equal(picture, [[1, 2], [3, np.nan]], equal_nan=True)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([0.0, 1.0], [0.0, 0.0]),  # one row
        ([0.0, 1.0, 2.0, 1.0], [0.0, 0.0, 1.0, 1.0]),  # a continuous scan that turned round
        ([0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]),  # the slow one did not move
        ([0.0, 1.0, 0.0, 1.0], [0.0, 0.6, 1.0, 1.6]),  # the slow one moved all the time
        ([np.nan, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0]),  # points were lost
        ([], []),
    ],
)
def test_what_is_no_grid_has_no_picture(x: list[float], y: list[float]) -> None:
    assert Grid(2, is_snake=False).axes(np.array(x), np.array(y)) is None
