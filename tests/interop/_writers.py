"""blisswriter 2, nxsblisswriter and fioblisswriter as their authors start them."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import tango

from sardana_redis.local import LocalStack
from sardana_redis.local._process import Process
from sardana_redis.local._tango import tango_environment
from sardana_redis.model import JSON
from sardana_redis.store import ReadScan

ENVIRONMENTS = Path(__file__).parents[2] / "build" / "interop"

Columns = dict[str, np.ndarray]


class Writer:
    """A program that follows Redis and writes files; `process` runs it."""

    name = ""
    session = "test_session"
    data_writer = "nexus"
    suffix = ".h5"

    def __init__(self, stack: LocalStack, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.stack = stack
        self.environment: Mapping[str, str] = {
            **tango_environment(folder, stack.tango_host),
            "REDIS_DATA_URL": stack.redis.url,
        }
        self.process = Process(
            self.name,
            self.command(folder),
            folder=folder,
            log=folder / f"{self.name}.log",
            environment=self.environment,
        )

    def command(self, folder: Path) -> list[str | Path]:
        """Registers what has to be, and returns what starts the program."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether it follows Redis."""
        raise NotImplementedError

    def has_ended(self, path: Path, scan: ReadScan) -> bool:
        """Whether it is done with the scan."""
        raise NotImplementedError

    def columns(self, path: Path, scan: ReadScan) -> Columns:
        """What is in the file, by the names of the streams."""
        raise NotImplementedError

    def wait_for(self, path: Path, scan: ReadScan) -> None:
        """Returns when it is done with the scan; fails with its log where that takes long."""
        self.process.wait_until(
            lambda: self.has_ended(path, scan), seconds=60, purpose=f"write {path}"
        )

    def program(self, name: str) -> Path:
        """A program of its environment."""
        return ENVIRONMENTS / self.name / "bin" / name

    def register(self, server: str, device: str, class_name: str, **properties: str) -> None:
        """Writes a device into the Tango database."""
        database = tango.Database(*self.stack.tango_host.split(":"))
        entry = tango.DbDevInfo()
        entry.server, entry.name = server, device
        entry._class = class_name
        database.add_device(entry)
        database.put_device_property(device, {name: [text] for name, text in properties.items()})

    def device_is(self, name: str, *states: tango.DevState) -> bool:
        """Whether the device answers with one of the states."""
        try:
            return tango.DeviceProxy(f"tango://{self.stack.tango_host}/{name}").state() in states
        except tango.DevFailed:
            return False


class _Blisswriter(Writer):
    name = "blisswriter"

    def has_ended(self, path: Path, scan: ReadScan) -> bool:
        return f"Finished writing to '{path}'" in self.process.log_text()

    def columns(self, path: Path, scan: ReadScan) -> Columns:
        with h5py.File(path, locking=False) as file:
            measurement = file[f"{scan.number}.1/measurement"]
            names = {name: re.sub("[^a-zA-Z0-9_]+", "_", name) for name in scan.streams}
            return {n: measurement[name][()] for n, name in names.items() if name in measurement}


class NexusWriterService(_Blisswriter):
    """The Tango device, registered by its authors' program with our session."""

    def command(self, folder: Path) -> list[str | Path]:
        register = [
            self.program("RegisterNexusWriter"),
            self.session,
            *("--domain", "interop", "--instance", "nexuswriters"),
        ]
        subprocess.run(register, env=self.environment, check=True, timeout=60)
        return [self.program("NexusWriterService"), "nexuswriters", "--log=info"]

    def is_ready(self) -> bool:
        name = f"interop/bliss_nxwriter/{self.session}"
        return self.device_is(name, tango.DevState.ON, tango.DevState.RUNNING)


class NexusSessionWriter(_Blisswriter):
    """The command line, which writes what names `external` as its writer."""

    data_writer = "external"

    def command(self, folder: Path) -> list[str | Path]:
        semaphore = f"--start_semaphore_file={folder / 'started'}"
        return [self.program("NexusSessionWriter"), self.session, "--log=info", semaphore]

    def is_ready(self) -> bool:
        return (
            "Accepting scans" in self.process.log_text()
            or Path(self.process.log.parent / "started").exists()
        )


class _Desy(Writer):
    device = ""

    def command(self, folder: Path) -> list[str | Path]:
        name = self.program(self.device).name
        self.register(
            f"{name}/interop",
            f"interop/{name}/1",
            name,
            RedisUrl=self.stack.redis.url,
            Session=self.session,
        )
        return [self.program(self.device), "interop"]

    def is_ready(self) -> bool:
        return self.device_is(f"interop/{self.device}/1", tango.DevState.ON)


class NXSBlissWriter(_Desy):
    """DESY's NeXus writer, as a Tango device."""

    name = "nxsblisswriter"
    device = "NXSBlissWriter"
    suffix = ".nxs"
    place = "scan/instrument/collection"

    def has_ended(self, path: Path, scan: ReadScan) -> bool:
        try:
            h5py.File(path).close()  # it holds the lock until it is done
        except OSError:
            return False
        return True

    def columns(self, path: Path, scan: ReadScan) -> Columns:
        with h5py.File(path) as file:
            group = file[self.place]
            return {name: group[name][()] for name in scan.streams if name in group}


class FIOBlissWriter(_Desy):
    """DESY's text writer; spectra lie in a file for each point."""

    name = "fioblisswriter"
    device = "FIOBlissWriter"
    suffix = ".fio"

    def has_ended(self, path: Path, scan: ReadScan) -> bool:
        return path.exists() and "! Acquisition ended at" in path.read_text()

    def columns(self, path: Path, scan: ReadScan) -> Columns:
        names, rows = read_fio(path)
        found = {}
        for index, name in enumerate(names):
            stream = scan.streams.get(name)
            if stream is not None and stream.dtype != JSON:
                convert = _CONVERT.get(np.dtype(stream.dtype).kind, np.dtype(stream.dtype).type)
                found[name] = np.array([convert(row[index]) for row in rows], stream.dtype)
        for name, stream in scan.streams.items():
            if len(stream.shape) == 1 and -1 not in stream.shape:
                found[name] = np.stack(list(self._spectra(path, scan, len(rows))))
        return found

    def _spectra(self, path: Path, scan: ReadScan, points: int) -> Iterator[np.ndarray]:
        for point in range(points):
            file = path.with_suffix("") / f"{scan.name}_mca_s{point + 1}.fio"
            _, rows = read_fio(file)
            yield np.array([float(row[0]) for row in rows])


def read_fio(path: Path) -> tuple[list[str], list[list[str]]]:
    """The names of the columns and the cells of a FIO file."""
    data = path.read_text().partition("%d")[2].partition("\n!")[0].splitlines()
    heads = [line.split(" Col ")[1].strip() for line in data if line.startswith(" Col ")]
    names = [head.split(" ", 1)[1].rpartition(" ")[0] for head in heads]
    return names, [line.split() for line in data if line.strip() and " Col " not in line]


_CONVERT: Mapping[str, Callable[[str], object]] = {"b": lambda text: text == "True"}


@contextmanager
def running(kind: type[Writer], stack: LocalStack, folder: Path) -> Iterator[Writer]:
    """The writer, once it follows Redis; ended by its process id."""
    writer = kind(stack, folder)
    writer.process.start()
    try:
        writer.process.wait_until(writer.is_ready, seconds=60, purpose="start")
        time.sleep(1.0)  # it says so before its first look, which is for what comes afterwards
        yield writer
    finally:
        writer.process.terminate(5)
