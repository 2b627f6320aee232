"""The orders at work on one instrument, so that a change of its market looks at those it may reach only.

Theory: thousands of orders far from the market are what a desk leaves behind in a day; to look at each of
them at each change would take the simulated gateway's whole processor. Of a plain limit order at rest
nothing but the price decides whether it trades; those are kept by price.

Invariant: `reached` leaves nobody out who would do something. At rest that is a buy at or above the lowest
price at which anybody sells or just sold, a sell at or below the highest at which anybody buys or just
bought.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from twsmq_simulator.broker.model import Order, Status
from twsmq_simulator.market.book import Book

_AFTER_ALL = 1 << 62


class AtWork:
    """By permId; neither staged nor final ones."""

    def __init__(self) -> None:
        self._buys: list[tuple[float, int]] = []  # at rest: price and permId, the lowest first
        self._sells: list[tuple[float, int]] = []
        self._at_rest: dict[int, tuple[bool, float]] = {}
        self._others: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._others or self._at_rest)

    def put(self, order: Order) -> None:
        """Where it belongs as it is now, which may be nowhere."""
        perm_id = order.perm_id
        self._others.discard(perm_id)
        if perm_id in self._at_rest:
            is_buy, price = self._at_rest.pop(perm_id)
            side = self._side(is_buy=is_buy)
            del side[bisect_left(side, (price, perm_id))]
        limit = _resting_limit(order)
        if limit is not None:
            self._at_rest[perm_id] = order.is_buy, limit
            insort(self._side(is_buy=order.is_buy), (limit, perm_id))
        elif not (order.is_final or order.status is Status.STAGED):
            self._others.add(perm_id)

    def reached(self, book: Book) -> list[int]:
        """Those that may have to do something as the market is now, the oldest first."""
        if not book.instrument.quoted:
            return sorted([*self._others, *self._at_rest])
        lowest, highest, trade = book.ask, book.bid, book.trade
        if trade is not None:
            price = book.price(trade.ticks)
            lowest, highest = min(lowest, price), max(highest, price)
        buys = self._buys[bisect_left(self._buys, (lowest, 0)) :]
        sells = self._sells[: bisect_right(self._sells, (highest, _AFTER_ALL))]
        return sorted([*self._others, *(perm_id for _, perm_id in (*buys, *sells))])

    def _side(self, *, is_buy: bool) -> list[tuple[float, int]]:
        return self._buys if is_buy else self._sells


def _resting_limit(order: Order) -> float | None:
    """Its price, if it waits for that and for nothing else."""
    ticket = order.ticket
    waits_for_more = (
        order.parent_perm_id or ticket.conditions or ticket.algo_strategy or ticket.good_after_time
    )
    if (
        order.status is not Status.SUBMITTED
        or not order.arrived
        or ticket.order_type != "LMT"
        or ticket.tif in ("IOC", "FOK")
        or waits_for_more
    ):
        return None
    return ticket.limit_price
