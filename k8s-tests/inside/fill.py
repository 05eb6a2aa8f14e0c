# Appended to tests/scans.py: scans with pictures until BYTES are published; then JSON of what was.
import json
import sys
import time

import numpy as np

from sardana_redis.settings import load_settings
from sardana_redis.store import url_with_password

PIXELS = (100, 100)
POINTS = 200


def fill(total_bytes: int, folder: str) -> None:
    settings = load_settings()
    picture = column("picture", "float64", PIXELS)
    columns = (column("#Pt No", "int64"), picture, column("dt"))
    published, number = 0, 9000
    with publisher(url_with_password(settings.url, settings.password_file)) as own:
        while published < total_bytes:
            number += 1
            files = [f"{folder}/fill.h5", f"{folder}/fill.dat"]
            values = np.random.default_rng(number).random(PIXELS)
            feed = begin(own, scan_start(number, files, columns, session="demo"))
            for n in range(POINTS):
                feed.put((n, values + n, n * 0.1))
            end(feed)
            while not feed.is_delivered:  # `wait` does not wait while Redis is full
                time.sleep(0.05)
            published += POINTS * values.nbytes
    print(json.dumps({"bytes": published}))


fill(int(sys.argv[1]), sys.argv[2])
