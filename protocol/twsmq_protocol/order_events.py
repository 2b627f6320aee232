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


ChangeOutcome = Literal["sent", "confirmed", "refused", "superseded", "unanswered", "not_sent"]
"""What became of a modification. Only `sent` is not its end."""


class OrderEvent(Event, frozen=True, kw_only=True):
    """What every event about an order carries."""

    client_order_id: str
    strategy: str
    event_no: int = 0
    strategy_no: int = 0


class Order(OrderEvent, frozen=True, kw_only=True, tag="order"):
    """The order as it now stands. `reason` and `tws_code`: why it came to this `status`.

    `gateway_status` is the gateway's own word ("PreSubmitted"), nil before it said any. Prices and other
    attributes are as they stand: as the gateway has shown them, or as they were first sent. `parent`: the
    client_order_id of the order it is attached to; `group`: of the first of those placed together. `staged`:
    it was sent to be transmitted later, and the gateway holds it back. `why_held`, `cap_price`: as the
    gateway says (whyHeld, mktCapPrice).
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
    trail_amount: Finite | None = None
    trail_percent: Finite | None = None
    trail_stop_price: Finite | None = None
    limit_offset: Finite | None = None
    offset: Finite | None = None
    good_till: str | None = None
    outside_rth: bool | None = None
    display_size: int | None = None
    parent: str | None = None
    group: str | None = None
    oca_group: str | None = None
    staged: bool = False
    why_held: str | None = None
    cap_price: Finite | None = None


class Fill(OrderEvent, frozen=True, kw_only=True, tag="fill"):
    """One execution, once. `corrects` names the exec_id this one replaces; `recovered`: learnt of afterwards.

    `time` is the execution's own (ns), nil if the gateway's text could not be read. `leg`: of one leg of a
    combo order, or of one account of an adviser's order, whose own executions are what its `filled` counts.
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
    """Something the gateway said about an order that does not change its state (399, 2109, 10349 …).

    `advanced_reject`: JSON that the gateway gives with some refusals (advancedOrderRejectJson).
    """

    tws_code: int
    text: str
    advanced_reject: str | None = None


class Change(OrderEvent, frozen=True, kw_only=True, tag="change"):
    """A modification: sent, and then what became of it. `change_no` counts those of an order.

    `asked`: the attributes it was to change, under the names of `modify_order`. `stands`: the same attributes
    as they stand at the gateway now. `text` and `tws_code`: why, where the gateway or the node has said so.
    """

    change_no: int
    outcome: ChangeOutcome
    asked: dict[str, str | int | Finite | bool]
    stands: dict[str, str | int | Finite | bool | None]
    text: str | None = None
    tws_code: int | None = None


class AccountNotice(Event, frozen=True, kw_only=True, tag="account_notice"):
    """Something the gateway said that belongs to no order and no request: margin, liquidation, or a report
    about some order that could not be read (`tws_code` 0)."""

    tws_code: int
    text: str


class AccountExecution(Event, frozen=True, kw_only=True, tag="execution"):
    """An execution in an account, whoever placed its order: a client of ours, another program, a person, or
    the broker (`liquidation`). `order`: strategy/client_order_id, nil unless the order was placed here.

    `client_id` and `order_id` are its owner's, 0 for what was entered by hand. `corrects` names the exec_id
    this one replaces; `recovered`: learnt of afterwards. `leg`: of one leg of a combo.
    """

    exec_id: str
    account: str
    instrument: str
    side: Side
    quantity: Finite
    price: Finite
    time: int | None = None
    con_id: int | None = None
    exchange: str = ""
    perm_id: int = 0
    client_id: int = 0
    order_id: int = 0
    reference: str = ""
    order: str | None = None
    liquidation: bool = False
    liquidity: int = 0
    leg: bool = False
    corrects: str | None = None
    recovered: bool = False


class ExecutionCost(Event, frozen=True, kw_only=True, tag="execution_cost"):
    """What an execution in an account cost. `realized_pnl` is nil for opening trades."""

    exec_id: str
    account: str
    commission: Finite
    currency: str
    realized_pnl: Finite | None = None


class ForeignOrderChanged(Event, frozen=True, kw_only=True, tag="foreign_order"):
    """An order that was not placed here, as it now stands. `working` false: it has ended, `reason` says how
    as far as that is known."""

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
    working: bool = True
    reason: str | None = None
