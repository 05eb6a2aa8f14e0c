"""Scans as Redis holds them, whole, as JSON: those of the numbers given, once all are closed."""

import json
import sys
from typing import Any

from sardana_redis.settings import load_settings
from sardana_redis.store import list_scans, read_scan, url_with_password


def document(scan: Any) -> dict[str, Any]:
    return {
        "key": scan.key,
        "number": scan.number,
        "state": scan.state,
        "end_reason": scan.info.get("end_reason"),
        "files": [file["path"] for file in scan.info["sardana"]["files"]],
        "streams": {
            name: [getattr(point, "tolist", lambda point=point: point)() for point in stream.points]
            for name, stream in scan.streams.items()
        },
    }


settings = load_settings(None)
url = url_with_password(settings.url, settings.password_file)
wanted = {int(word) for word in sys.argv[1:]}
found = [scan for scan in list_scans(url, limit=500) if scan.number in wanted]
scans = [read_scan(url, scan.key, seconds=20) for scan in found if scan.state == "CLOSED"]
print(json.dumps([document(scan) for scan in scans]))
