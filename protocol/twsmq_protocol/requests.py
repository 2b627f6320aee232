"""Arguments and results of every op. SPEC.md documents each for other languages."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from . import endpoints
from .envelope import Args, Finite, NoArgs
from .errors import FieldError
from .instruments import parse_instrument
from .market_requests import Snapshot, SnapshotQuote, Subscribe, SubscribePreview, SubscriptionList
from .order_events import Side
from .system_events import Gateway, NodeState, ProcessState

Quantity = Annotated[float, Meta(gt=0, le=1e12)]
Price = Annotated[float, Meta(ge=-1e9, le=1e9)]

_NAME = re.compile(r"[A-Za-z0-9._-]+")
MAX_STRATEGY = 16
MAX_CLIENT_ORDER_ID = 40
MAX_ACCOUNT = 32

PRICES_NEEDED: dict[str, tuple[str, ...]] = {
    "MKT": (),
    "LMT": ("limit_price",),
    "STP": ("stop_price",),
    "STP LMT": ("limit_price", "stop_price"),
}
"""Order types and the prices each must have; any other price is refused rather than ignored."""

TIFS = frozenset(("DAY", "GTC", "IOC", "FOK", "OPG"))


class OrderKey(Args, frozen=True, kw_only=True):
    """Names one order: `client_order_id` is the client's own and unique within its `strategy`."""

    strategy: str
    client_order_id: str

    def __post_init__(self) -> None:
        _require_name("strategy", self.strategy, MAX_STRATEGY)
        _require_name("client_order_id", self.client_order_id, MAX_CLIENT_ORDER_ID)


class PlaceOrder(OrderKey, frozen=True, kw_only=True):
    """`place_order`: one order. The same request again returns the first answer and places nothing."""

    instrument: str
    side: Side
    quantity: Quantity
    order_type: str
    limit_price: Price | None = None
    stop_price: Price | None = None
    tif: str = "DAY"
    account: str | None = None
    outside_rth: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_instrument(self.instrument)
        needed = PRICES_NEEDED.get(self.order_type)
        if needed is None:
            raise FieldError("order_type", f"order_type must be one of {', '.join(PRICES_NEEDED)}")
        for name in ("limit_price", "stop_price"):
            if (getattr(self, name) is not None) != (name in needed):
                verb = "needs" if name in needed else "takes no"
                raise FieldError(name, f"a {self.order_type} order {verb} {name}")
        if self.tif not in TIFS:
            raise FieldError("tif", f"tif must be one of {', '.join(sorted(TIFS))}")
        if self.account is not None:
            _require_name("account", self.account, MAX_ACCOUNT)


class ModifyOrder(OrderKey, frozen=True, kw_only=True):
    """`modify_order`: change what is given, keep the rest."""

    quantity: Quantity | None = None
    limit_price: Price | None = None
    stop_price: Price | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.quantity is None and self.limit_price is None and self.stop_price is None:
            raise FieldError("quantity", "give at least one of quantity, limit_price, stop_price to change")


class CancelOrder(OrderKey, frozen=True, kw_only=True):
    """`cancel_order`."""


class GetOrders(Args, frozen=True, kw_only=True):
    """`get_orders`: all orders, finished ones too, oldest first; each argument narrows."""

    strategy: str | None = None
    client_order_id: str | None = None
    active: bool | None = None


class OrderAccepted(Struct, frozen=True, kw_only=True):
    """Result of `place_order`, `modify_order`, `cancel_order`: durable and written, no verdict yet."""

    client_order_id: str
    order_id: int | None
    status: str


class OrderList(Struct, frozen=True, kw_only=True):
    """Result of `get_orders`: maps with the fields of the `order` event."""

    orders: list[dict[str, Any]]


class ContractDetails(Args, frozen=True, kw_only=True):
    """`contract_details` (reference): every contract that matches."""

    instrument: str

    def __post_init__(self) -> None:
        parse_instrument(self.instrument)


class ContractRow(Struct, frozen=True, kw_only=True):
    """One contract of the gateway's database; texts are the gateway's own, nil where it has none.

    `instrument` is the canonical spelling, the same in positions. `order_types` and `valid_exchanges` are
    comma lists; hours are the gateway's text, in `time_zone_id`. Sizes are in units of the instrument.
    """

    instrument: str
    con_id: int
    sec_type: str
    symbol: str
    exchange: str | None = None
    primary_exchange: str | None = None
    currency: str | None = None
    local_symbol: str | None = None
    trading_class: str | None = None
    expiry: str | None = None
    right: str | None = None
    strike: Finite | None = None
    multiplier: str | None = None
    long_name: str | None = None
    min_tick: Finite | None = None
    min_size: Finite | None = None
    size_increment: Finite | None = None
    order_types: str | None = None
    valid_exchanges: str | None = None
    time_zone_id: str | None = None
    trading_hours: str | None = None
    liquid_hours: str | None = None


