"""What a reader of blissdata sees of our scans, as the proof of concept showed it."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import pytest
from blissdata import DataStore
from blissdata.exceptions import EndOfStream
from blissdata.streams import CursorGroup

from sardana_redis.local import Door, LocalStack, RedisServer
from sardana_redis.model import EndReason, Identity, ScanEnd, StreamSpec
from sardana_redis.publisher import Publisher
from sardana_redis.settings import PublisherSettings
from sardana_redis.store import RedisStore


@pytest.mark.stack
def test_the_reading_session_of_the_proof_of_concept(stack: LocalStack, door: Door) -> None:
    run = door.run("ascanct", "mot04", "1", "10", "10", ".05", ".02")
    assert run.state == "ON", run.text()
    data_store = DataStore(stack.redis.url)
    _, key = data_store.get_last_scan()
    scan = data_store.load_scan(key)
    assert scan.name == "ascanct"
    assert scan.number > 0
    assert set(scan.streams) == {"#Pt No", "mot04", "ct01", "ct02", "ct03", "ct04", "dt"}
    assert len(scan.streams["ct03"]) == 11
    assert isinstance(float(scan.streams["ct03"][4]), float)
    _, keys = data_store.search_existing_scans(session="test_session", name="ascanct")
    assert key in keys


def publish(publisher: Publisher, number: int, points: int) -> None:
    streams = (StreamSpec("#Pt No", "int64"), StreamSpec("ct01", "float64"))
    feed = publisher.begin(Identity("ascan", number, "s", "p"), {}, streams)
    for point in range(points):
        feed.put((point, point / 3))
    feed.end(ScanEnd(EndReason.SUCCESS, datetime.now().astimezone()))
    assert feed.wait(10)


def follow(url: str, scans: int, found: list[Any], ready: threading.Event) -> None:
    """Waits for each scan and reads all its streams with a CursorGroup while it runs."""
    data_store = DataStore(url)
    since = data_store.get_last_scan_timetag()
    ready.set()
    for _ in range(scans):
        since, key = data_store.get_next_scan(since=since, timeout=30)
        scan = data_store.load_scan(key)
        lengths = dict.fromkeys(scan.streams, 0)
        cursors = CursorGroup(scan.streams)
        while True:
            try:
                views = cursors.read(timeout=10)
            except EndOfStream:
                break
            for stream, view in views.items():
                assert view.index == lengths[stream.name], "a gap or a double"
                lengths[stream.name] += len(view.get_data())
        found.append((scan.number, lengths))


def test_a_waiting_reader_sees_every_stream_of_200_scans(redis_server: RedisServer) -> None:
    url = redis_server.url
    publisher = Publisher(RedisStore(url), PublisherSettings(), url=url, macroserver="ms")
    publish(publisher, 0, 1)  # initialises the database
    found: list[Any] = []
    ready = threading.Event()
    reader = threading.Thread(target=follow, args=(url, 200, found, ready))
    reader.start()
    assert ready.wait(10)
    for number in range(1, 201):
        publish(publisher, number, 5)
    reader.join(60)
    assert found == [(n, {"#Pt No": 5, "ct01": 5}) for n in range(1, 201)]
    assert publisher.shutdown(5) == 0
