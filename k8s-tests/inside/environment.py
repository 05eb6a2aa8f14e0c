"""Sardana's environment as JSON; NAME VALUE pairs are set before."""

import json
import os
import sys

from sardana_redis.device_server import Door

instance, *words = sys.argv[1:]
door = Door(os.environ["TANGO_HOST"], f"door/{instance}/1", macroserver=f"macroserver/{instance}/1")
for name, value in zip(words[::2], words[1::2], strict=True):
    door.set_environment(name, json.loads(value))
print(json.dumps(door.environment(), default=str))
