"""Arguments and results of the ops of the orders node. SPEC.md documents each for other languages."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from .envelope import Args, Finite, Int64
from .errors import FieldError
from .instruments import parse_instrument
from .order_events import Side
from .order_types import (
    PRICE_FIELDS,
    SMALLEST,
    TIFS,
    Algo,
    Amount,
    Condition,
    Price,
    Text,
    require_price,
    require_prices,
)

Quantity = Annotated[float, Meta(ge=0, le=1e12)]
Scalar = str | Int64 | Finite | bool
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]

_NAME = re.compile(r"[A-Za-z0-9._-]+")
MAX_STRATEGY = 16
MAX_CLIENT_ORDER_ID = 40
MAX_ACCOUNT = 32
MAX_GROUP = 20
"""In one answer: what is more would hold up everybody's orders while it is put together."""


class OrderKey(Args, frozen=True, kw_only=True):
    """Names one order: `client_order_id` is the client's own and unique within its `strategy`."""

    strategy: str
    client_order_id: str

    def __post_init__(self) -> None:
        require_name("strategy", self.strategy, MAX_STRATEGY)
        require_name("client_order_id", self.client_order_id, MAX_CLIENT_ORDER_ID)


class PlaceOrder(OrderKey, frozen=True, kw_only=True, omit_defaults=True):
    """`place_order`: one order. The same request again returns the first answer and places nothing.

    `parent`: client_order_id of a working order of the same strategy, to which this one is attached: it works
    once that one is filled and ends with it. `transmit` false: the gateway holds it back until
    `modify_order` with `transmit`, or until an order attached to it is transmitted.
    `extra`: further attributes of an order under `ibapi`'s own names, checked against the installed release.
    `reduce_only`: refused unless it can only bring nearer to 0 what the strategy holds in its account, or all
    of the account's where the strategy holds nothing there.
    """

    instrument: str
    side: Side
    quantity: Quantity
    order_type: str
    limit_price: Price | None = None
    stop_price: Price | None = None
    tif: str = "DAY"
    account: str | None = None
    outside_rth: bool = False
    trail_amount: Amount | None = None
    trail_percent: Annotated[float, Meta(ge=1e-6, le=100)] | None = None
    trail_stop_price: Price | None = None
    limit_offset: Price | None = None
    offset: Price | None = None
    cash_quantity: Amount | None = None
    good_till: Text = ""
    good_after: Text = ""
    display_size: Count | None = None
    min_quantity: Count | None = None
    all_or_none: bool = False
    hidden: bool = False
    oca_group: Text = ""
    oca_type: Annotated[int, Meta(ge=0, le=3)] = 0
    algo: Algo | None = None
    conditions: tuple[Condition, ...] = ()
    conditions_cancel: bool = False
    conditions_ignore_rth: bool = False
    leg_prices: tuple[Price | None, ...] = ()
    parent: str | None = None
    transmit: bool = True
    routing: dict[str, Text] = field(default_factory=dict[str, Text])
    extra: dict[str, Scalar] = field(default_factory=dict[str, Scalar])
    reduce_only: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _parsed(self.instrument)
        require_prices(self.order_type, self)
        if 0 < self.quantity < SMALLEST:
            raise FieldError("quantity", f"{self.quantity:g} is less than any market trades ({SMALLEST:g})")
        if (self.quantity > 0) == (self.cash_quantity is not None):
            raise FieldError("quantity", "give a quantity above 0, or 0 together with cash_quantity")
        if self.tif not in TIFS:
            raise FieldError("tif", f"tif must be one of {', '.join(sorted(TIFS))}")
        if (self.tif == "GTD") != bool(self.good_till):
            raise FieldError("good_till", "good_till goes with tif GTD, and GTD needs it")
        if bool(self.oca_group) != bool(self.oca_type):
            raise FieldError("oca_type", "oca_group and oca_type (1, 2 or 3) go together")
        if self.account is not None:
            require_name("account", self.account, MAX_ACCOUNT)
        if self.parent is not None:
            require_name("parent", self.parent, MAX_CLIENT_ORDER_ID)
        for name in self.extra.keys() & _OWN if self.extra else ():
            raise FieldError(f"extra.{name}", f"{name} has an argument of its own, or is the node's to set")


