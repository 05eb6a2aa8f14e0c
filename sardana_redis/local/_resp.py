"""A question to a Redis server, over a socket of its own.

Only `store` talks to Redis; this tells whether there is anybody to talk to.
"""

from __future__ import annotations

import socket

from sardana_redis.local._ports import HOST

__all__ = ["ask", "names_both_modules"]


def ask(port: int, *words: str, password: str | None = None, seconds: float = 2.0) -> bytes:
    """The raw reply to one command; empty when the server does not answer."""
    commands = [words, ("QUIT",)]
    if password is not None:
        commands.insert(0, ("AUTH", password))
    reply = b""
    try:
        with socket.create_connection((HOST, port), timeout=seconds) as connection:
            connection.sendall(b"".join(encode(*command) for command in commands))
            while block := connection.recv(65536):
                reply += block
    except OSError:
        return b""
    return reply


def encode(*words: str) -> bytes:
    """A command in Redis' protocol."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        value = word.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(value), value))
    return b"".join(parts)


def names_both_modules(reply: bytes) -> bool:
    """Whether a reply to MODULE LIST names RedisJSON and RediSearch."""
    return b"$6\r\nReJSON\r\n" in reply and b"$6\r\nsearch\r\n" in reply
