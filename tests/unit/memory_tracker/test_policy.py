"""What goes when memory runs short, and what never does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sardana_redis.memory_tracker._policy import STEP_PERCENT, Reason, Trim, reclaim
from sardana_redis.memory_tracker._snapshot import Limits
from sardana_redis.model import WriterProgress, WriterScanState

from ._worlds import (
    BYTES_A_POINT,
    Stream,
    World,
    apply,
    is_bare,
    positions,
    removed,
    snapshot,
    worlds,
)

LIMITS = Limits()
EVERY_LEVEL = st.sampled_from([0, 79, 80, 85, 87.5, 90, 94, 95, 99, 101])


def line(key: str = "s", points: int = 100, *, sealed: bool = False, seconds: int = 1000) -> Stream:
    """A stream that got ten points in each tenth of the time, in entries of ten."""
    entries = tuple((first, 10) for first in range(0, points, 10))
    samples = tuple((seconds * (1 - (f + n) / points), f + n) for f, n in entries)
    return Stream(key, entries, points, sealed, samples)


def up_to(found: tuple[Trim, ...]) -> dict[str, int]:
    return {key: trim.up_to for trim in found for key in trim.stream_keys}


@given(st.data(), EVERY_LEVEL)
def test_what_a_registered_writer_needs_stays_below_the_hard_threshold(
    data: st.DataObject, used: float
) -> None:
    world = data.draw(worlds())
    reported = data.draw(positions(world))
    decision = reclaim(snapshot(world, used, reported), LIMITS)
    if used >= LIMITS.hard_threshold:
        return
    for key, _, (first, length) in removed(world, apply(world, decision.trims)):
        for done in reported.values():
            progress = done.get(key, WriterProgress(0))
            is_final = progress.state is not WriterScanState.OPEN
            assert is_final or first + length <= progress.points


@given(st.data(), EVERY_LEVEL)
def test_each_trim_frees_an_entry_and_leaves_an_open_stream_its_last(
    data: st.DataObject, used: float
) -> None:
    world = data.draw(worlds())
    decision = reclaim(snapshot(world, used, data.draw(positions(world))), LIMITS)
    after = apply(world, decision.trims)
    by_key = {s.key: s for of in world.values() for s in of}
    for trim in decision.trims:
        stream = by_key[trim.stream_keys[0]]
        assert len(stream.trimmed(trim.up_to).entries) < len(stream.entries)
        assert trim.up_to <= stream.length
    for of, now in zip(world.values(), after.values(), strict=True):
        for old, new in zip(of, now, strict=True):
            assert old.is_sealed or not old.entries or new.entries


@given(st.data(), EVERY_LEVEL, st.booleans())
def test_recent_data_stay_until_memory_presses(
    data: st.DataObject, used: float, are_writers: bool
) -> None:
    world = data.draw(worlds())
    reported = data.draw(positions(world)) if are_writers else {}
    decision = reclaim(snapshot(world, used, reported), LIMITS)
    if used >= (LIMITS.pressing_threshold if reported else LIMITS.hard_threshold):
        return
    for _, stream, (first, length) in removed(world, apply(world, decision.trims)):
        assert any(
            ago >= LIMITS.protected_history and end >= first + length for ago, end in stream.samples
        )


@given(worlds(), st.floats(0, 79.9))
def test_nothing_goes_while_there_is_memory(world: World, used: float) -> None:
    assert reclaim(snapshot(world, used, maximum=10**6), LIMITS).reason is Reason.ENOUGH


@given(st.data())
def test_above_the_hard_threshold_everything_that_may_go_goes_in_the_end(
    data: st.DataObject,
) -> None:
    world = data.draw(worlds())
    reported = data.draw(positions(world))
    limits = Limits(protected_history=1e9)  # no scan is old enough to be deleted as a whole
    for _ in range(1000):
        decision = reclaim(snapshot(world, 99, reported), limits)
        if not decision.trims:
            break
        world = apply(world, decision.trims)
    assert decision.reason is Reason.NOTHING_LEFT
    assert is_bare(world)


@given(st.data(), st.integers(100, 100_000))
def test_a_forced_step_takes_the_oldest_scans_and_little_more_than_it_needs(
    data: st.DataObject, maximum: int
) -> None:
    world = data.draw(worlds())
    unread: dict[str, dict[str, WriterProgress]] = {"spec": {}}
    decision = reclaim(snapshot(world, 99, unread, maximum=maximum), LIMITS)
    after = apply(world, decision.trims)
    touched = [key for key in world if world[key] != after[key]]
    for earlier in list(world)[: list(world).index(touched[-1])] if touched else []:
        assert is_bare({earlier: after[earlier]})
    freed = BYTES_A_POINT * sum(n for _, _, (_, n) in removed(world, after))
    longest = max((n for of in world.values() for s in of for _, n in s.entries), default=0)
    streams_of_one = max((len(of) for of in world.values()), default=0)
    assert freed <= maximum * STEP_PERCENT / 100 + BYTES_A_POINT * longest * streams_of_one


@given(st.data(), EVERY_LEVEL)
def test_repeating_a_decision_ends(data: st.DataObject, used: float) -> None:
    world = data.draw(worlds())
    reported = data.draw(positions(world))
    for _ in range(1000):
        decision = reclaim(snapshot(world, used, reported), LIMITS)
        if not decision.trims:
            return
        world = apply(world, decision.trims)
    pytest.fail("goes round in circles")


def test_the_oldest_fifth_of_the_history_goes_first() -> None:
    world = {"scan": (line(),)}
    decision = reclaim(snapshot(world, 81), LIMITS)
    assert decision.reason is Reason.WRITTEN
    # The oldest data are 900 s old, a fifth of that later is 720 s ago: 28 points were there.
    assert up_to(decision.trims) == {"s": 20}


def test_without_writers_recent_data_are_kept_and_said_to_be_too_recent() -> None:
    world = {"scan": (line(seconds=100),)}
    for used in (81, 94):
        assert reclaim(snapshot(world, used), LIMITS).reason is Reason.TOO_RECENT
    assert reclaim(snapshot(world, 95), LIMITS).reason is Reason.PROTECTED


def test_a_writer_that_lags_protects_what_it_has_not_written() -> None:
    world = {"scan": (line(sealed=True),)}
    behind = {"spec": {"scan": WriterProgress(100)}, "nexus": {"scan": WriterProgress(15)}}
    decision = reclaim(snapshot(world, 90, behind), LIMITS)
    assert up_to(decision.trims) == {"s": 15}
    world = apply(world, decision.trims)
    assert reclaim(snapshot(world, 94.9, behind), LIMITS).needed_by == ("nexus",)
    assert reclaim(snapshot(world, 95, behind), LIMITS).reason is Reason.UNREAD


def test_a_writer_that_never_reported_a_scan_protects_all_of_it() -> None:
    world = {"scan": (line(sealed=True),)}
    decision = reclaim(snapshot(world, 90, {"spec": {}}), LIMITS)
    assert decision == type(decision)(Reason.NEEDED, needed_by=("spec",))


@pytest.mark.parametrize("state", [s for s in WriterScanState if s is not WriterScanState.OPEN])
def test_a_writer_that_is_through_with_a_scan_protects_nothing(state: WriterScanState) -> None:
    world = {"scan": (line(sealed=True),)}
    done = {"spec": {"scan": WriterProgress(0, state)}}
    assert up_to(reclaim(snapshot(world, 96, done), LIMITS).trims) == {"s": 100}


def test_at_the_hard_threshold_all_that_is_written_goes_before_anything_unread() -> None:
    world = {"old": (line("a"),), "new": (line("b", sealed=True),)}
    reported = {"spec": {"old": WriterProgress(0), "new": WriterProgress(70)}}
    decision = reclaim(snapshot(world, 96, reported), LIMITS)
    assert (decision.reason, up_to(decision.trims)) == (Reason.WRITTEN, {"b": 70})


def test_a_forced_step_cuts_the_streams_of_a_scan_at_one_point() -> None:
    world = {"scan": (line("a"), line("b"))}
    unread = {"spec": {"scan": WriterProgress(0)}}
    decision = reclaim(snapshot(world, 96, unread, maximum=10_000), LIMITS)
    assert decision.reason is Reason.UNREAD
    assert len(set(up_to(decision.trims).values())) == 1


def test_streams_of_unknown_size_do_not_go_all_at_once() -> None:
    world = {"scan": (line("a", 1000),)}
    found = snapshot(world, 96, {"spec": {}})
    scan = found.scans[0]
    blind = type(scan.streams[0])("a", 0, 10, 990, 1000, False, scan.streams[0].samples)
    found = type(found)(
        found.now_ms,
        found.used_bytes,
        found.maximum_bytes,
        (type(scan)("scan", "", scan.state, 0, (blind,)),),
        {"spec": {}},
    )
    assert up_to(reclaim(found, LIMITS).trims) == {"a": 50}
