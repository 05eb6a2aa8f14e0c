"""Runs a macro on a Door as spock does; each line, then the end, is JSON on standard output."""

import json
import os
import sys
from typing import Any

from sardana_redis.device_server import Door
from sardana_redis.errors import SardanaRedisError


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def main() -> int:
    instance, *words = sys.argv[1:]
    host = os.environ["TANGO_HOST"]
    door = Door(host, f"door/{instance}/1", macroserver=f"macroserver/{instance}/1")
    try:
        run = door.run(*words, timeout=150, on_line=lambda level, line: say(level=level, line=line))
    except SardanaRedisError as error:
        say(failed=str(error))
        return 0
    say(state=run.state)
    return 0


sys.exit(main())
