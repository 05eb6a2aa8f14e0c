"""One scan of a recorder, from its start to its end: Sardana's objects in, a feed out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Protocol

from sardana_redis.model import Column, EndReason, Role, ScanEnd
from sardana_redis.publisher import ScanFeed, dropped_line, misfit_line
from sardana_redis.recorder._translate import MacroFacts, scan_end

__all__ = ["Row", "ScanRecorder", "make_gatherer"]

Row = tuple[Any, ...]


class Record(Protocol):
    """One point of Sardana; `data` holds its values by the columns' names."""

    data: Mapping[str, Any]


class Writers(Protocol):
    """What leaves the lines about a scan's writers."""

    def brief(self, feed: ScanFeed) -> None:
        """Leaves the line of the start, now or later."""

    def report(self, feed: ScanFeed) -> None:
        """Leaves the line of the end of a delivered scan; may wait a little."""


class ScanRecorder:
    """Feeds one scan to the publisher. `tell` shows the operator one line."""

    def __init__(
        self,
        feed: ScanFeed,
        columns: Sequence[Column],
        macro: MacroFacts,
        *,
        flush_timeout: float,
        is_nested: Callable[[], bool],
        tell: Callable[[str], None],
        writers: Writers | None = None,
    ) -> None:
        self._feed = feed
        self._columns = columns
        self._macro = macro
        self._flush_timeout = flush_timeout
        self._is_nested = is_nested
        self._tell = tell
        self._writers = writers
        self._gather = make_gatherer(columns)
        self._first_positions: dict[str, Any] | None = None
        self._last: Row = ()
        self._latest: tuple[Record | None, int] = (None, 0)
        if writers is not None:
            writers.brief(feed)
        self.pass_on_notices()

    def record(self, record: Record) -> None:
        """Takes one record of Sardana: a few look-ups a column, no I/O.

        Not a second time what the feed has: Sardana hands out the records at the end of a
        continuous scan again from the one at which an abort struck.
        """
        latest, taken_before = self._latest
        if record is latest and self._feed.taken_points > taken_before:
            return
        self._latest = (record, self._feed.taken_points)
        row = self._gather(record.data)
        self._last = row
        if self._first_positions is None:
            self._first_positions = self._positions(row)
        self._feed.put(row)
        if self._feed.notices:
            self.pass_on_notices()

    def catch_up(self, latest: Record | None) -> None:
        """Takes the last record that Sardana has if an abort kept it from us or the feed."""
        if latest is not None:
            self.record(latest)

    def add_custom(self, item: dict[str, Any]) -> None:
        """Takes custom data, during the scan or after its end."""
        self._feed.add_custom(item)

    def end(self, environ: Mapping[str, Any]) -> None:
        """Ends the scan, waits a little for its delivery and tells what is missing."""
        feed = self._feed
        first, last = self._first_positions or {}, self._positions(self._last)
        feed.end(scan_end(environ, self._macro, first, last))
        is_nested = self._is_nested()
        delivered = feed.wait(0.0 if is_nested else self._flush_timeout)
        dropped = (feed.intake.dropped_points, feed.intake.dropped_arrays)
        if any(dropped):
            feed.tell("dropped", dropped_line(*dropped))
        elif not delivered and not is_nested and not feed.was_told("outage"):
            feed.tell_waiting()
        misfits = feed.misfits()
        if misfits:
            feed.tell("misfits", misfit_line(misfits))
        self.pass_on_notices()
        if self._writers is not None and delivered and not is_nested:
            self._writers.report(feed)
            self.pass_on_notices()

    def fail(self) -> None:
        """Ends a scan of which nothing more can be recorded."""
        self._feed.end(ScanEnd(EndReason.FAILURE, scan_end({}, self._macro, {}, {}).time))

    def pass_on_notices(self) -> None:
        """Shows the operator what the publisher left for him."""
        notices = self._feed.notices
        while notices:
            self._tell(notices.popleft())

    def _positions(self, row: Row) -> dict[str, Any]:
        pairs = zip(self._columns, row, strict=False)
        return {column.label: value for column, value in pairs if column.role is Role.MOVEABLE}


def make_gatherer(columns: Sequence[Column]) -> Callable[[Mapping[str, Any]], Row]:
    """What takes the values of a record in the order of the columns; None where one is missing.

    Extra columns of Sardana are recorded under their label, all others under their name.
    """
    names = [column.name for column in columns]
    labels = [column.label for column in columns]
    if len(names) < 2:
        return lambda data: tuple(
            data[name] if name in data else data.get(label)
            for name, label in zip(names, labels, strict=True)
        )
    by_name = itemgetter(*names)

    def gather(data: Mapping[str, Any]) -> Row:
        try:
            row: Row = by_name(data)
        except KeyError:
            pairs = zip(names, labels, strict=True)
            row = tuple(data[name] if name in data else data.get(label) for name, label in pairs)
        return row

    return gather
