"""What every PublishStore promises, held against Redis and against the store in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from types import ModuleType

import numpy as np
import pytest
import redis

from sardana_redis.errors import (
    Outage,
    ScanNotFoundError,
    StoreUnavailable,
    StreamSealedError,
)
from sardana_redis.local import RedisServer
from sardana_redis.model import Identity, Info, StreamSpec
from sardana_redis.store import (
    Birth,
    Entry,
    Link,
    MemoryStore,
    PublishStore,
    RedisStore,
    Standing,
    TrackedScan,
    _orphans,
    _redis_store,
    new_birth,
)

STREAMS = (StreamSpec("#Pt No", "int64"), StreamSpec("ct01", "float64"))


@pytest.fixture(params=["redis", "memory"])
def store(request: pytest.FixtureRequest) -> Iterator[PublishStore]:
    if request.param == "memory":
        made: PublishStore = MemoryStore()
    else:
        server: RedisServer = request.getfixturevalue("redis_server")
        made = RedisStore(server.url)
    assert made.connect()
    yield made
    made.disconnect()


def birth(number: int = 1, boot: str = "now") -> Birth:
    owner = {"macroserver": "ms", "boot": boot}
    info = {"title": "t", "publisher": "sardana-redis", "sardana": dict(owner)}
    return new_birth(Identity("ascan", number, "session", "policy"), info, STREAMS, owner)


def entries(scan: Birth, first: int, points: int) -> list[Entry]:
    numbers = np.arange(first, first + points)
    return [
        Entry(scan.stream_keys[0], first, numbers.tobytes(), points, True, first == 0),
        Entry(scan.stream_keys[1], first, (numbers / 2).tobytes(), points, False, first == 0),
    ]


def test_an_unborn_scan_is_not_found(store: PublishStore) -> None:
    assert store.look_up(birth()) is None


def test_a_born_scan_is_started_and_empty(store: PublishStore) -> None:
    scan = birth()
    store.bear(scan)
    assert store.look_up(scan) == Standing(2, (0, 0), (False, False))


def test_lengths_follow_the_entries(store: PublishStore) -> None:
    scan = birth()
    store.bear(scan)
    store.append(entries(scan, 0, 10))
    store.append(entries(scan, 10, 1))
    store.append(entries(scan, 11, 4)[:1])
    assert store.look_up(scan) == Standing(2, (15, 11), (False, False))


def test_an_entry_is_never_doubled(store: PublishStore) -> None:
    scan = birth()
    store.bear(scan)
    store.append(entries(scan, 0, 10))
    with pytest.raises(StoreUnavailable) as caught:
        store.append(entries(scan, 0, 10))
    assert caught.value.reason is Outage.UNSURE
    assert store.look_up(scan) == Standing(2, (10, 10), (False, False))


def test_closing_seals_and_writes_the_info(store: PublishStore) -> None:
    scan = birth()
    store.bear(scan)
    store.append(entries(scan, 0, 10))
    store.close_scan(scan, {"title": "new", "end_reason": "SUCCESS"}, scan.stream_keys)
    assert store.look_up(scan) == Standing(4, (10, 10), (True, True))


def test_closing_goes_on_where_it_was_interrupted(store: PublishStore) -> None:
    scan = birth()
    store.bear(scan)
    store.close_scan(scan, {}, scan.stream_keys[:1])
    store.close_scan(scan, {}, scan.stream_keys)
    assert store.look_up(scan) == Standing(4, (0, 0), (True, True))


def test_nothing_follows_a_seal(store: PublishStore) -> None:
    scan = birth()
    store.bear(scan)
    store.append(entries(scan, 0, 3))
    store.close_scan(scan, {}, scan.stream_keys)
    with pytest.raises(StreamSealedError):
        store.append(entries(scan, 3, 1))


def test_a_stream_that_is_gone_is_noticed(store: PublishStore) -> None:
    scan = birth()
    with pytest.raises(StoreUnavailable) as caught:
        store.append(entries(scan, 5, 1))
    assert caught.value.reason is Outage.UNSURE


def test_the_info_of_a_scan_that_is_gone_cannot_be_rewritten(store: PublishStore) -> None:
    with pytest.raises(ScanNotFoundError):
        store.rewrite_info(birth(), {})


def test_only_orphans_of_the_same_macroserver_are_closed(store: PublishStore) -> None:
    orphan, ours, closed = birth(1, "before"), birth(2, "now"), birth(3, "before")
    foreign = new_birth(
        Identity("ascan", 4, "session", "policy"),
        {"publisher": "sardana-redis", "sardana": {"macroserver": "other", "boot": "before"}},
        STREAMS,
        {},
    )
    for scan in (orphan, ours, closed, foreign):
        store.bear(scan)
    store.append(entries(orphan, 0, 3))
    store.close_scan(closed, closed.info, closed.stream_keys)
    assert store.close_orphans("ms", "now", {"end_reason": "FAILURE"}) == [orphan.key]
    assert store.look_up(orphan) == Standing(4, (3, 3), (True, True))
    for scan in (ours, foreign):
        standing = store.look_up(scan)
        assert standing is not None
        assert standing.state == 2


@pytest.mark.parametrize(
    ("module", "name"), [(_redis_store, "close_orphan"), (_orphans, "close_watched")]
)
def test_an_orphan_that_its_publisher_closes_meanwhile_is_left_alone(
    module: ModuleType, name: str, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A MacroServer on its way out delivers the end of a scan while the next one starts."""
    leaving, starting = RedisStore(redis_server.url), RedisStore(redis_server.url)
    scan, other = birth(1, "before"), birth(2, "before")
    close = getattr(module, name)

    def closed_just_before(link: Link, found: TrackedScan, end: Info) -> bool:
        if found.key == scan.key:
            leaving.close_scan(scan, scan.info | {"end_reason": "SUCCESS"}, scan.stream_keys)
        return bool(close(link, found, end))

    monkeypatch.setattr(module, name, closed_just_before)
    with ExitStack() as cleanup:
        client = cleanup.enter_context(redis.Redis.from_url(redis_server.url))
        for store in (leaving, starting):
            cleanup.callback(store.disconnect)
            store.connect()
        for lost in (other, scan):
            leaving.bear(lost)
        assert starting.close_orphans("ms", "now", {"end_reason": "FAILURE"}) == [other.key]
        states = [int(fields[b"state"]) for _, fields in client.xrange(scan.state_key)]
        assert states == [0, 1, 2, 3, 4]
        reasons = [client.json().get(lost.key, "$.info.end_reason") for lost in (scan, other)]
        assert reasons == [["SUCCESS"], ["FAILURE"]]


