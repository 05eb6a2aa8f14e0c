"""Looks after a server that runs: what is missing in it, and whether it can be worked with."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

import tango

from sardana_redis.device_server._sight import Sight
from sardana_redis.errors import BadInputError, ControlSystemError, SardanaRedisError
from sardana_redis.http import Health
from sardana_redis.log import get_logger
from sardana_redis.runtime import Pulse

__all__ = ["Attendant", "Errand"]

Errand = Callable[[], None]
"""Done once; raises ControlSystemError to be tried again, BadInputError to end the server."""

_PERIOD_SECONDS: Final = 2.0
_LONGEST_TURN_SECONDS: Final = 120.0
_FORGOTTEN: Final = "the Tango database no longer has its device"

_log = get_logger(__name__)


class Attendant:
    """A thread beside the server; `health` is what it saw last.

    `errands` are run in their order once the server is up. `stop` ends the server, and `failure`
    says why, when one of them finds that it must not run. With nothing to do it ends as well when
    the Tango database has lost it, and when it has been a stranger to a Pool for
    `patience_seconds` (0: never): Sardana 3.7 does not get over a Pool that was lost in the wrong
    moment, and a new process does.
    """

    def __init__(
        self,
        sight: Sight,
        errands: Iterable[Errand],
        stop: threading.Event,
        *,
        patience_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.failure: SardanaRedisError | None = None
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._stranger_since: float | None = None
        self._sight = sight
        self._errands = list(errands)
        self._stop = stop
        self._obstacle: str | None = "the server has not come up yet"
        self._pulse = Pulse()

    def health(self) -> Health:
        """Whether the server can be worked with.

        Alive it is as long as its process runs: a scan may run in a server that we cannot see.
        """
        is_looking = self._pulse.is_alive(_LONGEST_TURN_SECONDS)
        reason = self._obstacle if is_looking else f"no look for {self._pulse.age:.0f} s"
        return Health(is_alive=True, is_ready=reason is None, reason=reason or "ok")

    def run(self, over: threading.Event) -> None:
        """Looks every 2 s until `over` is set."""
        while not over.is_set():
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001 - nobody else says whether it is ready
                self._stumble(error)
            over.wait(_PERIOD_SECONDS)

    def turn(self) -> None:
        """One look; what still has to be done is done as soon as the server allows it."""
        self._pulse.beat()
        is_forgotten = self._sight.is_forgotten()
        found = _FORGOTTEN if is_forgotten else self._look()
        if found != self._obstacle:
            _log.info("ready" if found is None else "not ready", reason=found)
        self._obstacle = found
        if is_forgotten:
            self._stranger_since = None
            self._end_forgotten()
        else:
            self._watch_strangers()

    def _look(self) -> str | None:
        return self._sight.server_obstacle() or self._run_errands() or self._sight.obstacle()

    def _end_forgotten(self) -> None:
        """Ends a server that nobody finds any more, unless a scan may still run with it."""
        if not self._sight.is_busy():
            self._give_up(
                ControlSystemError(
                    "The Tango database no longer has its device: it ends, to be started again "
                    "and to register itself anew. A database on a volume keeps what stands in it "
                    "(in the chart tangoDb.persistence.enabled)."
                )
            )

    def _stumble(self, error: Exception) -> None:
        """Tells what nobody foresaw: on /readyz as long as it lasts, in the log once."""
        what = str(error).partition("\n")[0]
        found = f"the look at it failed: {type(error).__name__}: {what}"
        if found != self._obstacle:
            _log.error("not ready", reason=found, exc_info=error)
        self._obstacle = found
        self._stranger_since = None

    def _watch_strangers(self) -> None:
        if self._obstacle is None or not self._sight.is_stranger:
            self._stranger_since = None
            return
        since = self._stranger_since = self._stranger_since or self._clock()
        if 0 < self._patience_seconds <= self._clock() - since and not self._sight.is_busy():
            self._give_up(
                ControlSystemError(
                    f"For {self._patience_seconds:g} s {self._obstacle}, although its Pool "
                    "answers: it ends, to be started again (device_server.pool_patience)."
                )
            )

    def _run_errands(self) -> str | None:
        """Does what is left to do; returns why that is not possible yet."""
        while self._errands:
            try:
                self._errands[0]()
            except (ControlSystemError, tango.DevFailed) as error:
                return str(error).partition("\n")[0]
            except BadInputError as error:
                self._give_up(error)
                return str(error)
            del self._errands[0]
        return None

    def _give_up(self, error: SardanaRedisError) -> None:
        self.failure = error
        self._stop.set()
