"""The sides of each comparison: one scan at a time through one Sardana recorder each."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from blissdata import DataStore
from blissdata.streams.default import Stream
from sardana.macroserver.recorders.h5storage import NXscanH5_FileRecorder
from sardana.macroserver.recorders.storage import SPEC_FileRecorder
from sardana.macroserver.scan.recorder import DataRecorder
from sardana.macroserver.scan.scandata import Record

from sardana_redis.publisher import ScanFeed
from sardana_redis.recorder.redis_bliss_recorder import RedisBlissRecorder
from sardana_redis.settings import PublisherSettings
from tests.bench._sardana import BenchMacro, end_environ, make_recordlist
from tests.bench._workload import Workload

__all__ = ["BLISSDATA", "IDLE", "NEXUS", "OURS", "SPEC", "Side", "make_side"]

OURS = "ours"
BLISSDATA = "blissdata's send"
SPEC = "SPEC_FileRecorder"
NEXUS = "NXscanH5_FileRecorder"
IDLE = "nothing"

_POLL_SECONDS = 0.0005
_CONFIRM_SECONDS = 60.0
_BACKLOG_BYTES = 4 * PublisherSettings().batch_bytes


class Side:
    """A recorder that does nothing, and what all others share."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self._number = 0
        self.workload: Workload | None = None
        self.recorder: DataRecorder | None = None
        self.put: Callable[[Record], None] = lambda _: None

    def prepare(self, workload: Workload) -> None:
        """Makes recorder and record list of the next scan; what Sardana does for any recorder."""
        self._number += 1
        self.workload = workload
        self.recorder = self._make_recorder()
        self._recordlist = make_recordlist(workload, self._number, self.recorder)
        self.put = self.recorder.writeRecord

    def start(self) -> None:
        """Starts the prepared scan; returns when the scan's thread may go on."""
        self.recorder.startRecordList(self._recordlist)

    def end(self) -> None:
        """Ends the scan; returns when the scan's thread may go on."""
        end_environ(self._recordlist)
        self.recorder.endRecordList(self._recordlist)

    def wait_started(self) -> None:
        """Returns when the scan is STARTED in the store."""

    def wait_confirmed(self) -> None:
        """Returns when the store has confirmed all points."""

    def is_behind(self) -> bool:
        """Whether more points wait than the backlog allows."""
        return False

    @property
    def scan_key(self) -> str:
        """The key of the scan's document."""
        raise NotImplementedError

    @property
    def stream_keys(self) -> list[str]:
        """The keys of the scan's streams."""
        raise NotImplementedError

    def _make_recorder(self) -> DataRecorder:
        return DataRecorder()


class OurSide(Side):
    """RedisBlissRecorder as Sardana drives it."""

    def _make_recorder(self) -> DataRecorder:
        self._macro = BenchMacro(self._url)
        return RedisBlissRecorder(macro=self._macro)

    @property
    def feed(self) -> ScanFeed:
        """The feed that the recorder fills."""
        return self.recorder._scan._feed

    def end(self) -> None:
        feed = self.feed
        super().end()
        if self._macro.warnings or not feed.is_delivered or feed.intake.dropped_points:
            raise RuntimeError(f"the scan was not delivered: {self._macro.warnings}")

    def wait_started(self) -> None:
        _wait(lambda: self.feed.publication.born)

    def wait_confirmed(self) -> None:
        _wait(lambda: self.feed.intake.held_bytes == 0)

    def is_behind(self) -> bool:
        return self.feed.intake.held_bytes > _BACKLOG_BYTES

    @property
    def scan_key(self) -> str:
        return self.feed.publication.birth.key

    @property
    def stream_keys(self) -> list[str]:
        return list(self.feed.publication.birth.stream_keys)


class BlissdataRecorder(DataRecorder):
    """What a user would write: a stream a column, each value cast to what blissdata demands."""

    def __init__(self, data_store: DataStore) -> None:
        DataRecorder.__init__(self)
        self._data_store = data_store
        self.streams: list[Any] = []

    def _startRecordList(self, recordlist: Any) -> None:  # noqa: N802 - named by Sardana
        environ = recordlist.getEnviron()
        identity = {
            "name": "timescan",
            "number": environ["serialno"],
            "data_policy": "no_policy",
            "session": "test_session",
        }
        self.scan = self._data_store.create_scan(identity, {"title": environ["title"]})
        self._sends = []
        for desc in environ["datadesc"]:
            definition = Stream.make_definition(desc.label, desc.dtype, tuple(desc.shape))
            stream = self.scan.create_stream(definition)
            self.streams.append(stream)
            self._sends.append((desc.name, _cast(desc), stream.send))
        self.scan.prepare()
        self.scan.start()

    def _writeRecord(self, record: Record) -> None:  # noqa: N802 - named by Sardana
        data = record.data
        for name, cast, send in self._sends:
            send(cast(data[name]))

    def _endRecordList(self, recordlist: Any) -> None:  # noqa: N802 - named by Sardana
        self.scan.stop()
        self.scan.close()


class BlissdataSide(Side):
    """blissdata's own writer streams."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        self._data_store: DataStore | None = None

    def _make_recorder(self) -> DataRecorder:
        self._data_store = self._data_store or DataStore(self._url)
        return BlissdataRecorder(self._data_store)

    def wait_confirmed(self) -> None:
        for stream in self.recorder.streams:
            stream.join()

    def is_behind(self) -> bool:
        last = self.recorder.streams[-1].event_stream._sink._cmd_queue
        return last.unfinished_tasks > self.workload.backlog

    @property
    def scan_key(self) -> str:
        return self.recorder.scan.key

    @property
    def stream_keys(self) -> list[str]:
        return [stream.key for stream in self.recorder.streams]


class FileSide(Side):
    """One of Sardana's own recorders, with a file that is removed at the end."""

    recorder_class: type = SPEC_FileRecorder
    ending = "spec"

    def _make_recorder(self) -> DataRecorder:
        self._path = self._folder / f"scan{self._number}.{self.ending}"
        return self.recorder_class(filename=str(self._path))

    def end(self) -> None:
        super().end()
        self._path.unlink()


class NexusSide(FileSide):
    """Sardana's HDF5 recorder."""

    recorder_class = NXscanH5_FileRecorder
    ending = "h5"


_SIDES: dict[str, type[Side]] = {
    OURS: OurSide,
    BLISSDATA: BlissdataSide,
    SPEC: FileSide,
    NEXUS: NexusSide,
}


def make_side(name: str, url: str, folder: Path) -> Side:
    """The side of that name; one that does nothing for other names."""
    return _SIDES.get(name, Side)(url, folder)


def _cast(desc: Any) -> Callable[[Any], Any]:
    """The cheapest cast that makes blissdata accept any number or array of the column."""
    if desc.shape:
        dtype = np.dtype(desc.dtype)
        return lambda value: np.asarray(value, dtype)
    return int if desc.dtype == "int64" else float


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _CONFIRM_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the store did not confirm in time")
        time.sleep(_POLL_SECONDS)
