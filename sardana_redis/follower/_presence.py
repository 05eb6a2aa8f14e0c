"""That a writer runs, as Redis shows it, and whether it is the only one of its name."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from sardana_redis import __version__
from sardana_redis.errors import Outage, StoreUnavailable, WriterConflictError
from sardana_redis.follower._pace import Pace
from sardana_redis.keys import WRITER_RENEWAL_SECONDS, WRITER_UP_SECONDS
from sardana_redis.model import WriterRecord
from sardana_redis.settings import WriterSettings
from sardana_redis.store import FollowStore, read_writers, write_writer
from sardana_redis.vitals import Vitals

__all__ = ["Presence"]

_DOUBT_SECONDS = 1.5 * WRITER_RENEWAL_SECONDS
"""Within that time another process shows that it runs: it waits for half a second at most."""


class Presence:
    """The sign of life of one writer. `may_be_second`: another process may be that writer too."""

    def __init__(
        self, store: FollowStore, kind: str, settings: WriterSettings, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._name = settings.writer_name
        self._sessions = settings.sessions
        self._least_free_bytes = settings.least_free_bytes
        self._clock = clock
        boot = f"{int(time.time() * 1000):013d}-{secrets.token_hex(4)}"
        self._record = WriterRecord(kind, socket.gethostname(), __version__, boot)
        self._beat = Pace(WRITER_RENEWAL_SECONDS)
        self._is_registered = False
        self.may_be_second = False

    def begin(self) -> None:
        """Begins anew with a Redis that may never have heard of it: it is due at once."""
        self._is_registered = False
        self._beat.hurry()

    def is_due(self) -> bool:
        """Whether the sign of life is due, every 2 s; once it is, the next one is 2 s later."""
        return self._beat.is_due(self._clock())

    def feel(self, vitals: Vitals) -> None:
        """Takes how the writer is, for the next sign of life: at once if other files fail."""
        known = self._record.vitals
        if vitals.troubles != known.troubles and not self.may_be_second:
            self._beat.hurry()
        vitals = replace(vitals, sessions=self._sessions, least_free_bytes=self._least_free_bytes)
        self._record = replace(self._record, vitals=vitals)

    def show(self) -> None:
        """Renews the sign of life.

        Raises WriterConflictError where an older process is the writer of that name, and
        StoreUnavailable where Redis has forgotten this one, whose reports went with it.
        """
        store = self._store
        self._heed(read_writers(store.link).get(self._name))
        self._record = replace(self._record, seen_ms=store.now_ms())
        try:
            is_new = write_writer(store.link, self._name, self._record)
        except StoreUnavailable as error:
            if error.reason is not Outage.FULL:
                raise
            return
        if is_new and self._is_registered:
            raise StoreUnavailable(f"the writer {self._name} was forgotten", Outage.LOST)
        self._is_registered = True

    def _heed(self, found: WriterRecord | None) -> None:
        """Notes, of the record that was found under our name, whether an older process may run.

        Raises WriterConflictError where it does.
        """
        ours = self._record
        is_older = found is not None and found.boot < ours.boot
        silence_ms = 0 if found is None else self._store.now_ms() - found.seen_ms
        self.may_be_second = is_older and silence_ms <= WRITER_UP_SECONDS * 1000
        if found is not None and is_older and found.seen_ms > ours.seen_ms > 0:
            raise WriterConflictError(
                f"A process on {found.host} is the writer {self._name!r} already: end one of the "
                "two, or give this one another writer_name."
            )
        if self.may_be_second:  # it writes over our record, if we do not write over its own
            self._beat.put_off(self._clock() + _DOUBT_SECONDS)
