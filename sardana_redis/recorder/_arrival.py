"""At MacroServer's start: opens the port of the metrics, closes scans that were left open.

Sardana loads the recorder's file before MacroServer has read its environment, where RedisURL
is. So a thread waits until MacroServer is up, and hands over to the publisher's own thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from sardana_redis.errors import SettingsError
from sardana_redis.log import guest_logger
from sardana_redis.recorder._publishers import publisher_for, serve_metrics
from sardana_redis.recorder._sardana import RunningMacroServer, is_server, running_macroserver
from sardana_redis.settings import load_settings

__all__ = ["arrive", "used_redis_urls"]

_RECORDER = "RedisBlissRecorder"
_RECORDER_VARIABLES = ("DataRecorder", "ScanRecorder")
_URL_VARIABLE = "RedisURL"
_POLL_SECONDS = 0.25
_LONGEST_START_SECONDS = 600.0

_log = guest_logger("sardana_redis.recorder")
_has_begun = threading.Event()


def arrive(find: Callable[[], RunningMacroServer | None] = running_macroserver) -> None:
    """Begins to wait for MacroServer, once a process; waits for nothing and raises nothing."""
    # Sardana runs the plugin's file twice, and again at each reload.
    if _has_begun.is_set() or not is_server():
        return
    _has_begun.set()
    thread = threading.Thread(
        target=_wait_and_attend, args=(find,), name="sardana-redis-arrival", daemon=True
    )
    try:
        thread.start()
    except RuntimeError as error:  # no thread is to be had: the first scan closes them
        _log.warning("cannot look for scans that were left open", error=str(error))


def used_redis_urls(environment: Mapping[str, Any]) -> tuple[str | None, ...]:
    """The RedisURL of the server, its doors and macros; None stands for that of the settings.

    Empty where no variable names our recorder: then nobody publishes.
    """
    named = [value for name, value in environment.items() if _short(name) in _RECORDER_VARIABLES]
    if _RECORDER not in str(named):
        return ()
    urls = {name: value for name, value in environment.items() if _short(name) == _URL_VARIABLE}
    found = dict.fromkeys(value for value in urls.values() if isinstance(value, str))
    return tuple(found) if _URL_VARIABLE in urls else (None, *found)


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _wait_and_attend(find: Callable[[], RunningMacroServer | None]) -> None:
    """The thread: nothing that happens here may reach MacroServer."""
    deadline = time.monotonic() + _LONGEST_START_SECONDS
    try:
        while (server := find()) is None:
            if time.monotonic() > deadline:
                return
            time.sleep(_POLL_SECONDS)  # a daemon of MacroServer: it ends with it
        serve_metrics(load_settings().recorder)
        for url in used_redis_urls(server.environment):
            publisher_for(load_settings(url=url), server.name).attend()
    except SettingsError as error:
        _log.warning("cannot look for scans that were left open", error=str(error))
    except Exception:  # noqa: BLE001 - a guest: whatever it is, the first scan tries again
        _log.exception("cannot look for scans that were left open")
