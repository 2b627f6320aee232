"""Cancels that are owed, from the wish to the bytes.

Invariants: a wish is journaled before it is answered; from then on the node owes it, through crashes and
reconnects as well. A cancel never goes before its own order, and goes out again when it had no effect for
`CANCEL_AGAIN_S`. On a disk that stalls it does not wait for its wish: a cancel of an order that was written
does no harm if it is forgotten in a crash.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

from msgspec import Struct

from ..actions import Now
from ..book import Book
from ..entries import CancelWanted
from ..ids import Key
from ..record import Record
from ..states import Trigger, after, shown

CANCEL_AGAIN_S = 2.0
"""How long a cancel has to take effect before it may go out again."""
MOST_UNANSWERED = 3
"""How many cancels of what the gateway holds back, and no list shows, have to come to nothing."""
CANCEL_PATIENCE_S = 0.25
"""How long a cancel waits for the disk."""


class CancelDue(Struct, frozen=True):
    """Goes to the gate once the wish is durable."""

    key: Key


class Cancels:
    """`once_durable` parks a CancelDue until all that was recorded before it is on disk, `release` lets a
    cancel through to the gate; `unwritten`: orders whose own bytes have not left; `is_there`: the gateway has
    the order's account, else the id may be another's."""

    def __init__(
        self,
        book: Book,
        unwritten: Collection[Key],
        once_durable: Callable[[CancelDue], None],
        release: Callable[[Key], None],
        is_there: Callable[[Record], bool],
    ) -> None:
        self._is_there = is_there
        self._book = book
        self._unwritten = unwritten
        self._once_durable = once_durable
        self._release = release
        self._connected = False
        self._written: dict[Key, float] = {}  # when, monotonic
        self._tries: Counter[Key] = Counter()  # of this session, since somebody asked
        self._parked: dict[Key, float] = {}  # since when they wait for the disk, monotonic

    def want(self, record: Record, now: Now, why: str | None = None) -> None:
        """The order is to end; the node owes that from now on."""
        status = record.order.status
        if status == "not_sent":
            reason = "cancelled; it was never sent"
            self._book.change(record, now.ns, status=after(status, Trigger.ABANDONED), reason=reason)
        elif not record.done and not record.cancel_wanted:
            self.forget(record.key)
            status = shown(status, cancel_wanted=True)
            reason = why or record.order.reason
            self._book.change(record, now.ns, CancelWanted(), status=status, reason=reason)
            self._park(record.key, now)
        elif not record.done:
            self._tries.pop(record.key, None)
            self.again(record, now)

    def want_all(self, record: Record, now: Now, why: str | None = None) -> None:
        """With all that the gateway holds back for it."""
        self.want(record, now, why)
        for child in self._book.children(record) if self._book.staged else ():
            if child.staged:
                self.want(child, now, why)

    def again(self, record: Record, now: Now) -> None:
        """A cancel may go once more: asked for anew, swallowed, or still owed after a crash or a reconnect.
        Not if the gateway says that it is at it: it would refuse the second one."""
        if record.order.gateway_status != "PendingCancel" and self._may_go(record.key, now):
            self._park(record.key, now)

    def unanswered(self, record: Record) -> bool:
        """It was cancelled as often as is of use: it is held back, so that only an answer shows whether it is
        there, as it is not if a person has thrown it away."""
        return record.staged and self._tries[record.key] >= MOST_UNANSWERED

    def forget(self, key: Key) -> None:
        """One that was written has come to nothing."""
        self._written.pop(key, None)

    def may_write(self, record: Record, now: Now) -> bool:
        """Its turn at the gate has come; if True it counts as written."""
        may = not record.done and record.cancel_wanted and self._may_go(record.key, now)
        may = may and self._is_there(record)
        if self._connected and may:
            self._written[record.key] = now.mono
            self._tries[record.key] += 1
            return True
        return False

    def durable(self, due: CancelDue) -> None:
        """The wish is on disk."""
        in_time = self._parked.pop(due.key, None) is not None
        if self._connected and (in_time or due.key not in self._written):
            self._release(due.key)

    @property
    def due(self) -> list[float]:
        """When to call `tick`, monotonic."""
        return [at + CANCEL_PATIENCE_S for at in self._parked.values()]

    def tick(self, now: Now) -> None:
        """Let those go that have waited too long for the disk."""
        for key in [k for k, at in self._parked.items() if at + CANCEL_PATIENCE_S <= now.mono]:
            del self._parked[key]
            if self._connected and key not in self._unwritten:
                self._release(key)

    def session_began(self) -> None:
        self._connected = True
        self._written.clear()
        self._tries.clear()

    def session_ended(self) -> None:
        """They are owed, and asked for again by the next session."""
        self._connected = False
        self._parked.clear()

    def _park(self, key: Key, now: Now) -> None:
        self._parked[key] = now.mono
        self._once_durable(CancelDue(key))

    def _may_go(self, key: Key, now: Now) -> bool:
        written = self._written.get(key)
        return written is None or written + CANCEL_AGAIN_S <= now.mono