_parsed = lru_cache(maxsize=4096)(parse_instrument)  # most orders are for an instrument just seen

_OWN = frozenset(
    (
        "action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "account", "orderRef",
        "orderId", "clientId", "permId", "parentId", "parentPermId", "transmit", "whatIf", "ocaGroup",
        "ocaType",
        "outsideRth", "cashQty", "trailStopPrice", "trailingPercent", "lmtPriceOffset", "goodTillDate",
        "goodAfterTime", "displaySize", "minQty", "allOrNone", "hidden", "algoStrategy", "algoParams",
        "conditions", "conditionsCancelOrder", "conditionsIgnoreRth", "orderComboLegs", "filledQuantity",
        "smartComboRoutingParams",
    )
)  # fmt: skip


class PlaceOrders(Args, frozen=True, kw_only=True):
    """`place_orders`: all of them or none. `link` says what ties them at the gateway.

    bracket: the first is the parent; the others work once it is filled and die with it; an exit that
    its entry's price would trigger at once is refused. oca: a fill of one cancels or reduces the rest
    (`oca_type`: 1 cancel, 2 reduce, 3 reduce without block). none: nothing.
    """

    orders: Annotated[tuple[PlaceOrder, ...], Meta(min_length=1, max_length=MAX_GROUP)]
    link: Literal["none", "bracket", "oca"] = "none"
    oca_type: Annotated[int, Meta(ge=1, le=3)] = 1

    def __post_init__(self) -> None:
        first = self.orders[0]
        for order in self.orders:
            if order.strategy != first.strategy:
                raise FieldError("orders.strategy", "a group belongs to one strategy")
            if self.link == "bracket" and order.instrument != first.instrument:
                raise FieldError("orders.instrument", "a bracket is about one instrument")
            if self.link == "bracket" and (order.parent is not None or not order.transmit):
                raise FieldError("orders.parent", "a bracket ties and transmits its orders by itself")
            if self.link == "oca" and order.oca_group:
                raise FieldError("orders.oca_group", "link oca names the group by itself")
        if len({order.client_order_id for order in self.orders}) < len(self.orders):
            raise FieldError("orders.client_order_id", "each order of a group has an id of its own")
        if self.link == "bracket":
            _require_exits_apart(*self.orders)


_AT_PRICE = frozenset(("LMT", "STP", "STP LMT"))


def _require_exits_apart(entry: PlaceOrder, *exits: PlaceOrder) -> None:
    """A bracket whose exits stand on the wrong side of its entry, or of each other, would be out as soon as
    it is in: nobody means that. A limit is no price to lose from: an entry that is to be filled at once has
    one far into the market, and its take-profit may be nearer.
    """
    closing = [order for order in exits if order.side != entry.side and not order.conditions]
    profits = [one.limit_price for one in closing if one.order_type == "LMT" and one.limit_price is not None]
    stops = [one.stop_price for one in closing if one.order_type in ("STP", "STP LMT") and one.stop_price]
    prices = (entry.limit_price, entry.stop_price) if entry.order_type in _AT_PRICE else ()
    at = [price for price in prices if price is not None]
    sign, better, worse = (1, "above", "below") if entry.side == "BUY" else (-1, "below", "above")
    for profit in profits:
        if entry.order_type != "LMT" and at and sign * profit < min(sign * price for price in at):
            why = f"a take-profit at {profit:g} is {worse} the entry, a {entry.side} at {_listed(at)}"
            raise FieldError("orders.limit_price", f"{why}: it would close at a loss at once")
        for stop in stops:
            if sign * profit <= sign * stop:
                why = f"the take-profit at {profit:g} must be {better} the stop at {stop:g}"
                raise FieldError("orders.limit_price", f"{why} of a {entry.side}")
    for stop in stops:
        if at and sign * stop > max(sign * price for price in at):
            why = f"a stop at {stop:g} is {better} the entry, a {entry.side} at {_listed(at)}"
            raise FieldError("orders.stop_price", f"{why}: it would be triggered at once")


def _listed(prices: list[float]) -> str:
    return "/".join(f"{price:g}" for price in prices)


