"""The recorder plugin: Sardana's RecorderPath is the folder of this file.

Sardana's loader runs this file twice, refuses relative imports in it, and loads every file
of the folder whose name does not begin with `_`. So this one holds the class and no more.

A guest in somebody's scan: nothing in the constructor can fail or wait, and no hook raises
or waits for Redis' sake.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from sardana.macroserver.msexception import InterruptException
from sardana.macroserver.scan.recorder import DataRecorder

from sardana_redis.briefing import RequireWriters, refusal_line
from sardana_redis.errors import SardanaRedisError, ScanForbiddenError
from sardana_redis.log import guest_logger
from sardana_redis.publisher import bug_line
from sardana_redis.recorder._arrival import arrive
from sardana_redis.recorder._sardana import (
    end_recorders_before,
    environment_variable,
    forbid_scan,
    latest_record,
    warn,
)
from sardana_redis.recorder._scan_recorder import ScanRecorder
from sardana_redis.recorder._start import start_recording
from sardana_redis.recorder._writers import wanted

_log = guest_logger("sardana_redis.recorder")

_Hook = TypeVar("_Hook", bound=Callable[..., None])


def _guarded(hook: _Hook) -> _Hook:
    """The hook, kept from harming the scan: see `RedisBlissRecorder.take_failure`."""

    @functools.wraps(hook)
    def call(self: RedisBlissRecorder, *args: Any, **kwargs: Any) -> None:
        if self.is_off:
            return
        try:
            hook(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - what nobody foresaw must not end the scan
            self.take_failure(hook.__name__, error)

    return call  # type: ignore[return-value]  # functools.wraps keeps the signature


class RedisBlissRecorder(DataRecorder):  # type: ignore[misc]  # Sardana ships no types
    """Publishes each scan, point by point, into Redis in blissdata's format.

    Works from `DataRecorder` (called with the macro) and from `ScanRecorder` (called with a
    file name as well, which says only that Sardana does not write that file itself).
    """

    def __init__(self, *_file_name: str, macro: Any = None, **_options: Any) -> None:
        DataRecorder.__init__(self)
        self.is_off = False
        self._macro = weakref.ref(macro) if macro is not None else lambda: None
        self._scan: ScanRecorder | None = None
        self._early_custom: list[dict[str, Any]] = []
        self._mode = RequireWriters.WARN
        self._forbidden: str | None = None

    def _startRecordList(self, recordlist: Any) -> None:
        try:
            self._begin(recordlist)
        except InterruptException:
            end_recorders_before(self, recordlist)
            raise
        if self._forbidden is not None:
            forbid_scan(recordlist, self, self._forbidden)

    @_guarded
    def _begin(self, recordlist: Any) -> None:
        macro = self._macro()
        self._mode, line = wanted(environment_variable(macro, "RedisRequireWriters"))
        if line is not None:
            warn(macro, line)
        try:
            self._scan = start_recording(recordlist, macro, type(self), self._mode)
        except ScanForbiddenError as error:
            self.is_off = True
            self._forbidden = str(error)
            return
        if self._scan is None:
            self.is_off = True  # another recorder of ours publishes this scan
            return
        for item in self._early_custom:
            self._scan.add_custom(item)

    def _writeRecord(self, record: Any) -> None:
        # As `_guarded` would do it, but without another call at every point.
        if self._scan is None or self.is_off:
            return
        try:
            self._scan.record(record)
        except Exception as error:  # noqa: BLE001 - see _guarded
            self.take_failure("_writeRecord", error)

    @_guarded
    def _endRecordList(self, recordlist: Any) -> None:
        if self._scan is None:
            return
        latest = latest_record(recordlist)
        try:
            self._scan.catch_up(latest)
        except InterruptException:  # a second abort
            self._scan.catch_up(latest)
            raise
        self._scan.end(recordlist.getEnviron())

    @_guarded
    def _addCustomData(self, value: Any, name: str, nxpath: str | None = None, **_: Any) -> None:
        item = {"name": name, "value": value, "nxpath": nxpath}
        if self._scan is None:
            self._early_custom.append(item)
        else:
            self._scan.add_custom(item)

    def take_failure(self, hook: str, error: Exception) -> None:
        """Turns the recorder off for what a hook raised; Sardana's stop and abort pass.

        The one place that takes every exception. It is called while `error` is handled.
        """
        if isinstance(error, InterruptException):
            raise error
        if isinstance(error, SardanaRedisError):
            self.turn_off(f"This scan is not published in Redis: {error}")
            return
        _log.error("recorder failed", hook=hook, exc_info=error)
        self.turn_off(bug_line(f"in {hook}"))

    def turn_off(self, line: str) -> None:
        """Stops recording this scan, closes it as failed and tells the operator."""
        self.is_off = True
        if self._scan is not None:
            self._scan.fail()
        if self._scan is None and self._mode is RequireWriters.REFUSE:
            self._forbidden = refusal_line([line])
            return
        macro = self._macro()
        if macro is not None:
            warn(macro, line)


arrive()
