"""Points on their way, encoded."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Batch", "Part"]


@dataclass(slots=True)
class Part:
    """One entry of a batch: `length` points of a column from the point `first` on."""

    column: int
    first: int
    length: int
    payload: bytes


@dataclass(slots=True)
class Batch:
    """Points that were encoded together; sent again, it keeps the edges that it had.

    `since`: monotonic time before which its first point had not come.
    """

    first: int
    points: int
    parts: list[Part]
    row_bytes: int
    since: float
    payload_bytes: int = field(init=False)
    was_sent: bool = False
    was_counted: bool = False

    def __post_init__(self) -> None:
        self.payload_bytes = sum(len(part.payload) for part in self.parts)

    @property
    def end(self) -> int:
        """The index behind its last point."""
        return self.first + self.points
