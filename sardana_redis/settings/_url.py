"""Redis' URL: whether it can be one, and how it is shown."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

__all__ = ["check_url", "masked_url"]

# redis-py takes a password as an option of its URL as well.
_PASSWORD_OPTION = re.compile(r"(?i)((?:^|&)password=)[^&]*")


def check_url(url: str) -> str:
    """The URL; ValueError, which shows no password, where it cannot be Redis'."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ValueError("must begin with redis://, rediss:// or unix://")
    if parts.fragment or "@" in parts.path + parts.query:
        # Here a part of a password would count as host or port, and be shown.
        raise ValueError("has a /, ?, # or @ in its password; write it as %2F, %3F, %23 or %40")
    if parts.scheme != "unix":
        if not parts.hostname:
            raise ValueError("names no host; write redis://HOST:PORT")
        _check_port(parts)
    return url


def masked_url(url: str) -> str:
    """The URL with its password replaced by ***, for logs and messages."""
    parts = urlsplit(url)
    netloc = parts.netloc
    if parts.password is not None:
        netloc = f"{parts.username or ''}:***@{netloc.rpartition('@')[2]}"
    query = _PASSWORD_OPTION.sub(r"\g<1>***", parts.query)
    return parts._replace(netloc=netloc, query=query).geturl()


def _check_port(parts: SplitResult) -> None:
    try:
        _ = parts.port
    except ValueError:
        # urlsplit's own text quotes the port: half a password, where that holds a `/`.
        raise ValueError("has a port that is no number up to 65535") from None
