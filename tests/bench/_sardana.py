"""What Sardana hands to a recorder, without a MacroServer."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sardana.macroserver.msexception import UnknownEnv
from sardana.macroserver.scan.gscan import ScanEndStatus
from sardana.macroserver.scan.recorder import DataHandler, DataRecorder
from sardana.macroserver.scan.scandata import RecordList, ScanDataEnvironment

from tests.bench._workload import Workload

__all__ = ["BenchMacro", "end_environ", "make_recordlist"]


class BenchMacro:
    """A scan macro as far as a recorder looks; `warnings` holds what it told the operator."""

    def __init__(self, redis_url: str) -> None:
        macro_server = SimpleNamespace(name="macroserver/bench/1")
        self.door = SimpleNamespace(name="door/bench/1", macro_server=macro_server)
        self.executor = SimpleNamespace(_macro_stack=[self])
        self.warnings: list[str] = []
        self._redis_url = redis_url

    def _getName(self) -> str:  # noqa: N802 - named by Sardana
        return "timescan"

    def _getEnv(self, name: str) -> Any:  # noqa: N802 - named by Sardana
        if name == "RedisURL":
            return self._redis_url
        raise UnknownEnv(name)

    def _warning(self, text: str, *arguments: Any) -> None:
        self.warnings.append(text % arguments)

    def isAborted(self) -> bool:  # noqa: N802 - named by Sardana
        return False

    def isStopped(self) -> bool:  # noqa: N802 - named by Sardana
        return False


def make_recordlist(workload: Workload, number: int, recorder: DataRecorder) -> RecordList:
    """The record list of a scan that is about to start; it has this one recorder."""
    handler = DataHandler()
    handler.addRecorder(recorder)
    columns = workload.descriptions()
    now = datetime.now()
    environ = ScanDataEnvironment(
        {
            "serialno": number,
            "title": f"timescan of {workload.title}",
            "user": "bench",
            "starttime": now,
            "scanstarttime": now,
            "datadesc": columns,
            "counters": [desc.name for desc in columns[2:-1]],
            "ref_moveables": [columns[1].name],
            "preScanSnapShot": [],
            "estimatedtime": -1.0,
            "total_scan_intervals": -1,
            "macro_id": f"bench-{number}",
        }
    )
    return RecordList(handler, environ)


def end_environ(recordlist: RecordList) -> None:
    """Adds to the record list's environment what Sardana adds before the end."""
    recordlist.setEnvironValue("endtime", datetime.now())
    recordlist.setEnvironValue("endstatus", ScanEndStatus.Normal)
