"""Health and metrics over real sockets: what is answered, and that nobody holds up others."""

from __future__ import annotations

import gzip
import http.client
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families

from sardana_redis import http as http_module
from sardana_redis.errors import BadInputError
from sardana_redis.http import Health, HealthServer
from sardana_redis.metrics import RecorderMetrics, WriterMetrics

HOST = "127.0.0.1"
WELL = Health(is_alive=True, is_ready=True)
PAGES = ("/metrics", "/healthz", "/readyz")


class Service:
    """A process whose health a test sets."""

    def __init__(self) -> None:
        self.health = WELL
        self.registry = CollectorRegistry()
        self.metrics = WriterMetrics(self.registry, "spec")
        self.server = HealthServer(HOST, 0, self.registry, lambda: self.health)

    @property
    def address(self) -> tuple[str, int]:
        return HOST, self.server.port

    def ask(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        with closing(http.client.HTTPConnection(*self.address, timeout=30)) as connection:
            connection.request(method, path, headers=headers or {})
            response = connection.getresponse()
            return response, response.read()

    def say(self, request: bytes) -> bytes:
        """All that comes back until the server ends the connection."""
        with socket.create_connection(self.address, timeout=30) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    with service.server:
        yield service


@pytest.mark.parametrize(
    ("health", "healthz", "readyz"),
    [
        (WELL, 200, 200),
        (Health(is_alive=True, is_ready=False, reason="waits for Redis"), 200, 503),
        (Health(is_alive=False, is_ready=False, reason="the loop stands still"), 503, 503),
        (Health(is_alive=False, is_ready=True, reason="no turn for 60 s"), 503, 503),
    ],
)
def test_health_is_told_by_the_code_and_in_words(
    service: Service, health: Health, healthz: int, readyz: int
) -> None:
    service.health = health
    for path, code in (("/healthz", healthz), ("/readyz", readyz)):
        response, body = service.ask(path)
        assert (response.status, body.decode()) == (code, f"{health.reason}\n")
        assert response.getheader("Content-Type") == "text/plain; charset=utf-8"
        assert response.getheader("Cache-Control") == "no-store"


def test_a_reason_may_be_in_any_language(service: Service) -> None:
    service.health = Health(is_alive=True, is_ready=True, reason="läuft seit 5 µs")
    assert service.ask("/readyz")[1].decode() == "läuft seit 5 µs\n"


def test_metrics_are_those_of_the_registry(service: Service) -> None:
    service.metrics.points_written.inc(7)
    response, body = service.ask("/metrics")
    families = {f.name: f for f in text_string_to_metric_families(body.decode())}
    assert response.status == 200
    assert set(families) == {
        "sardana_redis_writer_points_written",
        "sardana_redis_writer_scans",
        "sardana_redis_writer_lost_points",
        "sardana_redis_writer_file_retries",
        "sardana_redis_build_info",
    }
    assert families["sardana_redis_writer_points_written"].samples[0].value == 7


def test_a_scraper_gets_the_format_and_the_compression_that_it_asks_for(service: Service) -> None:
    headers = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}
    response, body = service.ask("/metrics?name[]=other", headers=headers)
    assert str(response.getheader("Content-Type")).startswith("application/openmetrics-text")
    assert response.getheader("Content-Encoding") == "gzip"
    text = gzip.decompress(body).decode()
    assert text.endswith("# EOF\n")
    assert "sardana_redis_build_info" in text
    assert "_created" not in text


@pytest.mark.parametrize("path", PAGES)
def test_head_tells_what_get_would_without_the_body(service: Service, path: str) -> None:
    get, body = service.ask(path)
    head, nothing = service.ask(path, "HEAD")
    assert nothing == b""
    for name in ("Content-Type", "Content-Length"):
        assert head.getheader(name) == get.getheader(name)
    assert int(head.getheader("Content-Length") or -1) == len(body)


@pytest.mark.parametrize("path", ["/", "/metrics/", "/../etc/passwd", "/favicon.ico", "*"])
def test_other_pages_do_not_exist(service: Service, path: str) -> None:
    response, body = service.ask(path)
    assert response.status == 404
    assert body == b"only /metrics, /healthz, /readyz are here\n"


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "NONSENSE"])
def test_other_methods_are_refused(service: Service, method: str, path: str) -> None:
    response, _ = service.ask(path, method)
    assert (response.status, response.getheader("Allow")) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("request_line", "code"),
    [
        (b"GET /healthz HTTP/1.0", b"200"),
        (b"GET /nothing HTTP/1.1", b"404"),
        (b"POST /healthz HTTP/1.1", b"405"),
        (b"GET /healthz HTTP/9.9", b"505"),
        (b"not a request at all", b"400"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1", b"414"),
    ],
)
def test_no_answer_tells_versions(service: Service, request_line: bytes, code: bytes) -> None:
    answer = service.say(request_line + b"\r\n\r\n")
    assert code in answer
    assert b"Python" not in answer
    if answer.startswith(b"HTTP/"):  # else it is a body only, as for a client of 1991
        assert b"\r\nServer: sardana-redis\r\n" in answer


