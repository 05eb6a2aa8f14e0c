"""The images behind value references, as they are found in their files."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from sardana_redis.errors import FileRefusedError
from sardana_redis.nexus_writer._references import Reference, parse_reference, source_name
from sardana_redis.publisher import missing_value

__all__ = ["H5PY_ERRORS", "Frames", "find_frames"]

_MOST_FILES: Final = 500
"""HDF5 opens all files of a virtual dataset at once, and reads those beyond the reader's limit of
open files (1,024 by default) as missing, without a word: seen with HDF5 2.0."""

H5PY_ERRORS: Final = (OSError, RuntimeError, ValueError, TypeError, LookupError)
"""What h5py raises for what it cannot read or make."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """The dtype and shape of a dataset that is one frame, or a stack of only one."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def is_stack(self) -> bool:
        return len(self.shape) == 3 and self.shape[0] == 1

    @property
    def frame_shape(self) -> tuple[int, ...]:
        return self.shape[1:] if self.is_stack else self.shape


@dataclass(frozen=True, slots=True)
class Frames:
    """All images of a column, of one dtype and shape; a reference of None has none."""

    references: Sequence[Reference | None]
    found: Mapping[Reference, _Frame]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of a pixel."""
        return next(iter(self.found.values())).dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one image."""
        return next(iter(self.found.values())).frame_shape

    @property
    def fill_value(self) -> Any:
        """What stands for a pixel of an image that was not taken."""
        return missing_value(self.dtype)

    def layout(self, file: Path, data_folder: Path | None, deadline: float) -> Any:
        """The h5py.VirtualLayout that stacks them in `file`, see `source_name`.

        Raises FileRefusedError when `deadline` has come, as `find_frames` does.
        """
        shape = (len(self.references), *self.shape)
        layout = h5py.VirtualLayout(shape, self.dtype)
        names = {
            path: source_name(path, file, data_folder) for path in {r.path for r in self.found}
        }
        for index, reference in enumerate(self.references):
            if reference is None:
                continue
            _check_time(deadline)
            frame = self.found[reference]
            name, dataset = (_escaped(n) for n in (names[reference.path], reference.dataset))
            source = h5py.VirtualSource(name, dataset, frame.shape)
            layout[index] = source[0] if frame.is_stack else source
        return layout


def _escaped(name: str) -> str:
    """The name in a virtual dataset, where HDF5 takes `%b` for a number (H5Pset_virtual)."""
    return name.replace("%", "%%")


def find_frames(texts: Sequence[str], deadline: float) -> Frames:
    """The images that these references name, an empty text being none.

    FileRefusedError says why they cannot become one dataset: another scheme, a file or
    dataset that is not there, other dtypes or shapes than the first one's, or that the
    monotonic time `deadline` has come.
    """
    references = [parse_reference(text) if text else None for text in texts]
    wanted = dict.fromkeys(reference for reference in references if reference is not None)
    if not wanted:
        raise FileRefusedError("there is no reference in it")
    found: dict[Reference, _Frame] = {}
    files: set[Path] = set()
    for reference, frame in _look(wanted, deadline):
        first = next(iter(found.values()), frame)
        if (frame.dtype, frame.frame_shape) != (first.dtype, first.frame_shape):
            raise FileRefusedError(
                f"{reference.path} has {_words(frame)}, the first one has {_words(first)}"
            )
        found[reference] = frame
        files.add(reference.path)
        if len(files) > _MOST_FILES:
            raise FileRefusedError(
                f"its images are in more than {_MOST_FILES} files, which no reader opens at once"
            )
    return Frames(references, found)


def _check_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise FileRefusedError("the images of its scan take too long to look for")


def _look(wanted: Mapping[Reference, None], deadline: float) -> Iterator[tuple[Reference, _Frame]]:
    """What is in each place, every file opened once while its references follow each other."""
    opened: tuple[Path, Any] | None = None
    try:
        for reference in wanted:
            _check_time(deadline)
            if opened is None or opened[0] != reference.path:
                if opened is not None:
                    opened[1].close()
                    opened = None
                opened = (reference.path, _open(reference.path))
            yield reference, _frame(opened[1], reference)
    finally:
        if opened is not None:
            opened[1].close()


def _open(path: Path) -> Any:
    """The open h5py.File; its writer may still have it, and a lock of ours would disturb."""
    try:
        if not path.is_file():
            raise FileRefusedError(f"{path} is not there")
        return h5py.File(path, "r", locking=False)
    except H5PY_ERRORS as error:
        raise FileRefusedError(f"{path} cannot be opened: {error}") from error


def _frame(file: Any, reference: Reference) -> _Frame:
    try:
        dataset = file.get(reference.dataset)
        is_there = isinstance(dataset, h5py.Dataset) and dataset.shape is not None
        if is_there and dataset.dtype.kind in "biuf":
            return _Frame(dataset.dtype, dataset.shape)
    except H5PY_ERRORS as error:
        raise FileRefusedError(f"{reference.path} cannot be read: {error}") from error
    raise FileRefusedError(f"{reference.path} has no numbers in {reference.dataset}")


def _words(frame: _Frame) -> str:
    return f"{frame.dtype} {list(frame.frame_shape)}"
