"""Images behind value references, in the file of the NeXus writer."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import redis
import silx.io
import structlog
from silx.io.nxdata import get_default

from sardana_redis.keys import STREAM_PREFIX, progress_key
from sardana_redis.local import RedisServer
from sardana_redis.nexus_writer import _frames
from sardana_redis.publisher import Publisher
from tests import scans
from tests.integration.test_nexus_writer import done, writing

COLUMNS = (
    *scans.scalar_columns(5),
    scans.column("cam", "json", is_reference=True, unit="counts"),
)
SHAPE = (5, 7)


@pytest.fixture
def publisher(redis_server: RedisServer) -> Iterator[Publisher]:
    with scans.publisher(redis_server.url) as publisher:
        yield publisher


def frame(index: int, dtype: str = "uint16", shape: tuple[int, ...] = SHAPE) -> Any:
    return (np.arange(np.prod(shape)).reshape(shape) + index).astype(dtype)


def image_file(path: Path, data: Any, dataset: str = "dataset") -> str:
    """Makes a file of one image; returns the reference to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file[dataset] = data
    return f"h5file://{path}" + ("" if dataset == "dataset" else f"::{dataset}")


def publish(publisher: Publisher, number: int, path: Path, references: list[str | None]) -> str:
    start = scans.scan_start(number, [path], COLUMNS)
    rows = [(index, *[index / 7] * 4, text) for index, text in enumerate(references)]
    return scans.scan(publisher, start, rows)


def write(
    server: RedisServer, publisher: Publisher, path: Path, references: list[str | None]
) -> list[Any]:
    """Has one scan written; returns what the writer said of its images."""
    with structlog.testing.capture_logs() as lines, writing(server.url):
        done(server.url, publish(publisher, 1, path, references), len(references))
    return [line["reason"] for line in lines if line["event"] == "images stay references"]


