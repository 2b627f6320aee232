"""What the gateway says: one frozen struct per callback, the same whichever ibapi release is installed.

Sizes and prices are floats, a value the gateway left unset (or sent as NaN or infinity) is None, strings
are as sent. Nothing is dropped: a callback without a struct here becomes `Unhandled`, a frame ibapi
cannot decode becomes `FrameRejected`. History and reference data are in `reference_events`, the session's
own notices (up, lost, farms …) in `notices`.
"""

from __future__ import annotations

from msgspec import Struct

from twsmq_nodes.tws.contracts import Contract, Scalar
from twsmq_nodes.tws.orders import ExecutionView, OrderStateView, OrderView


class Event(Struct, frozen=True):
    """Base of all events."""


# -- the session itself ------------------------------------------------------------------------------


class NextValidId(Event, frozen=True):
    order_id: int


class ManagedAccounts(Event, frozen=True):
    accounts: tuple[str, ...]


class GatewayError(Event, frozen=True):
    """An error, warning or notice. `req_id` is the request's or order's id, -1 for none; `time_ms` is
    the gateway's, since the epoch, from server version 194."""

    req_id: int
    code: int
    text: str
    time_ms: int | None = None
    advanced_reject_json: str = ""


class CurrentTime(Event, frozen=True):
    """The gateway's clock, whole seconds since the epoch."""

    time_s: int


class FrameRejected(Event, frozen=True):
    """A frame that cannot be decoded; it had no effect. `head` is its beginning, for the log."""

    message_id: int | None
    reason: str
    head: bytes


class Unhandled(Event, frozen=True):
    """A callback without a struct of its own, under ibapi's name."""

    name: str
    args: tuple[Scalar, ...]


# -- market data: `tick_type` is ibapi's number (1 bid, 2 ask, 4 last, 0 bid size …) ------------------


class TickPrice(Event, frozen=True):
    """`attribs`: 1 can auto-execute, 2 past limit, 4 pre-open. A price of -1 with size 0 means "none now"."""

    req_id: int
    tick_type: int
    price: float | None
    attribs: int = 0


class TickSize(Event, frozen=True):
    req_id: int
    tick_type: int
    size: float | None


class TickString(Event, frozen=True):
    req_id: int
    tick_type: int
    value: str


class TickGeneric(Event, frozen=True):
    req_id: int
    tick_type: int
    value: float | None


class TickOptionComputation(Event, frozen=True):
    req_id: int
    tick_type: int
    tick_attrib: int | None
    implied_vol: float | None
    delta: float | None
    opt_price: float | None
    pv_dividend: float | None
    gamma: float | None
    vega: float | None
    theta: float | None
    und_price: float | None


class TickReqParams(Event, frozen=True):
    req_id: int
    min_tick: float | None
    bbo_exchange: str
    snapshot_permissions: int


class MarketDataType(Event, frozen=True):
    """1 live, 2 frozen, 3 delayed, 4 delayed frozen."""

    req_id: int
    market_data_type: int


class TickSnapshotEnd(Event, frozen=True):
    req_id: int


class TickNews(Event, frozen=True):
    """`time_ms` since the epoch."""

    req_id: int
    time_ms: int
    provider_code: str
    article_id: str
    headline: str
    extra_data: str


class TickByTickLast(Event, frozen=True):
    """`all_last`: also unreportable trades. `attribs`: 1 past limit, 2 unreported."""

    req_id: int
    all_last: bool
    time_s: int
    price: float | None
    size: float | None
    attribs: int
    exchange: str
    special_conditions: str


class TickByTickBidAsk(Event, frozen=True):
    """`attribs`: 1 bid past low, 2 ask past high."""

    req_id: int
    time_s: int
    bid_price: float | None
    ask_price: float | None
    bid_size: float | None
    ask_size: float | None
    attribs: int


class TickByTickMidPoint(Event, frozen=True):
    req_id: int
    time_s: int
    mid_point: float | None


