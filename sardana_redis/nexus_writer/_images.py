"""Columns of references become columns of images, when all points are in the file."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from sardana_redis.errors import FileRefusedError
from sardana_redis.keys import REFERENCE_FORMAT
from sardana_redis.log import get_logger
from sardana_redis.model import Info, StreamSpec
from sardana_redis.nexus import unique_names
from sardana_redis.nexus_writer._frames import H5PY_ERRORS, Frames, find_frames

__all__ = ["REFERENCES", "show_images"]

REFERENCES: Final = "references"
"""Attribute of a column of images: the name of the column beside it that has the references."""

_LONGEST_SECONDS: Final = 5.0
"""So long may all images of a scan take: nothing else is written meanwhile, and a writer without
a sign of life counts as down after 10 s (WRITER_UP_SECONDS)."""

_log = get_logger("sardana_redis.nexus_writer")


def show_images(
    measurement: Any, specs: Iterable[StreamSpec], names: Mapping[str, str], file: Path, info: Info
) -> dict[str, StreamSpec]:
    """Makes images of the references in the open group; returns their streams as these are now.

    The images are a virtual dataset under the column's name (`names`), the references beside
    it under `_<name>`. What cannot be shown, or is not found within 5 s for all columns, stays
    as it is, and the log says why.
    """
    deadline = time.monotonic() + _LONGEST_SECONDS
    taken = set(names.values())
    folder = (info.get("sardana") or {}).get("ScanDir")
    data_folder = Path(folder) if folder else None
    made = {}
    for spec in specs:
        name = names[spec.name]
        if spec.info.get("format") != REFERENCE_FORMAT or name not in measurement:
            continue
        (beside,) = unique_names([f"_{name}"], taken)
        try:
            frames = find_frames(list(measurement[name].asstr()[()]), deadline)
            layout = _layout(frames, file, data_folder, deadline)
            _replace(measurement, name, beside, frames, layout)
        except FileRefusedError as error:
            log = _log.bind(scan=info.get("scan_nb"), column=spec.name)
            log.warning("images stay references", reason=str(error))
            continue
        taken.add(beside)
        made[spec.name] = replace(
            spec, dtype=frames.dtype.name, shape=frames.shape, fill_value=frames.fill_value
        )
    return made


def _layout(frames: Frames, file: Path, data_folder: Path | None, deadline: float) -> Any:
    try:
        return frames.layout(file, data_folder, deadline)
    except H5PY_ERRORS as error:
        raise FileRefusedError(f"HDF5 does not take them: {error}") from error


def _replace(measurement: Any, name: str, beside: str, frames: Frames, layout: Any) -> None:
    """Puts the images in the place of the references, or leaves these where they are."""
    measurement.move(name, beside)
    try:
        dataset = measurement.create_virtual_dataset(name, layout, fillvalue=frames.fill_value)
    except H5PY_ERRORS as error:
        measurement.move(beside, name)
        raise FileRefusedError(f"HDF5 does not take them: {error}") from error
    dataset.attrs[REFERENCES] = beside
