"""The memory tracker as a process: connects, turns, waits out what goes wrong."""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext

from prometheus_client import CollectorRegistry

from sardana_redis.errors import (
    Outage,
    SardanaRedisError,
    SettingsError,
    StoreError,
    StoreUnavailable,
    TrackingRefusedError,
)
from sardana_redis.http import Health, HealthServer
from sardana_redis.lag import LagCollector
from sardana_redis.log import get_logger
from sardana_redis.memory_tracker._snapshot import Limits
from sardana_redis.memory_tracker._tracker import Tracker
from sardana_redis.metrics import TrackerMetrics
from sardana_redis.runtime import Backoff
from sardana_redis.settings import MemoryTrackerSettings, Settings, masked_url
from sardana_redis.store import TrackStore, initialise_database, url_with_password

__all__ = ["MemoryTrackerService", "limits_from"]

_TURN_SECONDS = 0.1
"""Redis fills at 60 to 230 MB/s."""

_LONGEST_PAUSE_SECONDS = 2.0
_LONGEST_TURN_SECONDS = 60.0

_log = get_logger(__name__)


class MemoryTrackerService:
    """Keeps one Redis' memory bounded until it is told to stop."""

    def __init__(self, settings: Settings, registry: CollectorRegistry | None = None) -> None:
        self._settings = settings
        self._registry = registry or CollectorRegistry()
        self._store = TrackStore(settings.url, password_file=settings.password_file)
        own = settings.memory_tracker
        self._tracker = Tracker(
            self._store,
            limits_from(own),
            TrackerMetrics(self._registry),
            LagCollector(self._registry),
            monitoring_period=own.monitoring_period,
        )
        self._backoff = Backoff(_TURN_SECONDS, _LONGEST_PAUSE_SECONDS)
        self._trouble: str | None = "starting"
        self._turned_at = time.monotonic()

    @property
    def health(self) -> Health:
        """Whether the loop turns, and the last turn was good; from any thread."""
        silence = time.monotonic() - self._turned_at
        if silence > _LONGEST_TURN_SECONDS:
            return Health(False, False, f"no turn has ended for {silence:.0f} s")
        if self._trouble is not None:
            return Health(True, False, f"waiting for Redis: {self._trouble}")
        return Health(True, True)

    def run(self, stop: threading.Event) -> None:
        """Turns until `stop` is set; raises TrackingRefusedError where it must not run."""
        own = self._settings.memory_tracker
        port = own.http_port
        server = (
            nullcontext()
            if port is None
            else HealthServer(own.http_host, port, self._registry, lambda: self.health)
        )
        with server:
            try:
                pause = 0.0
                while not stop.wait(pause):
                    pause = self._turn()
                    self._turned_at = time.monotonic()
            finally:
                self._store.disconnect()

    def _turn(self) -> float:
        """One turn; returns the pause until the next one."""
        try:
            if not self._store.is_connected and not self._connect():
                return self._backoff.next()
            self._tracker.turn()
        except (StoreError, SettingsError) as error:  # SettingsError: the password file is gone
            self._tell(str(getattr(error, "reason", "unusable")), error)
            if isinstance(error, StoreUnavailable) and error.reason is Outage.FULL:
                return _TURN_SECONDS  # what could not be written will be, once there is room
            return self._begin_anew()
        except TrackingRefusedError:
            raise
        except Exception:  # noqa: BLE001 - what nobody foresaw must not end the only tracker
            self._trouble = "a bug of the memory tracker"
            _log.exception("memory tracker failed, it begins anew")
            return self._begin_anew()
        if self._trouble is not None:
            _log.info("Redis can be used", url=masked_url(self._settings.url))
            self._trouble = None
        self._backoff.reset()
        return _TURN_SECONDS

    def _begin_anew(self) -> float:
        """Drops the connection, and what was seen by it; returns the pause."""
        self._store.disconnect()
        self._tracker.lose_sight()
        return self._backoff.next()

    def _connect(self) -> bool:
        """Opens a connection; returns whether the database is ready for blissdata."""
        settings = self._settings
        if not self._store.connect():
            if not settings.memory_tracker.init_db:
                self._store.disconnect()
                self._tell("not initialised", None)
                return False
            initialise_database(url_with_password(settings.url, settings.password_file))
        self._tracker.begin()
        return True

    def _tell(self, trouble: str, error: SardanaRedisError | None) -> None:
        """One line for each kind of trouble, until that is over."""
        if trouble == self._trouble:
            return
        self._trouble = trouble
        url = masked_url(self._settings.url)
        if error is None:
            _log.warning(
                "Waiting until Redis is initialised: by `sardana-redis init-db`, --init-db, or the "
                "first scan",
                url=url,
            )
        else:
            _log.warning("Waiting for Redis", url=url, reason=trouble, error=str(error))


def limits_from(settings: MemoryTrackerSettings) -> Limits:
    """What the policy goes by."""
    names = Limits.__dataclass_fields__
    return Limits(**{name: getattr(settings, name) for name in names})
