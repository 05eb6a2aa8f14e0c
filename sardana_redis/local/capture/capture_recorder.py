"""A Sardana recorder that writes what it was given into one file a scan, for comparisons.

The file is written below the folder that the environment variable `CaptureDir` names;
without it nothing is. It is a row of pickles, each (kind, content) and flushed at once, so
that a killed MacroServer leaves all that it recorded. Sardana runs this file's body twice
and refuses relative imports in it.
"""

from __future__ import annotations

import datetime as dt
import functools
import pickle
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sardana.macroserver.msexception import InterruptException, UnknownEnv
from sardana.macroserver.scan.recorder import DataRecorder
from sardana.macroserver.scan.scandata import ColumnDesc

__all__ = ["CaptureRecorder"]

# As in `sardana_redis.local.capture`, whose import would bring the whole stack in here.
_SUFFIX = ".capture"

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_PLAIN_TOO = (np.generic, dt.datetime)


def _never_fails(hook: Callable[..., None]) -> Callable[..., None]:
    """The hook, which tells its errors to the log instead of failing the scan."""

    @functools.wraps(hook)
    def guarded(self: CaptureRecorder, *args: Any, **kwargs: Any) -> None:
        try:
            hook(self, *args, **kwargs)
        except InterruptException:  # an Exception in Sardana: the operator's stop
            raise
        except Exception:  # noqa: BLE001  # the scan is worth more than its capture
            self.error("nothing more of this scan is captured", exc_info=True)
            self._path = None

    return guarded


class CaptureRecorder(DataRecorder):  # type: ignore[misc]  # sardana has no types
    """Captures one scan; see the module."""

    def __init__(self, *_args: Any, **kwargs: Any) -> None:
        DataRecorder.__init__(self)
        self._macro = kwargs.get("macro")
        self._path: Path | None = None
        self._latest: tuple[Any, int] = (None, 0)

    @_never_fails
    def _startRecordList(self, recordlist: Any) -> None:  # noqa: N802  # Sardana's
        folder = self._folder()
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        environ = recordlist.getEnviron()
        self._path = folder / f"{time.time_ns()}-{environ['serialno']}{_SUFFIX}"
        rest = {name: value for name, value in environ.items() if name != "datadesc"}
        self._write("start", _plain(rest))
        self._write("columns", _plain(environ["datadesc"]))

    @_never_fails
    def _writeRecord(self, record: Any) -> None:  # noqa: N802  # Sardana's
        if self._path is None or self._has(record, self._path):
            return
        self._latest = (record, self._path.stat().st_size)
        self._write("record", _plain(record.data))

    @_never_fails
    def _addCustomData(self, value: Any, name: str, **kwargs: Any) -> None:  # noqa: N802  # Sardana's
        self._write("custom", _plain({"name": name, "value": value, **kwargs}))

    @_never_fails
    def _endRecordList(self, recordlist: Any) -> None:  # noqa: N802  # Sardana's
        self._write_missed_record(recordlist)
        environ = recordlist.getEnviron()
        self._write("end", _plain({k: v for k, v in environ.items() if k != "datadesc"}))

    def _folder(self) -> Path | None:
        if self._macro is None:
            return None
        try:
            return Path(self._macro.getEnv("CaptureDir"))
        except UnknownEnv:
            return None

    def _write_missed_record(self, recordlist: Any) -> None:
        """Writes the last point of a step scan if an abort came before this recorder had it."""
        last = recordlist.get(len(recordlist) - 1)
        if self._path is None or last is None or hasattr(last, "completed"):
            return
        if not self._has(last, self._path):
            self._write("record", _plain(last.data))

    def _has(self, record: Any, path: Path) -> bool:
        """Whether it is the last one that was written; Sardana may hand one out twice."""
        latest, bytes_before = self._latest
        return record is latest and path.stat().st_size > bytes_before

    def _write(self, kind: str, content: Any) -> None:
        if self._path is None:
            return
        with self._path.open("ab") as file:
            file.write(pickle.dumps((kind, content)))


def _attributes(column: Any) -> dict[str, Any]:
    """All public attributes of a column, plain."""
    names = {name for name in vars(column) if not name.startswith("_")}
    names |= {"name", "label", "dtype", "shape"}
    return {name: _plain(getattr(column, name)) for name in sorted(names)}


def _plain(value: Any) -> Any:
    """The value in types that a reader without Sardana has; others become their repr."""
    if type(value) in _PLAIN or isinstance(value, _PLAIN_TOO):
        return value
    if isinstance(value, np.ndarray):
        return _plain(value.tolist()) if value.dtype == object else value
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, ColumnDesc):
        return _attributes(value)
    return repr(value)
