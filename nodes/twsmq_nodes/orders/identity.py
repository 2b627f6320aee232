"""Whose order an execution or a completed order is, beyond what ids alone say (`book.Book.find`).

- Under our own client id, and an order id that was never sent, an execution may carry the reference of an
  order of ours (nautilus_trader issue 4970). It is that order's, if side and account agree.
- An execution without a reference is known by its order id alone, which may have been used before: a gateway
  that was told to reset its ids begins at 1 again, and executions of a week are asked for. Every order of
  ours has a reference.
- A completed order names neither client nor order id before server version 204: it may be a copy made in
  TWS, an earlier attempt, or another cluster's order of that name.
"""

from __future__ import annotations

from collections.abc import Callable

from twsmq_nodes.tws.gateway_times import NS
from twsmq_nodes.tws.orders import ExecutionView, OrderView

from .book import Book
from .record import Record

CLOCKS_S = 60
"""How far the gateway's clock may be from ours; its times are in whole seconds."""


class Identity:
    """`client_id`: our own. `time_ns` reads the gateway's times."""

    def __init__(self, book: Book, client_id: int, time_ns: Callable[[str], int | None]) -> None:
        self._book = book
        self._client_id = client_id
        self._time_ns = time_ns

    def of_execution(self, seen: ExecutionView) -> Record | None:
        found = self._book.find(seen.client_id, seen.order_id, seen.perm_id, seen.order_ref, self._client_id)
        if found is None:
            return self._by_reference(seen)
        if seen.order_ref or seen.perm_id in found.perm_ids:
            return found
        at = self._time_ns(seen.time)
        earlier = at is not None and at + CLOCKS_S * NS < found.sent_at
        return None if earlier or (seen.perm_id and found.perm_ids) else found

    def _by_reference(self, seen: ExecutionView) -> Record | None:
        record = self._book.named(seen.order_ref)
        if record is None or seen.client_id != self._client_id or not seen.order_id:
            return None
        order, bought = record.order, seen.side == "BOT"
        if order.account not in (None, "", seen.acct_number) or self._book.by_order_id(seen.order_id):
            return None
        return record if order.instrument.startswith("BAG:") or bought == (order.side == "BUY") else None

    def of_completed(self, view: OrderView) -> Record | None:
        client_id = view.client_id if view.order_id else None
        record = self._book.find(client_id, view.order_id, view.perm_id, view.order_ref, self._client_id)
        if record is None:
            return None
        if view.perm_id and record.perm_ids:
            return record if view.perm_id in record.perm_ids else None
        return record if view.action in ("", record.order.side) else None
