"""Orders whose state or owner a person, or a snapshot after a power loss, settles.

Invariants: only an `unknown` order is resolved; only an order under our own client id is taken over, since
nobody else may change another client's.
"""

from __future__ import annotations

from twsmq_protocol.order_control_requests import AdoptOrder, ResolveOrder
from twsmq_protocol.order_events import Order
from twsmq_protocol.order_query_requests import ForeignOrder

from .actions import Caller, Now, Reply
from .answers import accepted, conflict, key_of, require_record
from .book import Book
from .entries import Adopted
from .foreign.orders import ForeignOrders
from .ids import Key, parse_ref
from .older_copy import is_name
from .pipeline.pipeline import Pipeline
from .record import OrderChanges
from .states import Trigger, after, standing

_RESOLVED = {
    "cancelled": Trigger.RESOLVED_CANCELLED,
    "rejected": Trigger.RESOLVED_REJECTED,
    "not_sent": Trigger.RESOLVED_NOT_SENT,
    "filled": Trigger.RESOLVED_FILLED,
}
UNTIL_TAKEN_OVER = (
    "a power loss took the journal's end: nothing is sent before the gateway has shown what it has executed"
)
"""It may have executed an order that is in no other of its lists, and that would be placed anew."""


class Adoption:
    def __init__(self, book: Book, pipeline: Pipeline, client_id: int) -> None:
        self._book = book
        self._pipeline = pipeline
        self._client_id = client_id

    def resolve(self, args: ResolveOrder, caller: Caller, now: Now) -> None:
        record = require_record(self._book, args)
        if record.order.status != "unknown":
            raise conflict(f"the order is {record.order.status}, not unknown: there is nothing to resolve")
        status = after("unknown", _RESOLVED[args.status])
        reason = f"resolved by an operator: {args.reason}"
        changes = OrderChanges(status=status, reason=reason)
        if status == "filled":
            changes.update(OrderChanges(filled=record.order.quantity, remaining=0.0))
        self._book.change(record, now.ns, None, **changes)
        self._pipeline.once_durable(Reply(caller, accepted(record)))

    def adopt(self, args: AdoptOrder, caller: Caller, foreign: ForeignOrders, now: Now) -> None:
        """Only what was placed under our own client id: nobody else may change another client's order."""
        key = key_of(args)
        if key in self._book.records or key in self._pipeline.waiting:
            raise conflict(f"{key[0]}/{key[1]} is another order already")
        row = foreign.require(args.perm_id)
        if row.client_id != self._client_id or not row.order_id:
            raise conflict(f"it belongs to client id {row.client_id}, which alone may change it (10147)")
        self.take_over(key, row, "adopted", now)
        foreign.taken_over(row, key)
        self._pipeline.once_durable(Reply(caller, accepted(self._book.records[key])))

    def take_over_all(self, foreign: ForeignOrders, now: Now) -> None:
        """A power loss took the journal's end: what the gateway has under our references is ours."""
        for row in list(foreign.rows.values()):
            key = parse_ref(row.reference)
            ours = row.client_id == self._client_id and bool(row.order_id)
            if ours and key is not None and key not in self._book.records and is_name(key):
                foreign.taken_over(row, key)
                self.take_over(key, row, "taken over after a power loss", now)

    def take_over(self, key: Key, row: ForeignOrder, why: str, now: Now) -> None:
        order = Order(
            client_order_id=key[1],
            strategy=key[0],
            instrument=row.instrument,
            side="BUY" if row.side == "BUY" else "SELL",
            quantity=row.quantity,
            order_type=row.order_type,
            status=standing(row.status, row.filled),
            order_id=row.order_id,
            perm_id=row.perm_id,
            account=row.account,
            limit_price=row.limit_price,
            stop_price=row.stop_price,
            tif=row.tif,
            filled=row.filled,
            remaining=max(0.0, row.quantity - row.filled),
            gateway_status=row.status or None,
            reason=why,
        )
        self._book.record(order, now.ns, Adopted(row.order_id, row.reference, now.ns))
