"""The private names of blisswriter that `_blisswriter` touches are those of the version pinned."""

from __future__ import annotations

import inspect
from importlib.metadata import version
from types import SimpleNamespace

import numpy as np
from blisswriter.file_session import FileHandle
from blisswriter.scan_writer import ScanWriter, ScanWritingStatus
from blisswriter.stream_writers import StreamWriter


def test_blisswriter_is_the_version_whose_private_names_are_used() -> None:
    assert version("blisswriter") == "3.0.0"


def test_a_scan_writer_has_the_steps_that_are_driven() -> None:
    scan = SimpleNamespace(key="k", path="/x", info={"h5maps": {}}, state=9)
    writer = ScanWriter(scan, ScanWritingStatus())
    assert (writer._file_mappings, writer._file_handles) == ({}, {})
    for name in ("_prepare", "_save_mappings", "_save_streams_attributes"):
        assert list(inspect.signature(getattr(writer, name)).parameters) == []
    source = inspect.getsource(ScanWriter)
    assert "self._stream_made_datasets" in source
    assert "self._stream_maps" in source
    assert "_scan.streams" not in inspect.getsource(ScanWriter._save_mappings)
    assert FileHandle(None)._file is None


def test_a_stream_writer_tells_how_long_its_dataset_is() -> None:
    writer = StreamWriter("/x", np.dtype("float64"), (-1, 3))
    assert writer._dataset_name == "/x"
    assert writer._dataset_len == 0
    assert writer._cur_elt_shape == (0, 3)
    assert not writer.dataset_created
    assert StreamWriter.FREEZE_CHUNK_TIMEOUT == 180
