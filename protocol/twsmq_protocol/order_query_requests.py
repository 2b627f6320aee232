"""Arguments and results of the ops that ask the orders node what it knows. SPEC.md documents each."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from .envelope import Args, Finite, Nanoseconds, Natural
from .order_events import Side

MAX_PAGE = 1000
MAX_ROWS = 10_000


class GetOrders(Args, frozen=True, kw_only=True):
    """`get_orders`: all orders, finished ones too, oldest first; each argument narrows. `since`: ns, only
    those with an event then or later."""

    strategy: str | None = None
    client_order_id: str | None = None
    active: bool | None = None
    since: Nanoseconds | None = None


class GetExecutions(Args, frozen=True, kw_only=True):
    """`get_executions`: executions as they stand after corrections, with what they cost; oldest first."""

    strategy: str | None = None
    client_order_id: str | None = None
    account: str | None = None
    since: Nanoseconds | None = None


class ReplayEvents(Args, frozen=True, kw_only=True):
    """`replay_events`: order events again, as they were published, numbered above `after`.

    With `strategy` only its own, counted by `strategy_no`; else all, by `event_no`.
    """

    after: Natural
    strategy: str | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = MAX_PAGE


class ForeignOrder(Struct, frozen=True, kw_only=True):
    """A working order that was not placed here: by another client id, by hand, or before this journal.

    `client_id` and `order_id` are its owner's, 0 for an order entered by hand.
    """

    perm_id: int
    client_id: int
    order_id: int
    instrument: str
    side: str
    quantity: Finite
    order_type: str
    account: str
    tif: str
    status: str
    filled: Finite
    reference: str
    limit_price: Finite | None = None
    stop_price: Finite | None = None


class OrderList(Struct, frozen=True, kw_only=True):
    """Result of `get_orders`: maps with the fields of the `order` event; foreign orders as last seen."""

    orders: list[dict[str, Any]]
    foreign: list[ForeignOrder] = []


class ExecutionRow(Struct, frozen=True, kw_only=True):
    strategy: str
    client_order_id: str
    instrument: str
    exec_id: str
    account: str
    side: Side
    quantity: Finite
    price: Finite
    time: int | None = None
    recovered: bool = False
    leg: bool = False
    commission: Finite | None = None
    currency: str | None = None
    realized_pnl: Finite | None = None
    con_id: int | None = None


class ExecutionList(Struct, frozen=True, kw_only=True):
    """Result of `get_executions`."""

    executions: list[ExecutionRow]


class EventPage(Struct, frozen=True, kw_only=True):
    """Result of `replay_events`. `next`: ask with it as `after` for more; `last`: the newest there is."""

    events: list[dict[str, Any]]
    next: int
    last: int
