"""Whose order a report is about, beyond what ids alone say (`book.Book.find`).

- Under our own client id an order id may be another order's too: after ids were reset at the gateway, of
  another folder with that client id, in another login's account. An orderStatus names neither reference nor
  account, so it is that order's whose permanent id it has, once openOrder or an execution has shown whose
  that is; an error names the order id alone, and may be about either.
- Under our own client id, and an order id that was never sent, an execution may carry the reference of an
  order of ours (nautilus_trader issue 4970). It is that order's, if side and account agree.
- An execution without a reference is known by its order id alone, which may have been used before: a gateway
  that was told to reset its ids begins at 1 again, and executions of a week are asked for. Every order of
  ours has a reference.
- A completed order names neither client nor order id before server version 204: it may be a copy made in
  TWS, an earlier attempt, or another cluster's order of that name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twsmq_protocol.order_query_requests import ForeignOrder

from twsmq_nodes.tws.events import OrderStatus
from twsmq_nodes.tws.gateway_times import NS
from twsmq_nodes.tws.orders import ExecutionView, OrderView

from ..book import Book
from ..record import Record

CLOCKS_S = 60
"""How far the gateway's clock may be from ours; its times are in whole seconds."""


class Others(Protocol):
    """Orders that were not placed here."""

    def anothers(self, perm_id: int) -> bool: ...
    def with_order_id(self, order_id: int) -> Sequence[ForeignOrder]: ...


class Login(Protocol):
    accounts: tuple[str, ...]
    """Those that the gateway manages, none while they are not known."""


class Identity:
    """`client_id`: our own. `time_ns` reads the gateway's times."""

    def __init__(self, book: Book, client_id: int, time_ns: Callable[[str], int | None]) -> None:
        self._book = book
        self._client_id = client_id
        self._time_ns = time_ns
        self._others: Others | None = None
        self._login: Login | None = None

    def know(self, others: Others, login: Login) -> None:
        """Once they are there."""
        self._others, self._login = others, login

    def is_shared(self, order_id: int) -> bool:
        """Whether an order that was not placed here works under our client id and this order id."""
        rows = () if self._others is None else self._others.with_order_id(order_id)
        return any(row.client_id == self._client_id for row in rows)

    def of_open_order(self, order_id: int, view: OrderView) -> Record | None:
        found = self._book.find(view.client_id, order_id, view.perm_id, view.order_ref, self._client_id)
        return None if found is None or self._is_elsewhere(found, view.perm_id, view.account) else found

    def of_status(self, event: OrderStatus) -> Record | None:
        perm_id = event.perm_id or 0
        found = self._book.find(event.client_id, event.order_id, perm_id, "", self._client_id)
        if found is None or not perm_id or perm_id in found.perm_ids:
            return found
        another = bool(found.perm_ids) and self._others is not None and self._others.anothers(perm_id)
        return None if another or self._is_elsewhere(found, perm_id, "") else found

    def _is_elsewhere(self, record: Record, perm_id: int | None, account: str) -> bool:
        """It is in an account that the gateway does not have, so that what has its order id is another."""
        accounts = () if self._login is None else self._login.accounts
        there = not record.is_managed(accounts) and (not account or account in accounts)
        return there and bool(perm_id) and perm_id not in record.perm_ids

    def of_execution(self, seen: ExecutionView) -> Record | None:
        found = self._book.find(seen.client_id, seen.order_id, seen.perm_id, seen.order_ref, self._client_id)
        if found is None:
            return self._by_reference(seen)
        if seen.perm_id in found.perm_ids:
            return found
        if self._is_elsewhere(found, seen.perm_id, seen.acct_number):
            return None
        if seen.order_ref:
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