class ModifyOrder(OrderKey, frozen=True, kw_only=True):
    """`modify_order`: change what is given, keep the rest as it stands.

    `transmit`: hand a staged order on to the market. What an `order_type` does not take is dropped.
    """

    quantity: Annotated[float, Meta(ge=SMALLEST, le=1e12)] | None = None
    limit_price: Price | None = None
    stop_price: Price | None = None
    trail_amount: Amount | None = None
    trail_percent: Annotated[float, Meta(ge=1e-6, le=100)] | None = None
    trail_stop_price: Price | None = None
    limit_offset: Price | None = None
    offset: Price | None = None
    order_type: str | None = None
    tif: str | None = None
    good_till: Text | None = None
    outside_rth: bool | None = None
    display_size: Count | None = None
    transmit: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if all(getattr(self, name) is None for name in CHANGEABLE) and not self.transmit:
            raise FieldError("quantity", f"give at least one of {', '.join(CHANGEABLE)}, transmit")
        if self.transmit is False:
            raise FieldError("transmit", "an order cannot be taken back once it was transmitted; cancel it")
        for name in PRICE_FIELDS:
            require_price(name, getattr(self, name))


CHANGEABLE = (
    "quantity", "limit_price", "stop_price", "trail_amount", "trail_percent", "trail_stop_price",
    "limit_offset", "offset", "order_type", "tif", "good_till", "outside_rth", "display_size",
)  # fmt: skip
"""What a modification may change."""


class CancelOrder(OrderKey, frozen=True, kw_only=True):
    """`cancel_order`."""


class CancelOrders(Args, frozen=True, kw_only=True):
    """`cancel_orders`: all working orders that match everything given; `all` when nothing narrows."""

    strategy: str | None = None
    account: str | None = None
    instrument: str | None = None
    all: bool = False

    def __post_init__(self) -> None:
        narrowed = self.strategy is not None or self.account is not None or self.instrument is not None
        if narrowed == self.all:
            raise FieldError("all", "give strategy, account or instrument, or else all: true")
        if self.instrument is not None:
            _parsed(self.instrument)


class PreviewOrder(PlaceOrder, frozen=True, kw_only=True):
    """`preview_order`: what an order would cost and bind; nothing is placed and the id stays free."""


class ExerciseOption(OrderKey, frozen=True, kw_only=True, omit_defaults=True):
    """`exercise_option`: exercise an option that is held, or let it lapse. Its key is that of an order.

    `override`: against what the gateway would do by itself, such as exercising what is out of the money.
    """

    instrument: str
    quantity: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    action: Literal["exercise", "lapse"] = "exercise"
    account: str | None = None
    override: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        sec_type = parse_instrument(self.instrument).sec_type
        if sec_type not in ("OPT", "FOP", "WAR"):
            why = "name an option by its type, symbol, expiry, right and strike (OPT, FOP, WAR)"
            raise FieldError("instrument", why)


class OrderAccepted(Struct, frozen=True, kw_only=True):
    """Result of `place_order`, `modify_order`, `cancel_order`: durable and written, no verdict yet."""

    client_order_id: str
    order_id: int | None
    status: str


class OrdersAccepted(Struct, frozen=True, kw_only=True):
    """Result of `place_orders` (in the order of the request) and `cancel_orders`."""

    orders: list[OrderAccepted]


class Preview(Struct, frozen=True, kw_only=True):
    """Result of `preview_order`. Nil: the gateway did not compute it."""

    init_margin_before: Finite | None = None
    init_margin_after: Finite | None = None
    init_margin_change: Finite | None = None
    maint_margin_before: Finite | None = None
    maint_margin_after: Finite | None = None
    maint_margin_change: Finite | None = None
    equity_with_loan_before: Finite | None = None
    equity_with_loan_after: Finite | None = None
    equity_with_loan_change: Finite | None = None
    commission: Finite | None = None
    min_commission: Finite | None = None
    max_commission: Finite | None = None
    currency: str | None = None
    warning: str | None = None


def require_name(name: str, value: str, longest: int) -> None:
    if len(value) > longest or not _NAME.fullmatch(value) or value == "__proto__":  # no reader in JavaScript
        raise FieldError(name, f"{name} must be 1 to {longest} characters of A-Z a-z 0-9 . _ -")