def test_a_connection_that_says_nothing_is_no_error(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    socket.create_connection(service.address, timeout=30).close()
    assert service.ask("/healthz")[0].status == 200
    assert not caplog.records


def test_nothing_is_written_to_the_terminal(
    service: Service, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for path in (*PAGES, "/other"):
        service.ask(path)
    service.say(b"nonsense\r\n\r\n")
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_requests_are_logged_for_those_who_debug(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.ask("/readyz")
    service.server.stop()
    assert "GET /readyz" in caplog.text


def fail() -> Health:
    raise ZeroDivisionError("a bug")


class Broken:
    """A collector with a bug."""

    def collect(self) -> Iterator[Metric]:
        raise ZeroDivisionError("a bug")


@pytest.fixture
def only_caplog(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the handlers that Sardana, loaded by other tests, has left at the root logger."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [caplog.handler])


@pytest.mark.usefixtures("only_caplog")
def test_a_bug_is_an_answer_and_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    service = Service()
    service.registry.register(Broken())
    service.server = HealthServer(HOST, 0, service.registry, fail)
    with service.server:
        for path in ("/metrics", "/healthz"):
            response, body = service.ask(path)
            assert response.status == 500
            assert response.getheader("Server") == "sardana-redis"
            assert b"bug" not in body
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "a bug" in caplog.text
    assert capfd.readouterr() == ("", "")


def test_slow_clients_hold_up_nobody(service: Service) -> None:
    with ExitStack() as slow:
        for _ in range(100):
            connection = socket.create_connection(service.address, timeout=30)
            slow.enter_context(connection)
            connection.sendall(b"GET /metr")
        for path in PAGES:
            assert service.ask(path)[0].status == 200
        wait_for(lambda: len(threads()) <= http_module._MAX_CONNECTIONS + 1)


def test_a_client_that_never_ends_its_request_is_dropped(
    service: Service, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(http_module._RequestHandler, "timeout", 0.1)
    assert service.say(b"GET /healthz HTTP/1.1\r\nHost:") == b""
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("only_caplog")
def test_a_client_that_takes_no_answer_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(http_module._RequestHandler, "timeout", 0.1)
    service = Service()
    service.health = Health(is_alive=True, is_ready=True, reason="x" * 20_000_000)
    with service.server, socket.create_connection(service.address, timeout=30) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
        wait_for(lambda: "lost a client" in caplog.text)
    assert capfd.readouterr() == ("", "")


def wait_for(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    while not condition():  # pytest's time limit ends it
        pause.wait(0.01)


def test_a_scrape_that_takes_long_does_not_hold_up_health(service: Service) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow:
        def collect(self) -> Iterator[Metric]:
            begun.set()
            go_on.wait(30)
            return iter(())

    service.registry.register(Slow())
    scrape = threading.Thread(target=service.ask, args=("/metrics",))
    scrape.start()
    assert begun.wait(30)
    assert service.ask("/healthz")[0].status == 200
    go_on.set()
    scrape.join(30)


def test_a_free_port_is_picked_and_given_back() -> None:
    service = Service()
    assert service.server.port == 0
    with service.server:
        port = service.server.port
        assert port > 0
    again = HealthServer(HOST, port, service.registry, lambda: WELL)
    with again:
        assert again.port == port


def test_stop_ends_connections_and_threads(service: Service) -> None:
    address = service.address
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(b"GET /healthz")
        wait_for(lambda: len(threads()) == 2)
        assert all(thread.daemon for thread in threads())
        service.server.stop()
        assert connection.recv(100) == b""
    wait_for(lambda: not threads())
    service.server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=30)


def threads() -> list[threading.Thread]:
    parts = ("sardana-redis", "process_request")
    return [t for t in threading.enumerate() if any(part in t.name for part in parts)]


def test_a_taken_port_is_named_with_the_remedy(service: Service) -> None:
    port = service.server.port
    second = HealthServer(HOST, port, CollectorRegistry(), lambda: WELL)
    with pytest.raises(BadInputError, match=rf"{HOST} port {port}.*in use.*another http_port"):
        second.start()
    second.stop()


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "two..dots", "300.1.1.1"])
def test_a_host_that_is_not_ours_is_named_with_the_remedy(host: str) -> None:
    server = HealthServer(host, 0, CollectorRegistry(), lambda: WELL)
    with pytest.raises(BadInputError, match=rf"on {host} port 0: .*; set http_host to an address"):
        server.start()


def test_ipv6_is_served_where_there_is_one() -> None:
    server = HealthServer("::1", 0, CollectorRegistry(), lambda: WELL)
    try:
        server.start()
    except BadInputError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    with closing(http.client.HTTPConnection("::1", server.port, timeout=30)) as connection:
        connection.request("GET", "/readyz")
        assert connection.getresponse().read() == b"ok\n"
    server.stop()


def test_no_name_server_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_host: str) -> str:
        raise AssertionError("a look-up can take seconds")

    monkeypatch.setattr(socket, "getfqdn", refuse)
    service = Service()
    with service.server:
        assert service.ask("/healthz")[0].status == 200


def test_counting_goes_on_while_many_scrape() -> None:
    registry = CollectorRegistry()
    metrics = RecorderMetrics(registry)
    service = Service()
    service.server = HealthServer(HOST, 0, registry, lambda: WELL)
    codes: list[int] = []

    def scrape() -> None:
        codes.extend(service.ask("/metrics")[0].status for _ in range(10))

    with service.server:
        scrapers = [threading.Thread(target=scrape) for _ in range(4)]
        for scraper in scrapers:
            scraper.start()
        for _ in range(1000):
            metrics.points.inc()
        for scraper in scrapers:
            scraper.join(60)
    assert codes == [200] * 40
    assert registry.get_sample_value("sardana_redis_recorder_points_total") == 1000
