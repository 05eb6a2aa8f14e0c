"""The document that we write is the one that blissdata's own models write."""

from __future__ import annotations

from typing import Any

import redis
from blissdata import DataStore
from blissdata.streams.default import Stream

from sardana_redis.keys import HISTORY, heartbeat_key
from sardana_redis.local import RedisServer
from sardana_redis.model import Identity, StreamSpec
from sardana_redis.store import RedisStore, new_birth

SPECS = (
    StreamSpec("#Pt No", "int64", (), {"fill_value": -1}),
    StreamSpec("ct01", "float64", (), {"unit": "V"}),
    StreamSpec("twod", "uint16", (4, 5)),
    StreamSpec("free", "float32", (-1,)),
    StreamSpec("text", "json"),
)


def without_keys(document: Any) -> Any:
    if isinstance(document, dict):
        return {k: without_keys(v) for k, v in document.items() if k != "pk"}
    return document


def test_our_document_equals_blissdatas(redis_server: RedisServer) -> None:
    url = redis_server.url
    store = RedisStore(url)
    store.connect()
    identity = Identity("ascan", 5, "session", "no_policy", path="/data/a.h5")
    ours = new_birth(identity, {"title": "t", "x": [1, None]}, SPECS, {"macroserver": "ms"})
    store.bear(ours)

    data_store = DataStore(url)
    theirs = data_store.create_scan(
        {
            "name": "ascan",
            "number": 5,
            "session": "session",
            "data_policy": "no_policy",
            "path": "/data/a.h5",
        },
        info={"title": "t", "x": [1, None]},
    )
    for spec in SPECS:
        shape = None if spec.dtype == "json" else spec.shape
        theirs.create_stream(Stream.make_definition(spec.name, spec.dtype, shape, dict(spec.info)))
    theirs.prepare()
    theirs.start()

    client = redis.Redis.from_url(url)
    documents = [client.json().get(key) for key in (ours.key, theirs.key)]
    assert without_keys(documents[0]) == without_keys(documents[1])
    for path in ("pk", "id", "state_stream"):
        assert [type(d[path]) for d in documents] == [type(documents[1][path])] * 2
    states = [
        [fields[b"state"] for _, fields in client.xrange(f"esrf:stream:{d['state_stream']['pk']}")]
        for d in documents
    ]
    assert states == [[b"0", b"1", b"2"]] * 2
    history = [fields[b"key"].decode() for _, fields in client.xrange(HISTORY)]
    assert history == [ours.key, theirs.key]
    assert 0 < client.pttl(heartbeat_key(ours.key)) <= 15_000
    theirs.stop()
    theirs.close()

    loaded = data_store.load_scan(ours.key)
    assert set(loaded.streams) == {spec.name for spec in SPECS}
    assert loaded.number == 5
    assert data_store.search_existing_scans(path="/data/a.h5", session="session")[1]
