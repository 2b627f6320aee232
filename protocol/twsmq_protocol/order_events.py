"""Order events. All of them go out on `order/<strategy>/<client_order_id>/` and are kept on disk.

`event_no` numbers them over the whole node and `strategy_no` within the strategy, both without gaps and for
ever: unlike `seq` they survive restarts. Fills and commissions are sent once, never again as snapshots.
"""

from __future__ import annotations

from typing import Literal

from .envelope import Event, Finite

Side = Literal["BUY", "SELL"]
OrderStatus = Literal[
    "pending",
    "submitted",
    "partially_filled",
    "filled",
    "pending_cancel",
    "cancelled",
    "rejected",
    "inactive",
    "unknown",
    "not_sent",
]
TERMINAL_STATUSES: frozenset[str] = frozenset(("filled", "cancelled", "rejected", "not_sent"))
"""`inactive` is not among them: the gateway may revive such an order."""


class OrderEvent(Event, frozen=True, kw_only=True):
    """What every event about an order carries."""

    client_order_id: str
    strategy: str
    event_no: int = 0
    strategy_no: int = 0


class Order(OrderEvent, frozen=True, kw_only=True, tag="order"):
    """The order as it now stands. `reason` and `tws_code` tell why it came to this `status`.

    `gateway_status` is the gateway's own word ("PreSubmitted"), nil before it said any.
    """

    instrument: str
    side: Side
    quantity: Finite
    order_type: str
    status: OrderStatus
    order_id: int | None = None
    perm_id: int | None = None
    account: str | None = None
    limit_price: Finite | None = None
    stop_price: Finite | None = None
    tif: str = "DAY"
    filled: Finite = 0.0
    remaining: Finite = 0.0
    avg_price: Finite | None = None
    reason: str | None = None
    tws_code: int | None = None
    gateway_status: str | None = None
    snapshot: bool = False


class Fill(OrderEvent, frozen=True, kw_only=True, tag="fill"):
    """One execution, once. `corrects` names the exec_id this one replaces; `recovered`: learnt of afterwards.

    `time` is the execution's own (ns), nil if the gateway's text could not be read. `leg`: of one leg of a
    combo order, whose own executions are what its `filled` counts.
    """

    exec_id: str
    account: str
    side: Side
    quantity: Finite
    price: Finite
    time: int | None = None
    corrects: str | None = None
    recovered: bool = False
    con_id: int | None = None
    leg: bool = False


class Commission(OrderEvent, frozen=True, kw_only=True, tag="commission"):
    """What an execution cost. `realized_pnl` is nil for opening trades."""

    exec_id: str
    commission: Finite
    currency: str
    realized_pnl: Finite | None = None


class Notice(OrderEvent, frozen=True, kw_only=True, tag="notice"):
    """Something the gateway said about an order that does not change its state (399, 2109, 10349 …)."""

    tws_code: int
    text: str