class Depth(Event, frozen=True):
    """One change of an order book's row. `operation`: 0 insert, 1 update, 2 delete; `side`: 0 ask, 1 bid.
    `market_maker` is empty and `smart` False for single-exchange (level 1) books."""

    req_id: int
    position: int
    operation: int
    side: int
    price: float | None
    size: float | None
    market_maker: str = ""
    smart: bool = False


class RerouteMktData(Event, frozen=True):
    """Market data of a CFD comes from its underlying: ask again with this contract."""

    req_id: int
    con_id: int
    exchange: str
    depth: bool = False


class RealTimeBar(Event, frozen=True):
    req_id: int
    time_s: int
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: float | None
    wap: float | None
    count: int | None


# -- orders ------------------------------------------------------------------------------------------


class OpenOrder(Event, frozen=True):
    order_id: int
    contract: Contract
    order: OrderView
    state: OrderStateView


class OpenOrderEnd(Event, frozen=True):
    pass


class OrderStatus(Event, frozen=True):
    """Prices are 0.0 before the first fill."""

    order_id: int
    status: str
    filled: float | None
    remaining: float | None
    avg_fill_price: float | None
    perm_id: int | None
    parent_id: int | None
    last_fill_price: float | None
    client_id: int | None
    why_held: str
    mkt_cap_price: float | None


class OrderBound(Event, frozen=True):
    perm_id: int
    client_id: int
    order_id: int


class ExecDetails(Event, frozen=True):
    """`req_id` is -1 for a fill as it happens, the request's id for an answer to ReqExecutions."""

    req_id: int
    contract: Contract
    execution: ExecutionView


class ExecDetailsEnd(Event, frozen=True):
    req_id: int


class CommissionReport(Event, frozen=True):
    exec_id: str
    commission: float | None
    currency: str
    realized_pnl: float | None
    yield_: float | None
    yield_redemption_date: int | None


class CompletedOrder(Event, frozen=True):
    """An order of the current day that is done. Its order id is not part of the message."""

    contract: Contract
    order: OrderView
    state: OrderStateView


class CompletedOrdersEnd(Event, frozen=True):
    pass


# -- accounts ----------------------------------------------------------------------------------------


class Position(Event, frozen=True):
    """The exchange of `contract` is the primary one, its currency is sometimes empty: match by con_id."""

    account: str
    contract: Contract
    quantity: float | None
    avg_cost: float | None


class PositionEnd(Event, frozen=True):
    pass


class PositionMulti(Event, frozen=True):
    req_id: int
    account: str
    model_code: str
    contract: Contract
    quantity: float | None
    avg_cost: float | None


class PositionMultiEnd(Event, frozen=True):
    req_id: int


class AccountSummary(Event, frozen=True):
    req_id: int
    account: str
    tag: str
    value: str
    currency: str


class AccountSummaryEnd(Event, frozen=True):
    req_id: int


class AccountValue(Event, frozen=True):
    key: str
    value: str
    currency: str
    account: str


class PortfolioValue(Event, frozen=True):
    contract: Contract
    quantity: float | None
    market_price: float | None
    market_value: float | None
    average_cost: float | None
    unrealized_pnl: float | None
    realized_pnl: float | None
    account: str


class AccountTime(Event, frozen=True):
    """Time of day of the last account update, "hh:mm"."""

    time: str


class AccountDownloadEnd(Event, frozen=True):
    account: str


class AccountUpdateMulti(Event, frozen=True):
    req_id: int
    account: str
    model_code: str
    key: str
    value: str
    currency: str


class AccountUpdateMultiEnd(Event, frozen=True):
    req_id: int


class PnL(Event, frozen=True):
    req_id: int
    daily: float | None
    unrealized: float | None
    realized: float | None


class PnLSingle(Event, frozen=True):
    req_id: int
    quantity: float | None
    daily: float | None
    unrealized: float | None
    realized: float | None
    value: float | None
