"""Health and metrics over HTTP: /healthz, /readyz and /metrics on one port.

Answers are made from what is in memory: they wait neither for Redis nor for the service's
loop. Each client has a thread, and beyond `_MAX_CONNECTIONS` the oldest is cut off.
"""

from __future__ import annotations

import errno
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, Any, Final, Self, cast
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, Metric, make_wsgi_app

from sardana_redis.errors import BadInputError
from sardana_redis.log import guest_logger

__all__ = ["Health", "HealthServer"]

_log = guest_logger(__name__)  # in MacroServer, too, metrics can be served

_NAME: Final = "sardana-redis"
_MAX_CONNECTIONS: Final = 32
_POLL_SECONDS: Final = 0.1
_MAX_REQUEST_LINE_BYTES: Final = 8192

_REMEDIES: Final[Mapping[int | None, str]] = {
    errno.EADDRINUSE: "set another http_port, or end the program that listens there",
    errno.EACCES: "set an http_port from 1024 on",
}
_OTHER_REMEDY: Final = "set http_host to an address of this machine (0.0.0.0: all of them)"
_Page = tuple[str, list[tuple[str, str]], bytes]


@dataclass(frozen=True, slots=True)
class Health:
    """How a process is: its loop turns in time, and it does its work; `reason` is for all to read.

    Not alive asks for a restart; ready means: the store answers and the last cycle was good.
    """

    is_alive: bool
    is_ready: bool
    reason: str = "ok"


class HealthServer:
    """Serves `registry` and what `health` returns on `host` and `port`, 0 for any free port.

    `health` is called in the server's threads: it returns a snapshot and waits for nothing.
    """

    def __init__(
        self, host: str, port: int, registry: CollectorRegistry, health: Callable[[], Health]
    ) -> None:
        self._host = host
        self._port = port
        self._pages = _Pages(registry, health)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that it listens on; before `start` the one that was asked for."""
        return self._server.server_port if self._server else self._port

    def start(self) -> None:
        """Listens until `stop`; BadInputError if the address cannot be had."""
        self._server = _listen(self._host, self._port, self._pages)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name=_NAME, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Frees the port and ends all connections; does nothing when not started."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()


def _listen(host: str, port: int, pages: WSGIApplication) -> _Server:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, address = found[0]
        return _Server(family, address, pages)
    except (OSError, UnicodeError) as error:
        remedy = _REMEDIES.get(getattr(error, "errno", None), _OTHER_REMEDY)
        raise BadInputError(
            f"cannot serve /metrics and /healthz on {host} port {port}: {error}; {remedy}"
        ) from error


class _Pages:
    """The WSGI application behind the three addresses."""

    def __init__(self, registry: CollectorRegistry, health: Callable[[], Health]) -> None:
        self._metrics = make_wsgi_app(_WithoutCreated(registry))
        self._health = health
        self._pages = {"/metrics": self._scrape, "/healthz": self._tell, "/readyz": self._tell}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        page, method = self._pages.get(environ["PATH_INFO"]), environ["REQUEST_METHOD"]
        if page is None:
            status, headers, body = _text(404, f"only {', '.join(self._pages)} are here")
        elif method not in ("GET", "HEAD"):
            status, headers, body = _text(405, "only GET and HEAD are served")
            headers.append(("Allow", "GET, HEAD"))
        else:
            status, headers, body = page(environ)
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [] if method == "HEAD" else [body]

    def _scrape(self, environ: WSGIEnvironment) -> _Page:
        head: list[Any] = []
        # The library knows GET only; we know no selection of names.
        asked = {**environ, "REQUEST_METHOD": "GET", "QUERY_STRING": ""}
        body = b"".join(self._metrics(asked, lambda *answer: head.extend(answer)))
        return head[0], head[1], body

    def _tell(self, environ: WSGIEnvironment) -> _Page:
        health = self._health()
        is_good = health.is_alive and (health.is_ready or environ["PATH_INFO"] == "/healthz")
        return _text(200 if is_good else 503, health.reason)


def _text(code: int, text: str) -> _Page:
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
    return f"{code} {HTTPStatus(code).phrase}", headers, f"{text}\n".encode()


class _WithoutCreated:
    """A registry without the `_created` series, which would double what Prometheus stores."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for family in self._registry.collect():
            created = f"{family.name}_created"
            family.samples = [sample for sample in family.samples if sample.name != created]
            yield family


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    """Keeps the newest connections, each in a daemonic thread, and asks no name server."""

    daemon_threads = True
    request_queue_size = 128  # clients that a burst lets wait for their thread

    def __init__(self, family: int, address: tuple[Any, ...], pages: WSGIApplication) -> None:
        self.address_family = family
        self.pages = pages
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        super().__init__(address[:2], _RequestHandler)

    def server_bind(self) -> None:
        """Binds without HTTPServer's look-up of the host's full name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Starts the connection's thread; beyond the limit the oldest connection ends."""
        with self._lock:
            self._open.append(request)
            surplus = self._open[:-_MAX_CONNECTIONS]
        _hang_up(surplus)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.remove(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        with self._lock:
            _hang_up(self._open)

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        _log_failure(sys.exception())


class _Answer(ServerHandler):
    """Sends a page, or 500 after an error, which is logged."""

    server_software = _NAME
    request_handler: WSGIRequestHandler

    def log_exception(self, exc_info: Any) -> None:
        _log_failure(exc_info[1])


class _RequestHandler(WSGIRequestHandler):
    """One request, one answer, then the end of the connection."""

    server: _Server
    timeout = 5.0  # seconds, for each read and for each write

    def handle(self) -> None:
        """As the base class does, with `_Answer` in the place of its noisy one."""
        self.raw_requestline = self.rfile.readline(_MAX_REQUEST_LINE_BYTES + 1)
        if len(self.raw_requestline) > _MAX_REQUEST_LINE_BYTES:
            self.requestline = self.request_version = self.command = ""
            self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)
        elif self.parse_request():
            replies = cast("IO[bytes]", self.wfile)
            answer = _Answer(self.rfile, replies, sys.stderr, self.get_environ())
            answer.request_handler = self
            answer.run(self.server.pages)

    def version_string(self) -> str:
        return _NAME

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        _log.debug("answered over HTTP", client=self.client_address[0], line=format % args)


def _hang_up(connections: Iterable[socket.socket]) -> None:
    for connection in connections:
        with suppress(OSError):  # it is closed already
            connection.shutdown(socket.SHUT_RDWR)


def _log_failure(error: BaseException | None) -> None:
    if isinstance(error, OSError):  # the client went away, or is slower than we wait
        _log.debug("lost a client over HTTP", error=str(error))
    else:
        _log.error("cannot answer over HTTP", exc_info=error)
