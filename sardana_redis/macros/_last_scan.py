"""The last scans as lines: their files, and whether each writer has finished them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from sardana_redis.briefing import Duty, Obstacle, ObstacleKind, ScanFacts, duties, outcome
from sardana_redis.errors import Outage, SardanaRedisError, StoreUnavailable
from sardana_redis.model import FileWriter
from sardana_redis.settings import Settings, masked_url
from sardana_redis.store import ScanFate, Survey, last_scans

__all__ = ["last_scan_lines", "within"]

_SECONDS: Final = 2.0
_SLICE_SECONDS: Final = 0.01

_Value = TypeVar("_Value")


def last_scan_lines(settings: Settings, macroserver: str, count: int) -> list[str]:
    """The newest `count` scans of that MacroServer, newest first; one line where Redis is away.

    Waits for Redis 2 s at most.
    """

    def look() -> tuple[Survey, list[ScanFate]]:
        return last_scans(
            settings.url,
            count,
            lambda info: info["sardana"].get("macroserver") == macroserver,
            password_file=settings.password_file,
            timeout_seconds=_SECONDS,
        )

    try:
        survey, found = within(_SECONDS, look)
    except SardanaRedisError as error:
        reason = str(error).rstrip(".")
        return [f"Redis at {masked_url(settings.url)} cannot tell: {reason}."]
    if not found:
        return ["Redis holds no scan of this MacroServer."]
    return [line for fate in found for line in _described(survey, fate)]


def within(seconds: float, function: Callable[[], _Value]) -> _Value:
    """What the function returns or raises; StoreUnavailable where that takes longer.

    It runs in a thread of its own: Sardana could not end a macro that waits for a socket.
    """
    results: list[_Value] = []
    errors: list[SardanaRedisError] = []

    def run() -> None:
        try:
            results.append(function())
        except SardanaRedisError as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="sardana-redis-macro", daemon=True)
    thread.start()
    deadline = time.monotonic() + seconds
    while thread.is_alive():
        if time.monotonic() > deadline:
            raise StoreUnavailable(f"it did not answer within {seconds:g} s", Outage.TIMEOUT)
        time.sleep(_SLICE_SECONDS)
    if errors:
        raise errors[0]
    return results[0]


def _described(survey: Survey, fate: ScanFate) -> list[str]:
    scan = fate.scan
    how = scan.end_reason or "not ended"
    lines = [f"Scan #{scan.number} ({scan.title}): {scan.points} points, {how}"]
    lines += [
        f"  {file['path']} is written by Sardana itself"
        for file in fate.info["sardana"].get("files", ())
        if file["writer"] == FileWriter.SARDANA
    ]
    found = duties(survey, ScanFacts(fate.identity, fate.info))
    return [*lines, *(f"  {_of_writer(fate, duty)}" for duty in found)]


def _of_writer(fate: ScanFate, duty: Duty) -> str:
    if duty.path is None:
        return f"{duty.writer} writes no file of it: {duty.reason}"
    parked = fate.parked.get(duty.writer)
    if parked is not None:
        sentence = f"{duty.writer} has parked it: {parked.reason}"
        duty = Duty(duty.writer, parked.path, obstacles=(Obstacle(ObstacleKind.FILE, sentence),))
    text, _ = outcome(fate.scan.points, duty, fate.reports.get(duty.writer), place=str(duty.path))
    return text
