"""What was written and the gateway has not answered: orders, modifications and cancels.

Each is looked for once it is unanswered for `UNANSWERED_S`, and again until it is answered.
"""

from __future__ import annotations

from ..actions import Now
from ..book import Book
from ..ids import Key
from ..pipeline.cancels import Cancels
from ..record import Record

UNANSWERED_S = 5.0
"""What the gateway says nothing about for so long is looked for."""


class InFlight:
    def __init__(self, book: Book, cancels: Cancels) -> None:
        self._book = book
        self._cancels = cancels
        self._since: dict[Key, float] = {}  # monotonic; the oldest first, for `now` never goes back

    def written(self, key: Key, now: Now) -> None:
        record = self._book.records[key]
        if self._unanswered(record) or record.staged:
            self._since.setdefault(key, now.mono)

    @property
    def due(self) -> float | None:
        """When to call `overdue`, monotonic."""
        since = next(iter(self._since.values()), None)
        return None if since is None else since + UNANSWERED_S

    def overdue(self, now: Now) -> bool:
        """Whether something has been unanswered for too long; its time begins anew."""
        for key in list(self._since):
            record = self._book.records[key]
            if not self._unanswered(record) and (record.done or not record.staged):
                del self._since[key]
        due = self.due
        if due is None or due > now.mono:
            return False
        overdue = any(self._unanswered(self._book.records[key]) for key in self._since)
        self._since = dict.fromkeys(self._since, now.mono)
        return overdue

    def clear(self) -> None:
        self._since.clear()

    def _unanswered(self, record: Record) -> bool:
        """The gateway has not spoken of it, or not of its cancel, or not of a modification."""
        if record.exercise is not None and record.order.status == "unknown":
            return False  # nothing more can be found out
        if record.cancel_wanted and record.order.status == "unknown" and self._cancels.unanswered(record):
            return False  # likewise
        cancelling = record.cancel_wanted and record.order.gateway_status != "PendingCancel"
        silent = not record.acknowledged and not record.staged
        return not record.done and (silent or cancelling or (bool(record.changes) and not record.held_back))
