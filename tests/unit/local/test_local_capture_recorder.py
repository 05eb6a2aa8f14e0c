"""The recorder that captures, without a MacroServer."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sardana_redis.local.capture import SUFFIX, captures

plugin = pytest.importorskip("sardana_redis.local.capture.capture_recorder")


class _Macro:
    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def getEnv(self, name: str) -> str:  # noqa: N802  # Sardana's name
        if self._folder is None:
            raise plugin.UnknownEnv(name)
        return str(self._folder)


class _RecordList(dict[int, Any]):
    def __init__(self, environ: dict[str, Any]) -> None:
        super().__init__()
        self._environ = environ

    def getEnviron(self) -> dict[str, Any]:  # noqa: N802  # Sardana's name
        return self._environ


def _recordlist(**environ: Any) -> Any:
    column = plugin.ColumnDesc(name="full/x", label="x", shape=(2,), device=object())
    return _RecordList({"serialno": 3, "datadesc": [column], **environ})


def _record(**data: Any) -> Any:
    return SimpleNamespace(data=data)


def test_suffix_is_that_which_the_reader_looks_for() -> None:
    assert plugin._SUFFIX == SUFFIX


def test_writes_what_it_is_given(tmp_path: Path) -> None:
    recorder = plugin.CaptureRecorder(macro=_Macro(tmp_path))
    time = dt.datetime(2026, 11, 23, 12)
    scan = _recordlist(starttime=time, counters=("a", "b"), odd={1: object()})
    recorder.startRecordList(scan)
    array = np.array([1.5, np.nan])
    recorder.writeRecord(_record(x=array, n=np.int16(3)))
    array[:] = 0
    recorder.addCustomData([1, 2], "late", nxpath="/entry")
    recorder.endRecordList(scan)
    recorder.addCustomData("z", "later")
    (capture,) = captures(tmp_path)
    assert capture.start["starttime"] == time
    assert capture.start["counters"] == ["a", "b"]
    assert "object object" in capture.start["odd"]["1"]
    assert capture.columns[0].shape == (2,)
    assert "object object" in capture.columns[0].attributes["device"]
    assert capture.records[0]["x"].tobytes() == np.array([1.5, np.nan]).tobytes()
    assert type(capture.records[0]["n"]) is np.int16
    assert [entry["name"] for entry in capture.custom] == ["late", "later"]
    assert capture.end["serialno"] == 3


@pytest.mark.parametrize("macro", [None, _Macro(None)])
def test_writes_nothing_without_a_folder(macro: object, tmp_path: Path) -> None:
    recorder = plugin.CaptureRecorder("file.h5", macro=macro)
    recorder.startRecordList(_recordlist())
    recorder.writeRecord(_record(x=1))
    recorder.endRecordList(_recordlist())
    assert list(tmp_path.iterdir()) == []


def test_never_fails_the_scan(tmp_path: Path) -> None:
    recorder = plugin.CaptureRecorder(macro=_Macro(tmp_path / "file" / "folder"))
    (tmp_path / "file").touch()
    recorder.startRecordList(_recordlist())
    recorder.writeRecord(_record(x=1))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_lets_the_operators_stop_through(tmp_path: Path) -> None:
    class Stopping(_Macro):
        def getEnv(self, name: str) -> str:  # noqa: N802  # Sardana's name
            raise plugin.InterruptException(name)

    recorder = plugin.CaptureRecorder(macro=Stopping(tmp_path))
    with pytest.raises(plugin.InterruptException):
        recorder.startRecordList(_recordlist())


def test_a_last_point_that_an_abort_kept_away_is_captured_at_the_end(tmp_path: Path) -> None:
    recorder = plugin.CaptureRecorder(macro=_Macro(tmp_path))
    scan = _recordlist()
    recorder.startRecordList(scan)
    for number in range(2):
        scan[number] = _record(x=number)
        recorder.writeRecord(scan[number])
    scan[2] = _record(x=2)
    recorder.endRecordList(scan)
    assert [record["x"] for record in captures(tmp_path)[0].records] == [0, 1, 2]


def test_a_last_point_that_was_captured_is_not_captured_again(tmp_path: Path) -> None:
    recorder = plugin.CaptureRecorder(macro=_Macro(tmp_path))
    scan = _recordlist()
    recorder.startRecordList(scan)
    scan[0] = _record(x=0)
    recorder.writeRecord(scan[0])
    recorder.endRecordList(scan)
    assert [record["x"] for record in captures(tmp_path)[0].records] == [0]


def test_an_abort_in_the_middle_of_a_point_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = plugin.CaptureRecorder(macro=_Macro(tmp_path))
    scan = _recordlist()
    recorder.startRecordList(scan)
    scan[0] = _record(x=0)
    with monkeypatch.context() as patch:
        patch.setattr(recorder, "_write", _struck)
        with pytest.raises(plugin.InterruptException):
            recorder.writeRecord(scan[0])
    recorder.endRecordList(scan)
    assert [record["x"] for record in captures(tmp_path)[0].records] == [0]


def _struck(_kind: str, _content: Any) -> None:
    raise plugin.InterruptException
