"""Free ports of 127.0.0.1."""

from __future__ import annotations

import random
import socket
from pathlib import Path
from typing import Final

__all__ = ["HOST", "free_port", "is_free"]

HOST = "127.0.0.1"

_LOWEST: Final = 15000
_TRIES: Final = 100
_OUTGOING: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST_OUTGOING: Final = 32768
_random = random.SystemRandom()


def free_port() -> int:
    """A port that nobody listens on now; somebody may before it is bound, so be ready to retry.

    If possible none of those that outgoing connections are given: a client that tries again and
    again to reach a server that is down would meet itself there, and keep the server from it.
    """
    beyond = _lowest_outgoing()
    for _ in range(_TRIES if beyond > _LOWEST else 0):
        port = _random.randrange(_LOWEST, beyond)
        if is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether nobody listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _lowest_outgoing() -> int:
    """The first port that Linux gives to outgoing connections; its usual one elsewhere."""
    try:
        return int(_OUTGOING.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _LOWEST_OUTGOING
