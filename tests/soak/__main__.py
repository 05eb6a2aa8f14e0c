"""`python -m tests.soak [--minutes 30 | --gigabytes 30]`, as `make soak` calls it."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil
import redis

from sardana_redis.local import LocalStack
from sardana_redis.store import list_scans
from tests.faults.__main__ import stack_for_faults
from tests.faults.check import Checker, Tally
from tests.faults.memory_kinds import soak

_POINTS = "2000"
_RATE = "1000"
_MEGABYTE = 2**20
_MOST_GROWTH_MEGABYTES_PER_HOUR = 60.0


def sample(stack: LocalStack) -> tuple[float, int, int]:
    """Resident memory in MiB, threads, and connections to Redis of MacroServer."""
    process = psutil.Process(stack.macroserver.pid)
    connections = [
        c for c in process.net_connections("tcp") if c.raddr and c.raddr.port == stack.redis.port
    ]
    return process.memory_info().rss / _MEGABYTE, process.num_threads(), len(connections)


def forget_old_scans(url: str) -> None:
    """Removes all but the newest scans from Redis, as a memory tracker would."""
    client = redis.Redis.from_url(url)
    for scan in list_scans(url, limit=1000)[5:]:
        document = client.json().get(scan.key)
        streams = [document["state_stream"], *document["data_streams"].values()]
        client.unlink(scan.key, *(f"esrf:stream:{stream['pk']}" for stream in streams))


def main() -> int:
    """Scans for so many minutes; 1 when memory or threads grow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--gigabytes", type=float, help="scan so much into a small Redis instead")
    options = parser.parse_args()
    if options.gigabytes is not None:
        return fill_memory(options.gigabytes)
    samples: list[tuple[float, int, int]] = []
    with stack_for_faults() as (stack, settings_file):
        # As small as it can be, so that the retained points are at their limit at once.
        settings_file.write_text("publisher: {retain_bytes: 4194304}\n")
        door = stack.door()
        started = time.monotonic()
        while (elapsed := time.monotonic() - started) < options.minutes * 60:
            run = door.run("synthetic_scan", _POINTS, _RATE)
            assert run.state == "ON", run.text()
            assert not run.text("warning").count("Redis"), run.text("warning")
            samples.append(sample(stack))
            if len(samples) % 20 == 1:
                forget_old_scans(stack.redis.url)
                rss, threads, connections = samples[-1]
                print(
                    f"{elapsed / 60:5.1f} min {len(samples):4d} scans {rss:7.1f} MiB "
                    f"{threads} threads {connections} connections",
                    flush=True,
                )
    return judge(samples, options.minutes)


def fill_memory(gigabytes: float) -> int:
    """Scans so much into a Redis of 256 MB; raises what is broken."""
    tally = Tally(faults=1)
    with tempfile.TemporaryDirectory(prefix="sardana-redis-soak-") as folder:
        soak(Path(folder) / "run", Checker(tally), total_bytes=int(gigabytes * 2**30))
    print(tally)
    return 0 if tally.is_clean else 1


def judge(samples: list[tuple[float, int, int]], minutes: float) -> int:
    """Compares the second quarter with the last one and prints both."""
    quarter = max(1, len(samples) // 4)
    early, late = samples[quarter : 2 * quarter] or samples, samples[-quarter:]
    rss = [statistics.median(s[0] for s in part) for part in (early, late)]
    threads = [max(s[1] for s in part) for part in (early, late)]
    growth = (rss[1] - rss[0]) / (minutes / 60 / 2)
    print(
        f"soak scans={len(samples)} memory {rss[0]:.1f} -> {rss[1]:.1f} MiB "
        f"({growth:+.1f} MiB/h) threads {threads[0]} -> {threads[1]}"
    )
    return int(growth > _MOST_GROWTH_MEGABYTES_PER_HOUR or threads[1] > threads[0])


if __name__ == "__main__":
    sys.exit(main())
