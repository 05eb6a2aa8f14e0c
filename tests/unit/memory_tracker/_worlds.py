"""Worlds for the policy: streams as lists of entries, and what a trim leaves of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from hypothesis import strategies as st

from sardana_redis.memory_tracker._policy import Trim
from sardana_redis.memory_tracker._snapshot import Sample, ScanFacts, Snapshot, StreamFacts
from sardana_redis.model import ScanState, WriterProgress, WriterScanState

NOW_MS = 1_000_000_000
BYTES_A_POINT = 10


@dataclass(frozen=True)
class Stream:
    """Entries as (first point, points); `samples` as (seconds ago, points that were there)."""

    key: str
    entries: tuple[tuple[int, int], ...]
    length: int
    is_sealed: bool
    samples: tuple[tuple[float, int], ...]

    def facts(self) -> StreamFacts:
        if not self.entries:
            edges = (self.length,) * 4
        else:
            first, points = self.entries[0]
            last = self.length if self.is_sealed else self.entries[-1][0]
            edges = (first, first + points, last, self.length)
        return StreamFacts(
            self.key,
            *edges,
            self.is_sealed,
            tuple(Sample(int(NOW_MS - ago * 1000), end) for ago, end in self.samples),
            BYTES_A_POINT * sum(points for _, points in self.entries),
        )

    def trimmed(self, up_to: int) -> Stream:
        return replace(self, entries=tuple((f, n) for f, n in self.entries if f + n > up_to))


World = dict[str, tuple[Stream, ...]]


def scan_facts(key: str, streams: tuple[Stream, ...], **more: object) -> ScanFacts:
    is_closed = bool(streams) and all(s.is_sealed for s in streams)
    facts: dict[str, object] = {
        "publisher": "sardana-redis",
        "state": ScanState.CLOSED if is_closed else ScanState.STARTED,
        "active_ms": NOW_MS,
    }
    return ScanFacts(key, streams=tuple(s.facts() for s in streams), **{**facts, **more})  # type: ignore[arg-type]  # a test's shorthand


def snapshot(
    world: World,
    used_percent: float,
    positions: dict[str, dict[str, WriterProgress]] | None = None,
    maximum: int = 1000,
) -> Snapshot:
    scans = tuple(scan_facts(key, streams) for key, streams in world.items())
    return Snapshot(NOW_MS, round(used_percent * maximum / 100), maximum, scans, positions or {})


def apply(world: World, trims: tuple[Trim, ...]) -> World:
    cuts = {key: trim.up_to for trim in trims for key in trim.stream_keys}
    return {
        key: tuple(s.trimmed(cuts[s.key]) if s.key in cuts else s for s in streams)
        for key, streams in world.items()
    }


def removed(before: World, after: World) -> list[tuple[str, Stream, tuple[int, int]]]:
    return [
        (key, old, entry)
        for key in before
        for old, new in zip(before[key], after[key], strict=True)
        for entry in old.entries
        if entry not in new.entries
    ]


def is_bare(world: World) -> bool:
    """Whether only seals and the last entries of open streams are left."""
    return all(
        len(s.entries) <= (0 if s.is_sealed else 1) for streams in world.values() for s in streams
    )


@st.composite
def streams(draw: st.DrawFn, key: str, length: int, is_sealed: bool) -> Stream:
    edges = sorted({0, length, *draw(st.lists(st.integers(0, length), max_size=6))})
    entries = [(a, b - a) for a, b in pairwise(edges)]
    trimmed = draw(st.integers(0, len(entries)))
    if not is_sealed:
        trimmed = min(trimmed, max(0, len(entries) - 1))
    times = sorted(draw(st.lists(st.floats(0, 1000), min_size=1, max_size=5)), reverse=True)
    ends = [*sorted(draw(st.integers(0, length)) for _ in times[1:]), length]
    return Stream(
        key, tuple(entries[trimmed:]), length, is_sealed, tuple(zip(times, ends, strict=True))
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world: World = {}
    for number in range(draw(st.integers(0, 4))):
        is_sealed = draw(st.booleans())
        length = draw(st.integers(0, 50))
        count = draw(st.integers(1, 3))
        world[f"scan{number}"] = tuple(
            draw(streams(f"stream{number}.{i}", length, is_sealed)) for i in range(count)
        )
    return world


@st.composite
def positions(draw: st.DrawFn, world: World) -> dict[str, dict[str, WriterProgress]]:
    found: dict[str, dict[str, WriterProgress]] = {}
    for writer in draw(st.sets(st.sampled_from(["spec", "nexus", "third"]), max_size=3)):
        found[writer] = {
            key: WriterProgress(
                draw(st.integers(0, max((s.length for s in of), default=0))),
                draw(st.sampled_from(WriterScanState)),
            )
            for key, of in world.items()
            if draw(st.booleans())
        }
    return found
