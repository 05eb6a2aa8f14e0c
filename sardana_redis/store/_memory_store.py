"""A PublishStore in this process's memory, for tests and for trying things out.

It passes the same contract tests as Redis (tests/integration/test_store_contract.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sardana_redis.errors import (
    Outage,
    ScanNotFoundError,
    StoreUnavailable,
    StreamSealedError,
)
from sardana_redis.model import Info, ScanState, WriterProgress
from sardana_redis.store._document import Birth
from sardana_redis.store._fit import fit_info
from sardana_redis.store._protocol import Entry, Memory, Standing
from sardana_redis.store._survey import Survey

__all__ = ["MemoryStore", "StoredScan"]


@dataclass(slots=True)
class StoredScan:
    """A scan as the memory store keeps it: entries by stream key, None behind a seal."""

    birth: Birth
    info: Info
    states: list[int]
    streams: dict[str, list[Entry]] = field(default_factory=dict)
    seals: dict[str, int] = field(default_factory=dict)


class MemoryStore:
    """Keeps scans in `scans`, by their key."""

    def __init__(self) -> None:
        self.scans: dict[str, StoredScan] = {}
        self.run_id = "memory"
        self.memory = Memory(0, 0)
        self.writers = Survey()
        self.progress: dict[tuple[str, str], WriterProgress] = {}
        self._connected = False

    def connect(self) -> str:
        """Opens the store; returns its run id."""
        self._connected = True
        return self.run_id

    def disconnect(self) -> None:
        """Closes the store."""
        self._connected = False

    def bear(self, birth: Birth) -> None:
        """Writes document and first states of a scan."""
        self._require_connection()
        states = [ScanState.CREATED, ScanState.PREPARED, ScanState.STARTED]
        self.scans[birth.key] = StoredScan(birth, fit_info(birth.info), [int(s) for s in states])

    def append(self, entries: Sequence[Entry]) -> None:
        """Appends the entries in their order; StreamSealedError where a stream is sealed."""
        self._require_connection()
        for entry in entries:
            scan = self._scan_of(entry.stream_key)
            if scan is None:
                raise StoreUnavailable("a stream is gone", Outage.UNSURE)
            if entry.stream_key in scan.seals:
                raise StreamSealedError(f"{entry.stream_key} is sealed")
            stream = scan.streams.setdefault(entry.stream_key, [])
            if entry.first < (stream[-1].first + 1 if stream else 0):
                raise StoreUnavailable("an entry is there already", Outage.UNSURE)
            stream.append(entry)

    def look_up(self, birth: Birth) -> Standing | None:
        """How far the scan is in the store; None where its document is gone."""
        self._require_connection()
        scan = self.scans.get(birth.key)
        if scan is None:
            return None
        return Standing(
            state=scan.states[-1],
            lengths=tuple(self._length(scan, key) for key in birth.stream_keys),
            sealed=tuple(key in scan.seals for key in birth.stream_keys),
        )

    def close_scan(self, birth: Birth, info: Info, unsealed: Sequence[str]) -> None:
        """Seals the streams, then writes the final info and the states STOPPED and CLOSED."""
        self._require_connection()
        scan = self.scans[birth.key]
        for key in unsealed:
            scan.seals.setdefault(key, self._length(scan, key))
        scan.info = fit_info(info)
        scan.states += [int(ScanState.STOPPED), int(ScanState.CLOSED)]

    def rewrite_info(self, birth: Birth, info: Info) -> None:
        """Replaces the info of a closed scan."""
        self._require_connection()
        if birth.key not in self.scans:
            raise ScanNotFoundError(f"The scan {birth.key} is no longer in the store.")
        self.scans[birth.key].info = fit_info(info)

    def keep_alive(self, births: Sequence[Birth]) -> None:  # noqa: ARG002 - nobody looks
        """Does nothing: nobody else looks into this memory."""
        self._require_connection()

    def pulse(self) -> Memory:
        """The memory that the test set."""
        self._require_connection()
        return self.memory

    def survey(self) -> Survey:
        """The writers that the test set."""
        self._require_connection()
        return self.writers

    def reports(self, writers: tuple[str, ...], scan_key: str) -> dict[str, WriterProgress]:
        """What the test has these writers report of the scan."""
        self._require_connection()
        found = {name: self.progress.get((name, scan_key)) for name in writers}
        return {name: report for name, report in found.items() if report is not None}

    def close_orphans(self, macroserver: str, boot: str, end: Info) -> list[str]:
        """Closes open scans of an earlier process of the MacroServer; returns their keys."""
        self._require_connection()
        closed = []
        for key, scan in self.scans.items():
            owner = scan.info.get("sardana", {})
            ours = owner.get("macroserver") == macroserver and owner.get("boot") != boot
            if ours and scan.states[-1] < ScanState.CLOSED:
                self.close_scan(scan.birth, scan.info | end, scan.birth.stream_keys)
                closed.append(key)
        return closed

    def _require_connection(self) -> None:
        if not self._connected:
            raise StoreUnavailable("not connected", Outage.LOST)

    def _scan_of(self, stream_key: str) -> StoredScan | None:
        for scan in self.scans.values():
            if stream_key in scan.birth.stream_keys:
                return scan
        return None

    @staticmethod
    def _length(scan: StoredScan, key: str) -> int:
        if key in scan.seals:
            return scan.seals[key]
        stream = scan.streams.get(key)
        return stream[-1].first + stream[-1].length if stream else 0
