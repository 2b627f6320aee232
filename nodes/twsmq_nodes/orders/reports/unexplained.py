"""Ends of orders whose two halves, the status and the words, come apart.

A cancellation nobody here asked for may be a refusal: orderStatus Cancelled and then 201 (captured from a
Gateway 10.40.1). It is held until the error that explains it has come, or `EXPLANATION_S` have passed: who
waits for an order's end must not get a wrong one. The words may also come first, and then are kept for
the status that follows; while a modification is in flight they may be about that alone. Words that come later
than that are added to the order that has ended.

Which words are the cause: those that say why, before those that only repeat that it is cancelled (a bare
202, which comes for each member of a group of which another was refused). A complaint counts for an order
that had never worked however long ago it was, else for `RECENT_S`. It is no cause of an end that we asked
for, unless it refuses an order that had never worked.
"""

from __future__ import annotations

from msgspec import Struct

from twsmq_nodes.tws.gateway_times import NS

from .. import codes
from ..ids import Key
from ..record import OrderChanges, Record

RECENT_S = 10.0
UNEXPLAINED = "the gateway cancelled it and gave no reason"


class Held(Struct, frozen=True):
    order_id: int
    changes: OrderChanges


class Unexplained:
    """`held`: ends without words. `said`: words (code, text, ns) without an end; code 0: of a report."""

    def __init__(self) -> None:
        self.held: dict[Key, Held] = {}
        self.said: dict[Key, tuple[int, str, int]] = {}

    def hold(self, record: Record, changes: OrderChanges) -> None:
        self.held[record.key] = Held(record.order_id, changes)

    def release(self, record: Record) -> OrderChanges | None:
        """What came with the cancellation that is held, None if there is none or something else decided."""
        held = self.held.pop(record.key, None)
        if held is None or record.done or held.order_id != record.order_id:
            return None
        changes = held.changes
        if record.executed() > changes.get("filled", 0.0):  # executions that came after it
            changes.update(OrderChanges(filled=record.executed(), avg_price=record.average()))
        return changes

    def cause(self, record: Record, ts: int) -> OrderChanges:
        """Why it ends, by what has been said before; empty if nothing was."""
        code, text, at = self.words(record)
        old = at + int(RECENT_S * NS) < ts
        if (record.worked and old) or not text or (record.cancel_wanted and not record.refused_by(code)):
            return OrderChanges()
        return OrderChanges(reason=text, tws_code=code or None)

    def words(self, record: Record) -> tuple[int, str, int]:
        """What has been said of it that may be why it ends; without text if nothing was."""
        return self.said.get(record.key) or _complaint(record)

    def stands(self, key: Key) -> None:
        """A snapshot lists the order: what was said was not about its end."""
        self.held.pop(key, None)
        self.said.pop(key, None)

    def clear(self) -> None:
        self.held.clear()
        self.said.clear()


def _complaint(record: Record) -> tuple[int, str, int]:
    complaint = record.grievance
    return (0, "", 0) if complaint is None else (complaint.tws_code, complaint.text, complaint.ts)


def lacks_cause(record: Record) -> bool:
    """It has ended, and what it is told to have ended by says only that."""
    order = record.order
    if order.status not in ("cancelled", "rejected"):
        return False
    if order.tws_code is None:
        return order.reason in (None, UNEXPLAINED)
    return not codes.names_cause(order.tws_code, order.reason or "")
