"""A small TCP proxy that can refuse, freeze, cut, and lose replies."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

HOST = "127.0.0.1"
_CHUNK = 65536


class Proxy:
    """Forwards connections of a free port of 127.0.0.1 to `upstream`, another port of it.

    `cut_after(n)` cuts all connections once n more request bytes have passed: in the middle
    of a command. `lose_replies()` lets requests pass and keeps the replies.
    """

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.cuts = 0
        self._accepts = True
        self._keeps_replies = False
        self._budget: int | None = None
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    @property
    def url(self) -> str:
        """The URL to give to the publisher."""
        return f"redis://{HOST}:{self.port}"

    def close(self) -> None:
        """Ends the proxy and all its connections."""
        self._accepts = False
        # A listener in accept() notices its end only when its socket is shut down.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def refuse(self) -> None:
        """Takes no connections any more and cuts those there are."""
        self._accepts = False
        self.cut()

    def accept(self) -> None:
        """Works normally again."""
        self._keeps_replies = False
        self._budget = None
        self._accepts = True

    def cut(self) -> None:
        """Cuts all connections."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
            self.cuts += bool(pairs)
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def cut_after(self, request_bytes: int) -> None:
        """Cuts all connections when that many more bytes were requested."""
        self._budget = request_bytes

    def lose_replies(self) -> None:
        """Lets requests pass, and replies never arrive."""
        self._keeps_replies = True

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self._accepts:
                client.close()
                continue
            try:
                server = socket.create_connection((HOST, self.upstream), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._lock:
                self._pairs.add((client, server))
            for source, target, limit in (
                (client, server, self._pass_request),
                (server, client, self._pass_reply),
            ):
                threading.Thread(
                    target=self._pump, args=(source, target, limit, (client, server)), daemon=True
                ).start()

    def _pump(
        self,
        source: socket.socket,
        target: socket.socket,
        limit: Callable[[bytes], bytes],
        pair: tuple[socket.socket, socket.socket],
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                target.sendall(limit(data))
                if self._budget is not None and self._budget <= 0:
                    self._budget = None
                    self.cut()
        with self._lock:
            self._pairs.discard(pair)
        for end in pair:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _pass_request(self, data: bytes) -> bytes:
        if self._budget is None:
            return data
        passed = data[: self._budget]
        self._budget -= len(passed)
        return passed

    def _pass_reply(self, data: bytes) -> bytes:
        return b"" if self._keeps_replies else data