def test_heartbeats_are_renewed(store: PublishStore) -> None:
    scan = birth()
    store.bear(scan)
    store.keep_alive([scan])
    assert store.pulse().used >= 0


def test_a_batch_is_appended_in_one_transaction(redis_server: RedisServer) -> None:
    """A Redis that is full for a moment would else take the entries behind a refused one."""
    store = RedisStore(redis_server.url)
    store.connect()
    scan = birth()
    store.bear(scan)
    with redis.Redis.from_url(redis_server.url) as client:
        before = client.info("commandstats")["cmdstat_exec"]["calls"]
        store.append(entries(scan, 0, 5))
        assert client.info("commandstats")["cmdstat_exec"]["calls"] == before + 1
        client.config_set("maxmemory", 1)
        with pytest.raises(StoreUnavailable) as caught:
            store.append(entries(scan, 5, 5))
        assert caught.value.reason is Outage.FULL
        client.config_set("maxmemory", "1gb")
    assert store.look_up(scan) == Standing(2, (5, 5), (False, False))
    store.disconnect()


def test_text_that_is_no_unicode_does_not_keep_a_scan_from_its_end(
    redis_server: RedisServer,
) -> None:
    store = RedisStore(redis_server.url)
    store.connect()
    scan = birth()
    store.bear(scan)
    info = scan.info | {"end_reason": "SUCCESS", "custom": "caf\udce9"}
    store.close_scan(scan, info, scan.stream_keys)
    with redis.Redis.from_url(redis_server.url) as client:
        written = client.json().get(scan.key)["info"]
    assert (written["end_reason"], written["custom"]) == ("SUCCESS", "caf?")
    store.disconnect()


def test_a_restarted_server_loses_no_innocent_client(redis_server: RedisServer) -> None:
    """Client numbers begin anew at a restart: ours of before is somebody else's then."""
    store = RedisStore(redis_server.url)
    store.connect()
    redis_server.restart()
    readers = [redis.Redis.from_url(redis_server.url) for _ in range(10)]
    numbers = [reader.client_id() for reader in readers]
    store.connect()
    alive = {client["id"] for client in readers[0].client_list()}
    assert {str(number) for number in numbers} <= alive


def test_the_connection_before_is_ended(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url)
    store.connect()
    with redis.Redis.from_url(redis_server.url) as client:
        first = {c["id"] for c in client.client_list()}
        given_up = store._open_link
        store._open_link = None  # as after an error, while the server has not noticed yet
        store.connect()
        left = {c["id"] for c in client.client_list()} & first
        assert len(left) == 1, "only the test's own client is still there"
    assert given_up is not None
    given_up.close()
    store.disconnect()


def test_a_store_that_is_not_connected_says_so(store: PublishStore) -> None:
    store.disconnect()
    for call in (lambda: store.bear(birth()), store.pulse, lambda: store.look_up(birth())):
        with pytest.raises(StoreUnavailable):
            call()
