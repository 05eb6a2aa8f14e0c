"""The embedded local stack: a real Redis, Tango database, Sardana Pool and MacroServer.

`LocalStack` starts all of it on free ports of 127.0.0.1 in a folder of its own and leaves
nothing behind; `RedisServer` is the Redis of it alone. The commands `sardana-redis local`
and `demo` and the integration tests are built on it.
"""

from __future__ import annotations

from sardana_redis.device_server import Door, MacroRun
from sardana_redis.local._command import run_local
from sardana_redis.local._compare import differences
from sardana_redis.local._demo import run_demo
from sardana_redis.local._redis_server import RedisServer
from sardana_redis.local._stack import LocalStack

__all__ = [
    "Door",
    "LocalStack",
    "MacroRun",
    "RedisServer",
    "differences",
    "run_demo",
    "run_local",
]
