"""One scan on its way into the store: what was sent, what is confirmed, what is kept."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from sardana_redis.keys import POINT_NUMBER_STREAM
from sardana_redis.model import ScanState, StreamSpec
from sardana_redis.publisher._arrivals import Arrivals
from sardana_redis.publisher._batch import Batch, Part
from sardana_redis.publisher._encode import Encoder, make_encoder, point_bytes
from sardana_redis.publisher._intake import Intake
from sardana_redis.store import Birth, Entry, Standing

__all__ = ["Publication"]


class Publication:
    """A scan, or the continuation of one from the point `base` on.

    Indices are those of the scan's points; on the wire they count from `base`. Used by
    the publisher's thread only, but for `intake`.
    """

    def __init__(
        self, birth: Birth, intake: Intake, *, base: int = 0, encoders: Sequence[Encoder] = ()
    ) -> None:
        self.birth = birth
        self.intake = intake
        self.base = base
        self.encoders = list(encoders) or [make_encoder(spec) for spec in birth.streams]
        self.arrivals = Arrivals(time.monotonic())
        self.pending: deque[Batch] = deque()
        self.kept: deque[Batch] = deque()
        self.next_index = base
        self.lengths = [base] * len(birth.streams)
        self.sealed = [False] * len(birth.streams)
        self.born = False
        self.attempted = False
        self.unsure = False
        self.closed = False
        self.kept_bytes = 0
        self.has_backlog = False
        self._stamped = _stamped_column(birth.streams)
        self._point_bytes = point_bytes(birth.streams)
        self._lost_before = 0
        self._gaps: list[range] = []

    @property
    def points_waiting(self) -> int:
        """How many points are not confirmed; asked from any thread."""
        pending = tuple(self.pending)  # in one step: the publisher's thread changes it meanwhile
        return len(self.intake.rows) + sum(batch.points for batch in pending)

    @property
    def points(self) -> int:
        """How many points this document holds, or is to hold, in all its streams."""
        return self.next_index - self.base

    @property
    def lost_points(self) -> int:
        """How many points some stream misses for good; however often that is found, once each."""
        return self._lost_before + sum(len(gap) for gap in self._gaps)

    def next_batch(self, limit_bytes: int) -> Batch | None:
        """The batch to send next; None when all points are confirmed."""
        if not self.pending:
            rows, row_bytes = self._take_rows(limit_bytes)
            if not rows:
                return None
            self.pending.append(self._encode(rows, row_bytes))
        return self.pending[0]

    def entries(self, batch: Batch) -> list[Entry]:
        """The entries of the batch that its streams do not hold yet."""
        parts = [part for part in batch.parts if part.first >= self.lengths[part.column]]
        firsts: dict[int, Part] = {}
        for part in parts:
            firsts.setdefault(part.column, part)
        return [
            Entry(
                stream_key=self.birth.stream_keys[part.column],
                first=part.first - self.base,
                payload=part.payload,
                length=part.length,
                stamped=part.column == self._stamped,
                creates=self.lengths[part.column] == self.base and part is firsts[part.column],
            )
            for part in parts
        ]

    def confirm(self, batch: Batch) -> None:
        """Notes that the first pending batch is in all streams."""
        self.pending.popleft()
        self.has_backlog |= bool(self.pending)
        self.kept.append(batch)
        self.kept_bytes += batch.payload_bytes
        self.intake.freed_bytes += batch.row_bytes
        batch.row_bytes = 0
        self.lengths = [max(length, batch.end) for length in self.lengths]

    def forget_oldest(self) -> None:
        """Lets go of the oldest batch that was kept for the case that the store forgets it."""
        self.kept_bytes -= self.kept.popleft().payload_bytes

    def resume(self, standing: Standing) -> list[Batch]:
        """Takes over how far the store says that the scan is; returns what is confirmed by it."""
        self.born = True
        self.unsure = False
        self.closed = standing.state >= ScanState.CLOSED
        self.lengths = [self.base + length for length in standing.lengths]
        self.sealed = list(standing.sealed)
        self._send_again(self.lengths)
        arrived = []  # only the answer did not
        while self.pending and self.pending[0].end <= min(self.lengths, default=0):
            arrived.append(self.pending[0])
            self.confirm(arrived[-1])
        return arrived

    def start_over(self) -> None:
        """Takes over that the store forgot the scan: all that is held is to be sent again."""
        self.born = self.unsure = self.closed = False
        self.lengths = [self.base] * len(self.lengths)
        self.sealed = [False] * len(self.sealed)
        self._send_again(self.lengths)

    @property
    def is_cut_off(self) -> bool:
        """Whether somebody else sealed a stream that still misses points."""
        end = self.pending[-1].end if self.pending else self.next_index
        return any(
            sealed and length < end
            for sealed, length in zip(self.sealed, self.lengths, strict=True)
        )

    def discard_rest(self) -> None:
        """Counts all that is not confirmed as lost and lets go of it."""
        self._lose(min(self.lengths, default=self.base), self.next_index)
        self._lost_before += len(self.intake.rows)
        self.intake.freed_bytes += sum(batch.row_bytes for batch in self.pending)
        self.pending.clear()
        while self.intake.rows:
            self.intake.freed_bytes += self.intake.rows.popleft()[1]

    def continuation(self, birth: Birth) -> Publication:
        """What publishes, under another birth, the batches that this one's streams miss."""
        rest = Publication(
            birth,
            self.intake,
            base=self.pending[0].first if self.pending else self.next_index,
            encoders=self.encoders,
        )
        rest.arrivals = self.arrivals
        rest.pending, self.pending = self.pending, deque()
        rest.next_index = self.next_index
        rest._lost_before = self.lost_points
        return rest

    def _send_again(self, lengths: Sequence[int]) -> None:
        shortest = min(lengths, default=0)
        again = [batch for batch in self.kept if batch.end > shortest]
        self.kept = deque(batch for batch in self.kept if batch.end <= shortest)
        self.kept_bytes = sum(batch.payload_bytes for batch in self.kept)
        self.pending.extendleft(reversed(again))
        first = self.pending[0].first if self.pending else self.next_index
        self._lose(shortest, first)

    def _lose(self, start: int, stop: int) -> None:
        """Notes that the points from `start` to before `stop` are lost; `stop` never falls."""
        if start >= stop:
            return
        touched = [gap.start for gap in self._gaps if gap.stop >= start]
        self._gaps = [gap for gap in self._gaps if gap.stop < start]
        self._gaps.append(range(min((start, *touched)), stop))

    def _take_rows(self, limit_bytes: int) -> tuple[list[tuple[Any, ...]], int]:
        waiting = self.intake.rows
        if waiting and not self.intake.varies:
            return self._take_equal_rows(limit_bytes)
        rows: list[tuple[Any, ...]] = []
        total = 0
        take, keep = waiting.popleft, rows.append
        least = self._point_bytes
        encoded = 0
        while waiting:
            row, size = waiting[0]
            # A row whose arrays are missing is small here, yet full-grown when it is encoded.
            encoded += size if size > least else least
            if rows and encoded > limit_bytes:
                break
            take()
            keep(row)
            total += size
        self.has_backlog = bool(waiting)
        return rows, total

    def _take_equal_rows(self, limit_bytes: int) -> tuple[list[tuple[Any, ...]], int]:
        """Rows of scalars: all have one size, so that their number is known beforehand."""
        waiting = self.intake.rows
        size = waiting[0][1]
        count = min(len(waiting), max(1, limit_bytes // max(size, self._point_bytes)))
        take = waiting.popleft
        rows = [take()[0] for _ in range(count)]
        self.has_backlog = bool(waiting)
        return rows, count * size

    def _encode(self, rows: list[tuple[Any, ...]], row_bytes: int) -> Batch:
        first = self.next_index
        self.next_index += len(rows)
        parts = [
            Part(column, first + run.offset, run.length, run.payload)
            for column, values in enumerate(zip(*rows, strict=True))
            for run in self.encoders[column].encode(values)
        ]
        return Batch(first, len(rows), parts, row_bytes, self.arrivals.not_before(first))


def _stamped_column(streams: Sequence[StreamSpec]) -> int | None:
    names = [spec.name for spec in streams]
    return names.index(POINT_NUMBER_STREAM) if POINT_NUMBER_STREAM in names else None
