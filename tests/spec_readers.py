"""The readers of SPEC files that ours must be read by, each as a function from a path to scans.

What a reader cannot hold: silx and PyMca read NaN as 0, PyMca has no labels without points,
`silx.io.open` has float32 and shows a scanned motor's column as its position, xrayutilities
has ASCII only and, where a scan has no spectra, float32; spec2nexus passes over a spectrum of
NaN alone, for which an empty one stands here.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class ReadScan:
    """A scan as a reader gives it; `spectra` are by detector, then by point."""

    number: str
    command: str
    labels: list[str]
    motors: dict[str, float]
    columns: dict[str, np.ndarray]
    spectra: list[list[np.ndarray]] = field(default_factory=list)
    points: int = 0


def read_silx(path: Path) -> list[ReadScan]:
    from silx.io.specfile import SpecFile

    scans = []
    for scan in SpecFile(str(path)):
        has_data = scan.data.size > 0
        names = [name for name in scan.motor_names if name]
        scans.append(
            ReadScan(
                number=f"{scan.number}.{scan.order}",
                command=scan.scan_header_dict["S"].partition(" ")[2],
                labels=list(scan.labels),
                motors=dict(zip(names, scan.motor_positions, strict=False)),
                columns=dict(zip(scan.labels, scan.data, strict=True)) if has_data else {},
                spectra=_by_detector(_silx_spectra(scan), scan.header),
                points=scan.data.shape[1] if has_data else 0,
            )
        )
    return scans


def read_silx_h5(path: Path) -> list[ReadScan]:
    import silx.io

    scans = []
    with silx.io.open(str(path)) as file:
        for name, entry in file.items():
            measurement = entry["measurement"]
            motors = entry["instrument/positioners"]
            group = [key for key in measurement if re.fullmatch(r"mca_\d+", key)]
            columns = {key: measurement[key][()] for key in measurement if key not in group}
            spectra = [list(measurement[key]["data"][()]) for key in sorted(group)]
            scans.append(
                ReadScan(
                    number=name,
                    command=_text(entry["title"][()]),
                    labels=list(columns),
                    motors={key: _scalar(motors[key][()]) for key in motors if key},
                    columns=columns,
                    spectra=spectra,
                    points=max((len(column) for column in columns.values()), default=0),
                )
            )
    return scans


def read_pymca(path: Path) -> list[ReadScan]:
    from PyMca5.PyMcaIO import specfile, specfilewrapper

    file = specfilewrapper.Specfile(str(path))
    scans = []
    for index in range(file.scanno()):
        scan = file[index]
        try:
            data = scan.data()
        except specfile.error:
            data = np.empty((0, 0))
        labels = scan.alllabels()
        spectra = [np.asarray(scan.mca(number + 1)) for number in range(scan.nbmca())]
        names = [name for name in scan.allmotors() if name]
        header = scan.header("")
        scans.append(
            ReadScan(
                number=f"{scan.number()}.{scan.order()}",
                command=scan.command(),
                labels=list(labels),
                motors=dict(zip(names, scan.allmotorpos(), strict=False)),
                columns=dict(zip(labels, data, strict=True)) if data.size else {},
                spectra=_by_detector(spectra, header),
                points=data.shape[1] if data.size else 0,
            )
        )
    return scans


def read_spec2nexus(path: Path) -> list[ReadScan]:
    scans = []
    file = spec2nexus_file(path)
    for number in file.getScanNumbers():
        scan = file.getScan(number)
        scan.interpret()
        data = dict(scan.data)
        spectra = [np.asarray(values) for values in data.pop("_mca_", {}).get("mca", [])]
        points = len(data[scan.L[0]]) if data else 0
        spectra = _with_missing(spectra, scan.raw, points)
        scans.append(
            ReadScan(
                number=number,
                command=scan.scanCmd,
                labels=list(scan.L),
                motors=dict(scan.positioner),
                columns={label: np.asarray(values) for label, values in data.items()},
                spectra=_by_detector(spectra, scan.raw.splitlines()),
                points=points,
            )
        )
    return scans


def spec2nexus_file(path: Path):
    """spec2nexus' own view of a file."""
    from spec2nexus.spec import SpecDataFile

    with warnings.catch_warnings():
        # It reads the first lines of a file that it does not close.
        warnings.filterwarnings("ignore", "unclosed file", ResourceWarning)
        return SpecDataFile(str(path))


def read_xrayutilities(path: Path) -> list[ReadScan]:
    from xrayutilities.io import SPECFile

    scans = []
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        # Columns are float32 there where a scan has no spectra.
        warnings.filterwarnings("ignore", "overflow encountered in cast", RuntimeWarning)
        for scan in SPECFile(str(path)):
            scan.ReadData()
            data = scan.data
            detectors = scan.mca_channel_names if scan.has_mca else []
            columns = {} if data is None else {name: data[name] for name in scan.colnames}
            scans.append(
                ReadScan(
                    number=str(scan.nr),
                    command=" ".join(scan.command.split()),
                    labels=list(scan.colnames),
                    motors={
                        name.removeprefix("INIT_MOPO_"): value
                        for name, value in scan.init_motor_pos.items()
                    },
                    columns=columns,
                    spectra=[] if data is None else [list(data[name]) for name in detectors],
                    points=0 if data is None else len(data),
                )
            )
    return scans


READERS = {
    "silx": read_silx,
    "silx.io.open": read_silx_h5,
    "pymca": read_pymca,
    "spec2nexus": read_spec2nexus,
    "xrayutilities": read_xrayutilities,
}


NAN_AS_ZERO = ("silx", "silx.io.open", "pymca")


def as_read(reader, array, *, is_float32=False):
    """What the reader can hold of the array; `is_float32`: it has single precision here."""
    array = np.asarray(array, np.float64)
    if reader in NAN_AS_ZERO:
        array = np.where(np.isnan(array), 0.0, array)
    if is_float32:
        with np.errstate(all="ignore"):
            array = array.astype(np.float32)
    return array


def label_as_read(reader, label):
    """The label as the reader gives it."""
    return label.replace("/", "%") if reader == "silx.io.open" else label


def command_as_read(reader, title):
    """The title as the reader gives it, but for blanks."""
    return title.encode("ascii", "ignore").decode() if reader == "xrayutilities" else title


def _silx_spectra(scan) -> list[np.ndarray]:
    return [np.asarray(scan.mca[index]) for index in range(len(scan.mca))]


def _by_detector(spectra, header) -> list[list[np.ndarray]]:
    count = sum(line.startswith("#@DET_") for line in header)
    return [spectra[number::count] for number in range(count)]


def _with_missing(spectra, raw: str, points: int) -> list[np.ndarray]:
    """With an empty one for each spectrum that spec2nexus passes over, because it has no NaN."""
    lines = [line for line in raw.splitlines() if line.startswith("@A")]
    if len(lines) == len(spectra) or not points:
        return list(spectra)
    found = iter(spectra)
    return [next(found) if line.startswith("@A ") else np.empty(0) for line in lines]


def _text(value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _scalar(value) -> float:
    return float(np.ravel(value)[0])
