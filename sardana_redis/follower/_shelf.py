"""All scans in hand, by the file that they go to; what is parked, and what people order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sardana_redis.follower._desk import Desk
from sardana_redis.follower._disks import Disks
from sardana_redis.follower._kind import Kind, ScanJob
from sardana_redis.follower._queue import FileQueue, Ticket
from sardana_redis.log import get_logger
from sardana_redis.model import WriterProgress, WriterScanState
from sardana_redis.store import FollowedScan, Order, OrderKind, ParkedScan
from sardana_redis.targets import NoTarget, forced_target, real_path
from sardana_redis.vitals import Trouble

__all__ = ["Shelf"]

_log = get_logger("sardana_redis.follower")

_DOCUMENTS_KEPT = 100
_MOST_TROUBLES = 8
_REASON_LENGTH = 200


class Shelf:
    """The queues of a writer, one for each file."""

    def __init__(self, kind: Kind, desk: Desk) -> None:
        self._target = kind.target
        self._settings = kind.settings
        self._desk = desk
        self._queues: dict[Path, FileQueue] = {}
        self._heard: dict[str, Order] = {}
        self._obeyed: dict[str, Order] = {}
        self.disks = Disks()

    def __iter__(self) -> Iterator[FileQueue]:
        return iter(tuple(self._queues.values()))

    def jobs(self) -> list[ScanJob]:
        """The scans that are being written."""
        return [queue.job for queue in self if queue.job is not None]

    def due(self, now: float) -> list[FileQueue]:
        """The files of which the first scan may be begun, those that waited longest first."""
        due = (queue for queue in self if queue.is_due(now))
        return sorted(due, key=lambda queue: queue.next_try)

    @property
    def parked(self) -> int:
        """How many scans are parked."""
        return sum(ticket.is_parked for queue in self for ticket in queue.tickets)

    @property
    def pending(self) -> int:
        """How many scans wait for others of their file."""
        return sum(not ticket.is_parked for queue in self for ticket in queue.tickets[1:])

    def troubles(self) -> tuple[Trouble, ...]:
        """The files that cannot be written now, a few of them."""
        failing = [queue for queue in self if queue.failing_since is not None]
        return tuple(
            Trouble(str(queue.path), queue.reason[:_REASON_LENGTH])
            for queue in failing[:_MOST_TROUBLES]
        )

    def admit(self, scan: FollowedScan, now: float) -> None:
        """Puts a scan where it belongs, or reports at once that it will not be written."""
        log = _log.bind(scan=scan.identity.get("number"), key=scan.key)
        reason = self._reason_to_skip(scan)
        target = reason or self._target(scan, self._settings.output_root)
        if isinstance(target, str | NoTarget):
            reason = target if isinstance(target, str) else target.reason
            log.info("scan is not for us", reason=reason)
            skipped = WriterProgress(0, WriterScanState.SKIPPED, reason=reason)
            self._desk.report(scan.key, skipped)
            return
        if target.note:
            log.info("file is another one", path=str(target.path), reason=target.note)
        ticket = Ticket(
            key=scan.key,
            number=int(scan.identity.get("number") or 0),
            title=str(scan.info.get("title") or ""),
            since=now,
        )
        in_hand = sum(len(queue.tickets) for queue in self._queues.values())
        ticket.scan = scan if in_hand < _DOCUMENTS_KEPT else None
        self._enqueue(target.path, ticket)

    def park(self, now: float, now_ms: int) -> None:
        """Parks the scans that were kept waiting for too long, frees those that no longer are."""
        for queue in self:
            for ticket in queue.newly_parked(now, self._settings.park_seconds):
                _log.error(
                    "scan is parked", scan=ticket.number, key=ticket.key, path=str(queue.path),
                    reason=queue.reason, remedy="see `sardana-redis parked list`",
                )  # fmt: skip
                parked = ParkedScan(
                    str(queue.path), queue.reason, now_ms, ticket.number, ticket.title
                )
                self._desk.park(ticket.key, parked)
                self._report_waiting(ticket)
            if queue.failing_since is None:
                self._free(queue)

    def obey(self, orders: dict[str, Order], now: float) -> None:
        """Does with parked scans what people ordered; a scan may still have to be admitted."""
        self._heard |= {k: order for k, order in orders.items() if self._obeyed.get(k) != order}
        for key, order in tuple(self._heard.items()):
            found = self._find(key)
            if found is None and self._desk.is_in_hand(key):
                continue
            del self._heard[key]
            if found is None or not self._carry_out(*found, order, now):
                self._desk.remove_order(key, order)
            else:
                self._obeyed[key] = order

    def finished(self, key: str) -> None:
        """Forgets what was ordered for a scan that is written."""
        order = self._obeyed.pop(key, None)
        if order is not None:
            self._desk.remove_order(key, order)

    def drop_if_idle(self, queue: FileQueue) -> None:
        """Closes the file of a queue that has nothing to do any more."""
        if not queue.tickets and not queue.finished:
            queue.give_up()
            self._queues.pop(queue.place, None)

    def _reason_to_skip(self, scan: FollowedScan) -> str:
        session = scan.identity.get("session")
        if self._settings.sessions and session not in self._settings.sessions:
            return f"its session {session!r} is not one of sessions"
        return ""

    def _enqueue(self, path: Path, ticket: Ticket) -> None:
        self.disks.note(path.parent)
        place = real_path(path)  # however the scans spell it
        queue = self._queues.setdefault(place, FileQueue(path, place))
        queue.add(ticket)
        if queue.tickets[0] is not ticket:
            self._report_waiting(ticket)

    def _report_waiting(self, ticket: Ticket) -> None:
        self._desk.report(ticket.key, WriterProgress(ticket.points, waits=True))

    def _free(self, queue: FileQueue) -> None:
        for ticket in queue.tickets:
            if ticket.is_parked:
                ticket.is_parked = False
                self._desk.unpark(ticket.key)
                _log.info("scan is parked no more", scan=ticket.number, key=ticket.key)

    def _find(self, key: str) -> tuple[FileQueue, Ticket] | None:
        for queue in self:
            for ticket in queue.tickets:
                if ticket.key == key:
                    return queue, ticket
        return None

    def _carry_out(self, queue: FileQueue, ticket: Ticket, order: Order, now: float) -> bool:
        """Carries an order out; returns whether it is to be remembered until the scan is done."""
        log = _log.bind(scan=ticket.number, key=ticket.key)
        if order.kind is OrderKind.RETRY and order.to is None:
            log.info("retrying as ordered", path=str(queue.path))
            queue.next_try = now
            return False
        if order.kind is OrderKind.SKIP:
            log.warning("scan is skipped as ordered", path=str(queue.path))
            self._take_out(queue, ticket)
            skipped = WriterProgress(ticket.points, WriterScanState.SKIPPED, reason="as ordered")
            self._desk.report(ticket.key, skipped)
            return False
        target = forced_target(str(order.to), self._settings.output_root)
        if isinstance(target, NoTarget):
            log.error("order cannot be carried out", path=order.to, reason=target.reason)
            return False
        log.info("writing elsewhere as ordered", path=str(target.path))
        self._take_out(queue, ticket)
        self._desk.unpark(ticket.key)
        self._enqueue(target.path, replace(ticket, is_parked=False, since=now))
        return True

    def _take_out(self, queue: FileQueue, ticket: Ticket) -> None:
        if queue.tickets[0] is ticket and queue.job is not None:
            queue.give_up()
        queue.tickets.remove(ticket)
        self.drop_if_idle(queue)
