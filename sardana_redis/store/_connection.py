"""The connection of a store, opened anew whenever it was lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sardana_redis.errors import Outage, StoreError, StoreUnavailable
from sardana_redis.store._link import Link, url_with_password

__all__ = ["Connection"]

_Found = TypeVar("_Found")


class Connection:
    """One connection to Redis at a time, none at first; not for use by two threads."""

    def __init__(
        self, url: str, *, password_file: Path | None = None, timeout_seconds: float = 5.0
    ) -> None:
        self._url = url
        self._password_file = password_file
        self._timeout_seconds = timeout_seconds
        self._open_link: Link | None = None

    @property
    def link(self) -> Link:
        """The open connection; raises StoreUnavailable where there is none."""
        if self._open_link is None:
            raise StoreUnavailable("not connected", Outage.LOST)
        return self._open_link

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._open_link is not None

    def disconnect(self) -> None:
        """Closes the connection; raises nothing."""
        if self._open_link is not None:
            self._open_link.close()
            self._open_link = None

    def _open(self, prepare: Callable[[Link, str], _Found]) -> _Found:
        """Opens a fresh connection, which stays if `prepare` raises nothing; returns its result.

        `prepare` is given the connection and the URL with the password as it is now.
        """
        self.disconnect()
        url = url_with_password(self._url, self._password_file)
        link = Link(url, timeout_seconds=self._timeout_seconds)
        try:
            found = prepare(link, url)
        except StoreError:
            link.close()
            raise
        self._open_link = link
        return found
