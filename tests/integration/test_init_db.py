"""Initialising databases: empty, foreign, twice, at once, unfit."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import redis
from blissdata import DataStore

from sardana_redis.errors import Outage, StoreUnavailable, StoreUnusable
from sardana_redis.keys import INIT_LOCK, PROTOCOL
from sardana_redis.local import RedisServer
from sardana_redis.store import RedisStore, _init_db, initialise_database, list_scans
from sardana_redis.store._init_db import check_database
from sardana_redis.store._link import Link


def client(server: RedisServer) -> redis.Redis:
    return redis.Redis.from_url(server.url)


def test_blissdata_accepts_what_we_initialised(redis_server: RedisServer) -> None:
    assert initialise_database(redis_server.url) is True
    data_store = DataStore(redis_server.url)
    identity = {"name": "ascan", "number": 7, "data_policy": "no_policy", "session": "s"}
    scan = data_store.create_scan(identity)
    scan.prepare()
    scan.start()
    scan.stop()
    scan.close()
    assert data_store.search_existing_scans(session="s", name="ascan")[1] == [scan.key]


def test_a_second_time_changes_nothing(redis_server: RedisServer) -> None:
    assert initialise_database(redis_server.url) is True
    before = sorted(client(redis_server).keys("*"))
    assert initialise_database(redis_server.url) is False
    assert sorted(client(redis_server).keys("*")) == before
    assert INIT_LOCK.encode() not in before


def test_what_blissdata_initialised_is_left_alone(redis_server: RedisServer) -> None:
    DataStore(redis_server.url, init_db=True)
    assert initialise_database(redis_server.url) is False


def test_foreign_keys_stay(redis_server: RedisServer) -> None:
    client(redis_server).mset({f"foreign:{i}": i for i in range(100)})
    assert initialise_database(redis_server.url) is True
    assert client(redis_server).get("foreign:99") == b"99"
    assert client(redis_server).get(PROTOCOL) == b"1"


def test_ten_at_once_do_it_once(redis_server: RedisServer) -> None:
    done: list[bool] = []
    threads = [
        threading.Thread(target=lambda: done.append(initialise_database(redis_server.url)))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done) == [False] * 9 + [True]


def test_one_that_looked_before_another_was_done_leaves_it_alone(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[bool] = []

    def look_and_lose_the_race(link: Link) -> bool:
        looks.append(check_database(link))
        if len(looks) == 1:
            DataStore(redis_server.url, init_db=True)
        return looks[-1]

    monkeypatch.setattr(_init_db, "check_database", look_and_lose_the_race)
    assert initialise_database(redis_server.url) is False
    assert looks == [False, True]
    assert not client(redis_server).exists(INIT_LOCK)


def test_a_newer_protocol_is_refused_with_the_remedy(redis_server: RedisServer) -> None:
    client(redis_server).set(PROTOCOL, 2)
    with pytest.raises(StoreUnusable, match=r"protocol 2.*upgrade"):
        RedisStore(redis_server.url).connect()


def test_the_search_limit_is_set_again_after_a_restart(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url)
    store.connect()
    client(redis_server).execute_command("FT.CONFIG", "SET", "MAXPREFIXEXPANSIONS", 200)
    store.connect()
    limit = client(redis_server).execute_command("FT.CONFIG", "GET", "MAXPREFIXEXPANSIONS")
    assert limit == [[b"MAXPREFIXEXPANSIONS", b"2000"]]


def test_looking_needs_an_initialised_database(redis_server: RedisServer) -> None:
    with pytest.raises(StoreUnusable, match="init-db"):
        list_scans(redis_server.url, limit=1)


def test_a_password_is_read_from_its_file_at_each_connect(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("wrong")
    with RedisServer(tmp_path / "redis", password="right/one") as server:
        store = RedisStore(server.plain_url, password_file=secret)
        with pytest.raises(StoreUnavailable) as caught:
            store.connect()
        assert caught.value.reason is Outage.REFUSED
        assert "right/one" not in str(caught.value)
        secret.write_text("right/one\n")
        assert store.connect()
        store.disconnect()
