"""What a rule judges, and what it may ask about the world. Whatever is not known is None."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

from msgspec import Struct
from twsmq_protocol.order_events import Order
from twsmq_protocol.order_requests import PlaceOrder
from twsmq_protocol.risk_limits import RiskLimits

from ..attributes import Standing
from ..entries import Links
from .steps import Steps

Scope = Literal["strategy", "account"]


class Market(Struct, frozen=True):
    """A live quote. A price without a size behind it is none: see `price_of`."""

    bid: float | None
    ask: float | None
    last: float | None

    def price(self, side: str) -> float | None:
        """What the order would pay or get now."""
        first = self.ask if side == "BUY" else self.bid
        return self.last if first is None else first


def price_of(price: float | None, size: float | None, combo: bool) -> float | None:
    """None for the gateway's "no price" (`tws.absence.NO_PRICE`), and for a 0 of which no size is known. A
    combo may well trade at 0, and then has a size; anything else that costs nothing would pass every limit.
    """
    if price is None or price > 0.0 or (size and (price or combo)):
        return price
    return None


class Open(Struct, frozen=True):
    """A working order, or one of the same request that is checked just now.

    `order_id` and `parent_id` are the gateway's; `oca` names a one-cancels-all group whose members cannot
    fill beside each other, "" is none. `cash`: it is for so much money, at `limit` or better, instead of a
    quantity. `executed`: no order any more, but what it has executed is not in the reported position yet.
    `foreign`: not placed here, and so of no strategy. `begun`: some of it is filled. An account of "" is
    several (FA).
    """

    strategy: str
    account: str
    instrument: str
    side: str
    remaining: float
    order_id: int = 0
    parent_id: int = 0
    oca: str = ""
    cash: float | None = None
    limit: float | None = None
    executed: bool = False
    foreign: bool = False
    begun: bool = False


_WITH_BLOCK = frozenset((1, 2))
"""Types of one-cancels-all groups that are protected against overfills (IBKR API docs, "One Cancels All")."""


def working_as(
    order: Order | PlaceOrder,
    order_id: int,
    links: Links,
    request: PlaceOrder | None,
    remaining: float,
    account: str,
    standing: Standing | None = None,
) -> Open:
    """An order as it works at the gateway, or will. `request`: as its client placed it, if one did.
    `standing`: as the gateway has shown it."""
    group = order.oca_group if isinstance(order, Order) else links.oca_group or order.oca_group
    oca_type = links.oca_type or (0 if request is None else request.oca_type)
    if standing is not None and "oca_type" in standing.taken:
        oca_type = standing.view.oca_type
    return Open(
        order.strategy,
        account,
        order.instrument,
        order.side,
        remaining,
        order_id,
        links.parent_id,
        (group or "") if oca_type in _WITH_BLOCK else "",
        None if request is None else request.cash_quantity,
        order.limit_price,
        begun=isinstance(order, Order) and order.filled > 0,
    )


class SentOrder(Struct, frozen=True):
    """An order that passed, for rules about how many and how alike."""

    ns: int
    strategy: str
    account: str
    order: PlaceOrder


class RiskInputs(Protocol):
    def market(self, instrument: str) -> Market | None: ...

    def unit_value(self, instrument: str) -> float | None:
        """What one unit is worth at a price of 1: multiplier by price magnifier."""
        ...

    def multiplier(self, instrument: str) -> float | None:
        """How many units one contract stands for."""
        ...

    def worth_known(self, instrument: str) -> bool:
        """Whether that is from the contract. Else it may be too much by the magnifier, which is 1 or more."""
        ...

    def steps(self, instrument: str) -> Steps | None:
        """Of its prices, where it is sent, and of its sizes."""
        ...

    def position(self, scope: Scope, name: str, instrument: str, account: str = "") -> float | None:
        """`account`: of a strategy's only what it holds there, or by an order for several."""
        ...

    def daily_pnl(self, scope: Scope, name: str, ns: int) -> float | None: ...
    def same(self, one: str, other: str) -> bool | None: ...
    def open_orders(self) -> Iterator[Open]: ...


class Candidate(Struct, frozen=True):
    """An order as one layer of limits sees it.

    `more`: by how much it grows what works (a modification by less than its quantity). `own`: itself as a
    working order. `mine`: what works already within the layer's scope, orders of the same request included;
    for a modification without the order itself. `stands`: prices of a modification that it
    does not ask for, and which are as the gateway has them. `sent`: what passed before within
    the rule's `looks_back_s`, newest last.
    """

    order: PlaceOrder
    account: str
    scope: Scope
    limits: RiskLimits
    more: float
    own: Open
    mine: Sequence[Open]
    sent: Sequence[SentOrder]
    inputs: RiskInputs
    ns: int
    stands: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.order.strategy if self.scope == "strategy" else self.account

    @property
    def within(self) -> str:
        """The account that a position is looked at in: of a strategy the order's own."""
        return self.own.account if self.scope == "strategy" else ""