def test_eleven_files_of_one_frame_are_one_column(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path = tmp_path / "scans" / "a.h5"
    references = [
        image_file(tmp_path / "images" / f"a b_{index}.h5", frame(index), "entry/data")
        for index in range(11)
    ]
    assert write(redis_server, publisher, path, references) == []
    expected = np.stack([frame(index) for index in range(11)])
    with h5py.File(path) as file:
        entry = file["1.1"]
        images = entry["measurement/cam"]
        assert images.is_virtual
        assert np.array_equal(images[:], expected)
        assert images.dtype == "uint16"
        assert images.attrs["units"] == "counts"
        assert images.attrs["references"] == "_cam"
        assert list(entry["measurement/_cam"].asstr()[()]) == references
        assert np.array_equal(entry["instrument/cam/data"][3], expected[3])
        assert entry["instrument/cam"].attrs["NX_class"] == "NXdetector"
        assert entry.attrs["default"] == "curves_mot01"
    with silx.io.open(str(path)) as file:
        plot = get_default(file["1.1/image_cam"])
        assert plot is not None
        assert plot.is_valid, plot.issues
        assert plot.interpretation == "image"
        assert np.array_equal(plot.signal[()], expected)


@pytest.mark.parametrize("name", ["50%.h5", "%b.h5", "%%d_µ.h5", "a:b c.h5"])
def test_names_of_any_kind_are_taken(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path, name: str
) -> None:
    """In a virtual dataset HDF5 takes `%b` for a number."""
    texts: list[str | None] = [image_file(tmp_path / name, frame(0), "%b/5%")]
    assert write(redis_server, publisher, tmp_path / "a.h5", texts) == []
    with h5py.File(tmp_path / "a.h5") as file:
        assert np.array_equal(file["1.1/measurement/cam"][0], frame(0))


def test_what_hdf5_refuses_stays_references(
    redis_server: RedisServer,
    publisher: Publisher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing about images may hold up the scan."""
    monkeypatch.setattr(_frames, "_escaped", lambda name: name)
    texts: list[str | None] = [image_file(tmp_path / "50%.h5", frame(0))]
    (reason,) = write(redis_server, publisher, tmp_path / "a.h5", texts)
    assert reason.startswith("HDF5 does not take them: Can't parse source file name")
    with h5py.File(tmp_path / "a.h5") as file:
        assert list(file["1.1/measurement/cam"].asstr()[()]) == texts
        assert "_cam" not in file["1.1/measurement"]


@pytest.mark.parametrize("where", ["beside", "below"])
def test_a_folder_that_is_moved_still_shows_its_images(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path, where: str
) -> None:
    folder = tmp_path / "data"
    images = folder if where == "beside" else folder / "images"
    references = [image_file(images / f"{index}.h5", frame(index)) for index in range(3)]
    write(redis_server, publisher, folder / "a.h5", references)
    shutil.move(folder, tmp_path / "archive")
    with h5py.File(tmp_path / "archive" / "a.h5") as file:
        assert np.array_equal(file["1.1/measurement/cam"][2], frame(2))


def test_images_elsewhere_are_found_when_the_file_is_moved(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    references = [image_file(tmp_path / "detector" / "0.h5", frame(4))]
    write(redis_server, publisher, tmp_path / "data" / "a.h5", references)
    shutil.move(tmp_path / "data", tmp_path / "archive" / "of" / "data")
    with h5py.File(tmp_path / "archive" / "of" / "data" / "a.h5") as file:
        assert np.array_equal(file["1.1/measurement/cam"][0], frame(4))


def test_many_images_of_one_file_and_points_without_one(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    texts: list[str | None] = []
    path = tmp_path / "all.h5"
    with h5py.File(path, "w") as file:
        for index in range(4):
            file[f"frame_{index}/data"] = frame(index, "float32")[None]  # a stack of one
            texts.append(f"h5file://{path}::frame_{index}/data")
    texts.insert(2, None)
    assert write(redis_server, publisher, tmp_path / "a.h5", texts) == []
    with h5py.File(tmp_path / "a.h5") as file:
        images = file["1.1/measurement/cam"]
        assert images.shape == (5, *SHAPE)
        assert np.isnan(images[2]).all()
        assert np.array_equal(images[4], frame(3, "float32"))
        assert file["1.1/measurement/_cam"].asstr()[2] == ""


def test_integer_images_that_were_not_taken_have_the_fill_value(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    texts = [None, image_file(tmp_path / "0.h5", frame(0, "int32"))]
    write(redis_server, publisher, tmp_path / "a.h5", texts)
    with h5py.File(tmp_path / "a.h5") as file:
        images = file["1.1/measurement/cam"]
        assert set(images[0].flat) == {images.attrs["fill_value"]} == {np.iinfo("int32").min}


def _missing(folder: Path) -> tuple[str, str]:
    return f"h5file://{folder}/none.h5", "none.h5 is not there"


def _other_shape(folder: Path) -> tuple[str, str]:
    text = image_file(folder / "other.h5", frame(0, shape=(2, 2)))
    return text, "has uint16 [2, 2], the first one has uint16 [5, 7]"


def _other_dtype(folder: Path) -> tuple[str, str]:
    return image_file(folder / "other.h5", frame(0, "int64")), "has int64 [5, 7]"


def _no_hdf5(folder: Path) -> tuple[str, str]:
    (folder / "other.h5").write_text("no HDF5")
    return f"h5file://{folder}/other.h5", "other.h5 cannot be opened"


def _no_dataset(folder: Path) -> tuple[str, str]:
    return image_file(folder / "other.h5", frame(0)) + "::there/is/none", "has no numbers in there"


def _text(folder: Path) -> tuple[str, str]:
    return image_file(folder / "other.h5", "text"), "has no numbers in dataset"


def _file_scheme(folder: Path) -> tuple[str, str]:
    return f"file://{folder}/image.edf", "does not begin with h5file:"


def _http_scheme(folder: Path) -> tuple[str, str]:
    return "http://host/image.h5", "does not begin with h5file:"


def _relative(folder: Path) -> tuple[str, str]:
    return "h5file:image.h5", "names no absolute path"


CASES = [_missing, _other_shape, _other_dtype, _no_hdf5, _no_dataset, _text]
CASES += [_file_scheme, _http_scheme, _relative]


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_shown_stays_references_and_the_log_says_why(
    redis_server: RedisServer,
    publisher: Publisher,
    tmp_path: Path,
    case: Callable[[Path], tuple[str, str]],
) -> None:
    text, expected = case(tmp_path)
    texts: list[str | None] = [image_file(tmp_path / "0.h5", frame(0)), text]
    (reason,) = write(redis_server, publisher, tmp_path / "a.h5", texts)
    assert expected in reason
    with h5py.File(tmp_path / "a.h5") as file:
        assert list(file["1.1/measurement/cam"].asstr()[()]) == texts
        assert "_cam" not in file["1.1/measurement"]
        assert "cam" not in file["1.1/instrument"]
        assert "image_cam" not in file["1.1"]


def test_images_in_more_files_than_a_reader_opens_stay_references(
    redis_server: RedisServer,
    publisher: Publisher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_frames, "_MOST_FILES", 3)
    texts: list[str | None] = [image_file(tmp_path / f"{i}.h5", frame(i)) for i in range(4)]
    (reason,) = write(redis_server, publisher, tmp_path / "a.h5", texts)
    assert "in more than 3 files" in reason
    assert write(redis_server, publisher, tmp_path / "b.h5", [*texts[:3], *texts[:3]]) == []


def test_scans_without_points_or_references_say_nothing_wrong(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    assert write(redis_server, publisher, tmp_path / "a.h5", []) == []
    assert write(redis_server, publisher, tmp_path / "b.h5", [None]) == [
        "there is no reference in it"
    ]


def test_a_column_that_has_the_name_of_the_references_keeps_it(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    columns = (scans.column("_cam"), *COLUMNS)
    text = image_file(tmp_path / "0.h5", frame(0))
    start = scans.scan_start(1, [tmp_path / "a.h5"], columns)
    with writing(redis_server.url):
        done(redis_server.url, scans.scan(publisher, start, [(5.0, 0, *[1.0] * 4, text)]), 1)
    with h5py.File(tmp_path / "a.h5") as file:
        measurement = file["1.1/measurement"]
        assert measurement["_cam"][()] == [5.0]
        assert measurement["_cam_2"].asstr()[0] == text
        assert measurement["cam"].attrs["references"] == "_cam_2"


def test_a_complete_scan_is_known_again(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    path, url = tmp_path / "a.h5", redis_server.url
    texts: list[str | None] = [image_file(tmp_path / f"{i}.h5", frame(i)) for i in range(3)]
    with writing(url):
        key = publish(publisher, 1, path, texts)
        done(url, key, 3)
    before = path.read_bytes()
    redis.Redis.from_url(url).delete(progress_key("nexus"))
    with writing(url):
        done(url, key, 3)
    assert path.read_bytes() == before


def test_images_of_an_earlier_entry_are_taken_as_references(
    redis_server: RedisServer, publisher: Publisher, tmp_path: Path
) -> None:
    """An entry that only lacks the mark of being complete, of points that Redis has no more."""
    path, url = tmp_path / "a.h5", redis_server.url
    texts: list[str | None] = [image_file(tmp_path / f"{i}.h5", frame(i)) for i in range(3)]
    with writing(url):
        key = publish(publisher, 1, path, texts)
        done(url, key, 3)
    with h5py.File(path, "r+") as file:
        del file["1.1/writer/name"]
    client = redis.Redis.from_url(url)
    client.delete(progress_key("nexus"))
    for stream in client.scan_iter(f"{STREAM_PREFIX}*"):
        assert client.xtrim(stream, maxlen=1, approximate=False)
    with writing(url):
        done(url, key, 3)
    with h5py.File(path) as file:
        assert list(file["1.1/measurement/_cam"].asstr()[()]) == texts
        assert np.array_equal(file["1.1/measurement/cam"][2], frame(2))
        assert list(file) == ["1.1"]
