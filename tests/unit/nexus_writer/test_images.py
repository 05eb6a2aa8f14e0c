"""How long the writer looks for the images of a scan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import pytest
import structlog

from sardana_redis.keys import REFERENCE_FORMAT, WRITER_UP_SECONDS
from sardana_redis.model import JSON, StreamSpec
from sardana_redis.nexus_writer import _frames, _images
from sardana_redis.nexus_writer._images import show_images


@pytest.fixture
def measurement(tmp_path: Path) -> Iterator[Any]:
    """Two columns of four references each."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("cam1", "cam2"):
            texts = []
            for index in range(4):
                path = tmp_path / f"{name}_{index}.h5"
                with h5py.File(path, "w") as images:
                    images["dataset"] = [[index]]
                texts.append(f"h5file://{path}")
            file[name] = texts
        yield file


def show(measurement: Any, tmp_path: Path) -> tuple[list[str], dict[str, str]]:
    """The columns that became images, and why the others did not."""
    names = ("cam1", "cam2")
    specs = [StreamSpec(name, JSON, info={"format": REFERENCE_FORMAT}) for name in names]
    with structlog.testing.capture_logs() as lines:
        made = show_images(measurement, specs, {n: n for n in names}, tmp_path / "a.h5", {})
    return list(made), {line["column"]: line["reason"] for line in lines}


def slow(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Makes each file take so long to open."""
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr(_frames, "time", clock)
    monkeypatch.setattr(_images, "time", clock)
    frame = _frames._frame

    def slow_frame(*arguments: Any) -> Any:
        now[0] += seconds
        return frame(*arguments)

    monkeypatch.setattr(_frames, "_frame", slow_frame)


def test_all_columns_become_images_when_their_files_are_read_in_time(
    measurement: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch, 0.6)
    assert show(measurement, tmp_path) == (["cam1", "cam2"], {})


def test_the_columns_of_a_scan_share_the_time(
    measurement: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch, 1.0)
    made, told = show(measurement, tmp_path)
    assert made == ["cam1"]
    assert told == {"cam2": "the images of its scan take too long to look for"}
    assert measurement["cam2"].asstr()[0].startswith("h5file:")
    assert "_cam2" not in measurement


def test_a_column_that_takes_too_long_leaves_the_others_no_time(
    measurement: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch, 3.0)
    made, told = show(measurement, tmp_path)
    assert (made, sorted(told)) == ([], ["cam1", "cam2"])


def test_a_writer_that_looks_for_images_counts_as_up() -> None:
    assert 2 * _images._LONGEST_SECONDS <= WRITER_UP_SECONDS