class ContractList(Struct, frozen=True, kw_only=True):
    """Result of `contract_details`: empty never, an unknown contract is `gateway_rejected` with 200."""

    contracts: list[ContractRow]


class PositionRow(Struct, frozen=True, kw_only=True):
    account: str
    instrument: str
    con_id: int
    quantity: Finite
    avg_cost: Finite | None = None


class PositionList(Struct, frozen=True, kw_only=True):
    """Result of `positions` (status)."""

    positions: list[PositionRow]


class HealthRow(Struct, frozen=True, kw_only=True):
    """A process as the status node hears it. `state` to `uptime_s` are from its last heartbeat, `heard_s`
    seconds ago (nil: never); `silent` after two seconds without one, nil for a process that does not beat.
    `supervised` and `restarts` are the supervisor's word, nil without a supervisor.
    """

    name: str
    state: NodeState | Literal["silent"] | None
    detail: str | None = None
    pid: int | None = None
    client_id: int | None = None
    uptime_s: Finite | None = None
    heard_s: Finite | None = None
    supervised: ProcessState | None = None
    restarts: int | None = None


class Health(Struct, frozen=True, kw_only=True):
    """Result of `health` (status). `ready`: every node of the configuration is heard and ready."""

    ready: bool
    processes: list[HealthRow]


class ProcessRow(Struct, frozen=True, kw_only=True):
    name: str
    state: ProcessState
    pid: int | None
    client_id: int | None
    restarts: int
    uptime_s: Finite
    reason: str | None = None


class ClusterStatus(Struct, frozen=True, kw_only=True):
    """Result of `status` (supervisor): a row per process, and the link as the connection node last told."""

    processes: list[ProcessRow]
    gateway: dict[str, Any] | None


class RestartProcess(Args, frozen=True, kw_only=True):
    """`restart` (supervisor): end this process in order and start it again."""

    name: str


class Restarting(Struct, frozen=True, kw_only=True):
    """Result of `restart`: it has been told to end. `process/<name>/` tells the rest."""

    name: str


class Stopping(Struct, frozen=True, kw_only=True):
    """Result of `stop` (supervisor): everything is gone once `lock`, a file, is no longer locked (flock)."""

    pid: int
    lock: str


class OpDescription(Struct, frozen=True, kw_only=True):
    op: str
    summary: str
    args: dict[str, Any]


class Description(Struct, frozen=True, kw_only=True):
    """Result of `describe`, which every process answers. `args` are JSON Schemas."""

    name: str
    version: str
    protocol: int
    incarnation: int
    ops: list[OpDescription]
    topics: list[str]
    requests: str
    events: str


class Op(Struct, frozen=True):
    """What an op takes and gives, and the process that answers it (None: every one)."""

    process: str | None
    args: type[Args]
    result: type[Struct]


OPS: dict[str, Op] = {
    "describe": Op(None, NoArgs, Description),
    "status": Op(endpoints.SUPERVISOR, NoArgs, ClusterStatus),
    "restart": Op(endpoints.SUPERVISOR, RestartProcess, Restarting),
    "stop": Op(endpoints.SUPERVISOR, NoArgs, Stopping),
    "contract_details": Op(endpoints.REFERENCE, ContractDetails, ContractList),
    "gateway_status": Op(endpoints.CONNECTION, NoArgs, Gateway),
    "positions": Op(endpoints.STATUS, NoArgs, PositionList),
    "health": Op(endpoints.STATUS, NoArgs, Health),
    "place_order": Op(endpoints.ORDERS, PlaceOrder, OrderAccepted),
    "modify_order": Op(endpoints.ORDERS, ModifyOrder, OrderAccepted),
    "cancel_order": Op(endpoints.ORDERS, CancelOrder, OrderAccepted),
    "get_orders": Op(endpoints.ORDERS, GetOrders, OrderList),
    "subscriptions": Op(endpoints.marketdata(0), NoArgs, SubscriptionList),
    "snapshot": Op(endpoints.marketdata(0), Snapshot, SnapshotQuote),
    "subscribe": Op(endpoints.marketdata(0), Subscribe, SubscribePreview),
}
"""Every op there is. Adding one here is what makes it part of the protocol."""


def _require_name(field: str, value: str, longest: int) -> None:
    if len(value) > longest or not _NAME.fullmatch(value):
        raise FieldError(field, f"{field} must be 1 to {longest} characters of A-Z a-z 0-9 . _ -")
