"""One connection to Redis that never reconnects behind our back.

redis-py's clients and pools reconnect silently, also to a server that was restarted and
came back empty. A publisher must know: so this works on redis-py's `Connection` itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from redis import Connection
from redis import exceptions as foreign
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from sardana_redis.errors import (
    Outage,
    SettingsError,
    StoreError,
    StoreUnavailable,
    StoreUnusable,
)
from sardana_redis.store._errors import translate

__all__ = ["Command", "Link", "reader_url", "url_with_password"]

Command = tuple[Any, ...]

_CERTIFICATES = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})


class Link:
    """An open connection; any error but a refused command closes it for good."""

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        self._connection = _connection(url, timeout_seconds)
        self._is_closed = False
        _require_certificates(url)
        try:
            self._connection.connect()
        except (foreign.RedisError, OSError) as error:
            raise translate(error, connecting=True) from error

    def call(self, *command: Any) -> Any:
        """The reply to one command; a refusal is raised."""
        (reply,) = self.pipeline([command])
        if isinstance(reply, StoreError):
            raise reply
        return reply

    def pipeline(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to the commands, sent in one go; a refused one's reply is a StoreError."""
        if self._is_closed:  # redis-py's Connection would connect again by itself
            raise StoreUnavailable("the connection was given up", Outage.LOST)
        connection = self._connection
        try:
            connection.send_packed_command(connection.pack_commands(commands))
            return [self._read() for _ in commands]
        except (foreign.RedisError, OSError) as error:
            self.close()
            raise translate(error) from error
        except BaseException:
            # Replies that nobody read would be taken for those of the next commands.
            self.close()
            raise

    def transaction(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to the commands, carried out all or none (MULTI/EXEC)."""
        replies = self.pipeline([("MULTI",), *commands, ("EXEC",)])
        for reply in replies[:-1]:
            if isinstance(reply, StoreError):
                raise reply
        results = replies[-1]
        if isinstance(results, StoreError):
            raise results
        for result in results:
            if isinstance(result, foreign.ResponseError):
                raise translate(result)
        return list(results)

    def close(self) -> None:
        """Closes the connection; safe to repeat."""
        self._is_closed = True
        self._connection.disconnect()

    def _read(self) -> Any:
        try:
            return self._connection.read_response()
        except foreign.ResponseError as error:
            return translate(error)


def _connection(url: str, timeout_seconds: float) -> Any:
    """A connection that is not open yet; StoreUnusable where redis-py cannot use the URL."""
    try:
        options: dict[str, Any] = dict(parse_url(url))
        connection_class = options.pop("connection_class", Connection)
        options.update(
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            decode_responses=False,
        )
        return connection_class(**options)
    except (TypeError, ValueError):
        # redis-py's own text may quote what stands in the URL, as a password.
        raise StoreUnusable(
            "The URL of Redis has an option behind its ? that redis-py does not take: remove it."
        ) from None


def _require_certificates(url: str) -> None:
    """Raises SettingsError where a file that the URL names is not there.

    Python's own error names neither the file nor the option.
    """
    for option, names in parse_qs(urlsplit(url).query).items():
        name = names[-1]
        if option in _CERTIFICATES and not Path(name).is_file():
            raise SettingsError(f"The file {name}, {option} of Redis' URL, is not there.")


def reader_url(url: str) -> str:
    """The URL that blissdata 2.4's readers can use with every redis-py, the newest too.

    redis-py 8 speaks protocol 3 and gives up a blocking read after 5 s unless it is told
    otherwise; both break blissdata 2.4.
    """
    parts = urlsplit(url)
    options = "protocol=2&socket_timeout=86400"
    return parts._replace(query=f"{parts.query}&{options}".removeprefix("&")).geturl()


def url_with_password(url: str, password_file: Path | None) -> str:
    """The URL with the password that the file holds now; without a file the URL as it is."""
    if password_file is None:
        return url
    try:
        password = password_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(
            f"The password file {password_file} cannot be read: {error.strerror}."
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"The password file {password_file} is not UTF-8 text.") from error
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{parts.username or ''}:{quote(password, safe='')}@{host}"
    return parts._replace(netloc=netloc).geturl()
