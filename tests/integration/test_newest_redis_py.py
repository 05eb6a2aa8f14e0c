"""blissdata with the newest redis-py, in an environment of its own, with the URL we print."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from sardana_redis.local import RedisServer
from sardana_redis.model import EndReason, Identity, ScanEnd, StreamSpec
from sardana_redis.publisher import Publisher
from sardana_redis.settings import PublisherSettings
from sardana_redis.store import RedisStore, reader_url

SILENCE_SECONDS = 8.0

READER = """
import json, sys, redis
from blissdata import DataStore
data_store = DataStore(sys.argv[1])
since, keys = data_store.search_existing_scans(session="s", name="ascan")
print(json.dumps({"redis": redis.__version__, "found": keys}), flush=True)
_, key = data_store.get_next_scan(since=since)
scan = data_store.load_scan(key)
print(json.dumps({"next": scan.number}), flush=True)
view = scan.streams["ct01"].cursor().read()
print(json.dumps({"first": float(view.get_data()[0])}), flush=True)
"""


@pytest.fixture(scope="module")
def newest_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with blissdata and the newest redis-py."""
    folder = tmp_path_factory.mktemp("newest")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    packages = ["blissdata>=2.4.5,<2.5", "redis>=8"]
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    with contextlib.suppress(subprocess.SubprocessError):  # the network may fail once
        subprocess.run([*pip, *packages], check=True, timeout=300)
        return python
    subprocess.run([*pip, *packages], check=True, timeout=300)
    return python


def begin(publisher: Publisher, number: int):
    streams = (StreamSpec("#Pt No", "int64"), StreamSpec("ct01", "float64"))
    return publisher.begin(Identity("ascan", number, "s", "p"), {}, streams)


@pytest.mark.timeout(720)
def test_searches_and_waits_through_long_silences(
    redis_server: RedisServer, newest_python: Path
) -> None:
    end = ScanEnd(EndReason.SUCCESS, datetime.now().astimezone())
    url = redis_server.url
    publisher = Publisher(RedisStore(url), PublisherSettings(), url=url)
    first = begin(publisher, 1)
    first.end(end)
    assert first.wait(10)
    reader = subprocess.Popen(
        [newest_python, "-c", READER, reader_url(url)], stdout=subprocess.PIPE, text=True
    )
    try:
        said = json.loads(reader.stdout.readline())
        assert int(said["redis"].split(".")[0]) >= 8
        assert said["found"] == [first.publication.birth.key]
        time.sleep(SILENCE_SECONDS)  # the silence is what is tested
        second = begin(publisher, 2)
        assert json.loads(reader.stdout.readline()) == {"next": 2}
        time.sleep(SILENCE_SECONDS)
        second.put((0, 2.5))
        assert json.loads(reader.stdout.readline()) == {"first": 2.5}
        second.end(end)
        assert reader.wait(20) == 0
    finally:
        reader.kill()
        reader.wait()
        reader.stdout.close()
        publisher.shutdown(5)
