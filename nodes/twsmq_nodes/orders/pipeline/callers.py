"""Who waits for the bytes of an order or a modification, between the gate and the wire.

Invariant: a caller is answered once, when all bytes he asked for are written, or refused, with nothing sent.
"""

from __future__ import annotations

from msgspec import Struct
from twsmq_protocol.errors import RequestError
from twsmq_protocol.order_requests import OrderAccepted, OrdersAccepted

from ..actions import Action, Caller, Reply
from ..book import Book
from ..ids import Key


class Waiter(Struct, eq=False):
    """A caller whose answer waits for the bytes of `keys`; `group`: he asked with place_orders."""

    caller: Caller
    keys: tuple[Key, ...]
    group: bool = False
    left: int = 0  # keys not written yet; -1 once refused


class Callers:
    """`unwritten`: journaled attempts whose bytes have not been handed over."""

    def __init__(self, book: Book, actions: list[Action]) -> None:
        self.unwritten: set[Key] = set()
        self._waiters: dict[Key, list[Waiter]] = {}
        self._book = book
        self._actions = actions

    def join(self, waiter: Waiter) -> None:
        """Answer `waiter` together with those whose order is between gate and wire."""
        unwritten = [key for key in waiter.keys if key in self.unwritten]
        waiter.left = len(unwritten)
        for key in unwritten:
            self._waiters.setdefault(key, []).append(waiter)

    def await_change(self, caller: Caller, key: Key) -> None:
        """A modification of this order has been journaled."""
        self._waiters.setdefault(key, []).append(Waiter(caller, (key,), left=1))

    def written(self, key: Key) -> None:
        """The bytes of an order or a modification are handed to the socket."""
        placed = key in self.unwritten
        for waiter in self._served(key):
            waiter.left -= 1
            if waiter.left == 0:
                self.answer(waiter, "pending" if placed else None)

    def not_written(self, key: Key, error: RequestError) -> None:
        """They certainly never left."""
        for waiter in self._served(key):
            if waiter.left > 0:
                waiter.left = -1
                self._actions.append(Reply(waiter.caller, error))

    def answer(self, waiter: Waiter, status: str | None = "pending") -> None:
        """The first answer, or with status None the orders as they stand."""
        rows = [
            OrderAccepted(
                client_order_id=key[1],
                order_id=self._book.records[key].order_id,
                status=status or self._book.records[key].order.status,
            )
            for key in waiter.keys
        ]
        self._actions.append(Reply(waiter.caller, OrdersAccepted(orders=rows) if waiter.group else rows[0]))

    def _served(self, key: Key) -> list[Waiter]:
        """Who waited for the bytes just written or refused: all of an order's, one of a modification's."""
        waiters = self._waiters.pop(key, [])
        if key in self.unwritten:
            self.unwritten.discard(key)
            return waiters
        if waiters[1:]:
            self._waiters[key] = waiters[1:]
        return waiters[:1]
