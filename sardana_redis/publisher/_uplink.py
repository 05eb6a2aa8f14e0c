"""Whether the store can be reached, since when not, and when to try again."""

from __future__ import annotations

import time

from sardana_redis.errors import Outage, StoreError, StoreUnavailable
from sardana_redis.log import guest_logger
from sardana_redis.runtime import Backoff
from sardana_redis.store import PublishStore

__all__ = ["Uplink"]

_FIRST_RETRY_SECONDS = 0.05

_log = guest_logger(__name__)


class Uplink:
    """The connection to the store; `error` says why there is none, None while all is well.

    Used by the publisher's thread; other threads read `error`.
    """

    def __init__(self, store: PublishStore, url: str, *, retry_max_seconds: float) -> None:
        self._store = store
        self._url = url
        self.error: StoreError | None = None
        self.is_connected = False
        self.retry_at = 0.0
        self._run_id = ""
        self._has_blipped = False
        self._backoff = Backoff(_FIRST_RETRY_SECONDS, retry_max_seconds)

    def connect(self) -> bool:
        """Opens a fresh connection; returns whether it is to another server's process."""
        run_id = self._store.connect()
        self.is_connected = True
        restarted = bool(self._run_id) and run_id != self._run_id
        self._run_id = run_id
        if restarted:
            _log.warning("Redis was restarted, checking what it kept", url=self._url)
        return restarted

    def succeed(self) -> None:
        """Notes that the store took all that it was given."""
        self.error = None
        self._has_blipped = False
        self._backoff.reset()

    def lose(self, error: StoreError) -> bool:
        """Notes that the store failed; returns whether that is worth a line to the operator."""
        if self.error is None:
            reason = error.reason if isinstance(error, StoreUnavailable) else "unusable"
            _log.warning("Redis is away", url=self._url, reason=str(reason), error=str(error))
        was_connected, self.is_connected = self.is_connected, False
        self._store.disconnect()
        if was_connected and self.error is None and _is_blip(error) and not self._has_blipped:
            self._has_blipped = True
            self.retry_at = 0.0  # once more at once: a cut that heals is not worth a line
            return False
        self.error = error
        self.retry_at = time.monotonic() + self._backoff.next()
        return True

    def close(self) -> None:
        """Closes the connection."""
        self._store.disconnect()


def _is_blip(error: StoreError) -> bool:
    return isinstance(error, StoreUnavailable) and error.reason in (Outage.LOST, Outage.UNSURE)
