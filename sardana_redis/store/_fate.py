"""What became of the last scans: their files, and how far each writer is with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sardana_redis.model import WriterProgress
from sardana_redis.store._catalog import ScanSummary, newest_scans
from sardana_redis.store._link import Link, url_with_password
from sardana_redis.store._survey import Survey, read_reports, read_survey
from sardana_redis.store._writer_keys import ParkedScan, read_parked

__all__ = ["ScanFate", "last_scans"]

_MOST_LOOKED_AT: Final = 200
_PATHS: Final = ("$.id", "$.info.sardana", "$.info.save", "$.info.filename")


@dataclass(frozen=True, slots=True)
class ScanFate:
    """A scan with its identity and what of its info says where it goes.

    `reports` and `parked` are what writers say of it, by their names.
    """

    scan: ScanSummary
    identity: Mapping[str, Any]
    info: Mapping[str, Any]
    reports: Mapping[str, WriterProgress]
    parked: Mapping[str, ParkedScan]


def last_scans(
    url: str,
    count: int,
    is_ours: Callable[[Mapping[str, Any]], bool],
    *,
    password_file: Path | None = None,
    timeout_seconds: float = 2.0,
) -> tuple[Survey, list[ScanFate]]:
    """The writers now, and the newest `count` scans whose info is ours, the newest first.

    Looks at the last 200 scans of Redis. Raises StoreUnavailable or StoreUnusable.
    """
    url = url_with_password(url, password_file)
    with closing(Link(url, timeout_seconds=timeout_seconds)) as link:
        survey = read_survey(link)
        parked = {name: read_parked(link, name) for name in survey.writers}
        found: list[ScanFate] = []
        for scan in newest_scans(link, _MOST_LOOKED_AT):
            reply = link.call("JSON.GET", scan.key, *_PATHS)
            facts = {} if reply is None else json.loads(reply)
            identity, sardana, save, filename = (_first(facts, path) for path in _PATHS)
            own = sardana if isinstance(sardana, Mapping) else {}  # others write what they like
            info = {"sardana": own, "save": save, "filename": filename}
            if identity is None or not is_ours(info):
                continue
            found.append(
                ScanFate(
                    scan,
                    identity,
                    info,
                    read_reports(link, tuple(survey.writers), scan.key),
                    {name: scans[scan.key] for name, scans in parked.items() if scan.key in scans},
                )
            )
            if len(found) == count:
                break
        return survey, found


def _first(facts: Mapping[str, Any], path: str) -> Any:
    values = facts.get(path)
    return values[0] if values else None
