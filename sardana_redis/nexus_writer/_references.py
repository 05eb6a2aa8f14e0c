"""Where a value reference points to, and how an HDF5 file names that place.

The form is that which Sardana's own HDF5 recorder takes (Sardana 3.7.1,
`recorders/h5storage.py`): `h5file://[host]/folder/file.h5[::dataset]`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sardana_redis.errors import FileRefusedError

__all__ = ["Reference", "parse_reference", "source_name"]

_SCHEME: Final = "h5file"
_DEFAULT_DATASET: Final = "dataset"


@dataclass(frozen=True, slots=True)
class Reference:
    """A dataset of an HDF5 file, which holds one frame."""

    path: Path
    dataset: str


def parse_reference(text: str) -> Reference:
    """The place that a reference names; FileRefusedError says why it names none.

    The host is not looked at, as Sardana does not: the file is here, or it is missing.
    """
    scheme, _, rest = text.partition(":")
    if scheme.lower() != _SCHEME:
        raise FileRefusedError(f"{text} does not begin with {_SCHEME}:")
    place, _, dataset = rest.partition("::")
    if place.startswith("//") and not place.startswith("///"):
        _, _, place = place[2:].partition("/")
        place = f"/{place}"
    path = Path("/" + place.lstrip("/")) if place.startswith("/") else Path(place)
    if not path.is_absolute() or not path.name:
        raise FileRefusedError(f"{text} names no absolute path")
    return Reference(path, dataset or _DEFAULT_DATASET)


def source_name(source: Path, file: Path, data_folder: Path | None) -> str:
    """How `file` names `source`, which has to be there, in a virtual dataset.

    Relative to the folder of `file` where both are moved together: `source` is in that
    folder or below it, or both are below the data folder. HDF5 looks there first.
    """
    folder = file.parent
    is_near = source.is_relative_to(folder) or (
        data_folder is not None
        and source.is_relative_to(data_folder)
        and file.is_relative_to(data_folder)
    )
    if not is_near:
        return str(source)
    name = os.path.relpath(source, folder)
    # A folder that is a symbolic link has another folder above it.
    reached = Path(os.path.realpath(folder)) / name
    is_right = reached.exists() and reached.samefile(source)
    return name if is_right else str(source)
