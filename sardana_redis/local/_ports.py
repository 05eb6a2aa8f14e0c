"""Free ports of 127.0.0.1."""

from __future__ import annotations

import socket

__all__ = ["HOST", "free_port", "is_free"]

HOST = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on now; somebody may before it is bound, so be ready to retry."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether nobody listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
