"""What writers report, for people and programs that look on; parked scans, to decide on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sardana_redis.errors import BadInputError
from sardana_redis.model import WriterProgress, WriterScanState
from sardana_redis.store._link import Link
from sardana_redis.store._writer_keys import (
    Order,
    ParkedScan,
    give_order,
    read_parked,
    read_progress,
    read_writers,
)

__all__ = ["Parked", "list_parked", "order_parked", "wait_for_report"]

_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Parked:
    """A scan by its key, parked by a writer."""

    writer: str
    key: str
    scan: ParkedScan


def list_parked(url: str) -> list[Parked]:
    """The parked scans of all writers, oldest first."""
    with _link(url) as link:
        return _all_parked(link)


def order_parked(url: str, scan: str, order: Order, *, writer: str | None = None) -> list[Parked]:
    """Orders what is to be done with a parked scan, by its key, its number or `all`.

    Returns what was found. Raises BadInputError where nothing is parked under that name, or
    where a number stands for several scans.
    """
    with _link(url) as link:
        parked = [item for item in _all_parked(link) if writer in (None, item.writer)]
        found = [item for item in parked if scan in ("all", item.key, str(item.scan.number))]
        keys = {item.key for item in found}
        if not found:
            raise BadInputError(
                f"No scan {scan} is parked; `sardana-redis parked list` shows those that are."
            )
        if scan != "all" and len(keys) > 1:
            raise BadInputError(
                f"{len(keys)} scans with the number {scan} are parked: name one by its key, "
                f"such as {min(keys)}."
            )
        for item in found:
            give_order(link, item.writer, item.key, order)
        return found


def wait_for_report(
    url: str, writer: str, scan_key: str, *, seconds: float
) -> WriterProgress | None:
    """The writer's final report of the scan, or what it said last when `seconds` are over.

    None where it said nothing of that scan.
    """
    deadline = time.monotonic() + seconds
    with _link(url) as link:
        while True:
            report = read_progress(link, writer).get(scan_key)
            is_final = report is not None and report.state is not WriterScanState.OPEN
            if is_final or time.monotonic() > deadline:
                return report
            time.sleep(_POLL_SECONDS)


@contextmanager
def _link(url: str) -> Iterator[Link]:
    link = Link(url, timeout_seconds=5.0)
    try:
        yield link
    finally:
        link.close()


def _all_parked(link: Link) -> list[Parked]:
    found = [
        Parked(writer, key, scan)
        for writer in read_writers(link)
        for key, scan in read_parked(link, writer).items()
    ]
    return sorted(found, key=lambda item: item.key)
