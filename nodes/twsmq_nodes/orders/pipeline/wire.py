"""An order as its client asked for it, as the gateway wants it, and which of its values each side may change.

`ibapi` calls a stop price, a trailing amount and an offset alike `auxPrice`; which of the order's fields it
stands for depends on the order type, and so does whether the gateway's own price fields mean anything: the
first openOrder of a stop may show a limit price near the stop, and a market order shows 0.0 (captured).
"""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec
from msgspec.structs import replace
from twsmq_protocol.instruments import format_instrument, parse_instrument
from twsmq_protocol.order_events import Order
from twsmq_protocol.order_query_requests import ForeignOrder
from twsmq_protocol.order_requests import CHANGEABLE, PlaceOrder
from twsmq_protocol.order_types import KNOWN_PRICES, ORDER_TYPES, PRICE_FIELDS, TIFS, Condition, Prices

from twsmq_nodes.tws import orders as tws_orders
from twsmq_nodes.tws import requests as tws
from twsmq_nodes.tws.contracts import Contract, Scalar
from twsmq_nodes.tws.instruments import contract_of, instrument_of
from twsmq_nodes.tws.order_template import ShapedOrder
from twsmq_nodes.tws.orders import OrderFields, OrderView

from ..attributes import Standing, same_moment
from ..entries import Links, Values
from ..record import OrderChanges

_KINDS = {"price": 1, "time": 3, "margin": 4, "execution": 5, "volume": 6, "percent_change": 7}
_VALUE_NAMES = {"price": "price", "margin": "percent", "volume": "volume", "percent_change": "changePercent"}
_WHOLE = frozenset(("volume", "margin"))  # ibapi sends these as integers
_NONE, _NO_PRICES = Prices(), frozenset[str]()


def prices_of(order_type: str) -> frozenset[str]:
    """Which prices orders of this type have."""
    return KNOWN_PRICES.get(order_type, _NO_PRICES)


def as_changed(request: PlaceOrder, values: Values) -> PlaceOrder:
    """The order as it was asked for, with `values` in place of those it had. Raises FieldError for those it
    cannot have."""
    order_type = values.order_type or request.order_type
    known, changes = prices_of(order_type), dict[str, Any]()
    for name in CHANGEABLE:
        value = getattr(values, name)
        if name in PRICE_FIELDS and name not in known:
            value = None
        elif value is None and (name not in PRICE_FIELDS or values.outside_rth is None):
            continue  # as it was placed: events of before have neither
        changes[name] = value
    if changes.get("tif", request.tif) != "GTD":
        changes["good_till"] = ""
    if "display_size" in changes:
        changes["display_size"] = changes["display_size"] or None
    return replace(request, **changes)


_VARYING = frozenset(("strategy", "client_order_id", "quantity", "limit_price", "stop_price"))
_what_stays = attrgetter(*(name for name in PlaceOrder.__struct_fields__ if name not in _VARYING))
_pack = msgspec.msgpack.Encoder().encode


def shaped_order(
    ref: str,
    request: PlaceOrder,
    order_id: int,
    account: str,
    links: Links = Links(),  # noqa: B008 - frozen
    *,
    transmit: bool = True,
    what_if: bool = False,
    standing: Standing | None = None,
) -> ShapedOrder:
    """Places the order, or with the id of a working one modifies it. `standing`: as the gateway shows it."""
    limit, aux = request.limit_price, request.stop_price
    if aux is None:
        aux = request.offset if request.trail_amount is None else request.trail_amount
    ties = (links.parent_id, links.oca_group, links.oca_type, transmit, what_if)
    if standing is None or not standing.taken:
        standing, stands = None, ()
    else:
        stands = (standing.taken, standing.fields, standing.with_extra({}))
    shape = _pack((_what_stays(request), account, ties, limit is None, aux is None, stands))

    def made() -> tws.PlaceOrder:
        fields = _fields(request, account, links, transmit=transmit, what_if=what_if)
        if standing is not None:
            fields = replace(fields, extra=standing.with_extra(fields.extra), **standing.fields)
        varying: dict[str, Any] = {
            "order_ref": ref,
            "total_quantity": request.quantity,
            "limit_price": limit,
            "aux_price": aux,
        }
        return tws.PlaceOrder(order_id, _contract(request.instrument), replace(fields, **varying))

    return ShapedOrder(shape, order_id, ref, request.quantity, limit, aux, made)


_NAMED: dict[str, tuple[str, tuple[type, ...]]] = {
    "sweepToFill": ("sweep_to_fill", (bool,)),
    "triggerMethod": ("trigger_method", (int,)),
    "percentOffset": ("percent_offset", (float, int)),
}
"""What clients give in `extra`, though `OrderFields` has a field for it: one name for one thing, so that what
somebody has changed of it is not said twice."""


def as_placed(request: PlaceOrder, links: Links) -> OrderFields:
    """What was sent of an order, but for what every order has."""
    return _fields(request, "", links, transmit=True, what_if=False)


def _fields(request: PlaceOrder, account: str, links: Links, *, transmit: bool, what_if: bool) -> OrderFields:
    """The order as ibapi knows it, but for what may vary within its shape."""
    algo = request.algo
    extra: dict[str, Scalar] = dict(request.extra)
    named: dict[str, Any] = {
        _NAMED[name][0]: extra.pop(name)
        for name in request.extra.keys() & _NAMED.keys()
        if type(request.extra[name]) in _NAMED[name][1]
    }
    if request.limit_offset is not None:
        extra["lmtPriceOffset"] = request.limit_offset
    return OrderFields(
        action=request.side,
        total_quantity=0.0,
        order_type=request.order_type,
        tif=request.tif,
        account=account,
        transmit=transmit,
        parent_id=links.parent_id,
        oca_group=links.oca_group or request.oca_group,
        oca_type=links.oca_type or request.oca_type,
        outside_rth=request.outside_rth,
        hidden=request.hidden,
        what_if=what_if,
        all_or_none=request.all_or_none,
        display_size=request.display_size,
        min_qty=request.min_quantity,
        good_after_time=request.good_after,
        good_till_date=request.good_till,
        trail_stop_price=request.trail_stop_price,
        trailing_percent=request.trail_percent,
        cash_qty=request.cash_quantity,
        algo_strategy="" if algo is None else algo.strategy,
        algo_params=() if algo is None else tuple(algo.params.items()),
        smart_combo_routing_params=tuple(request.routing.items()),
        combo_leg_prices=request.leg_prices,
        conditions=tuple(map(_condition, request.conditions)),
        conditions_cancel_order=request.conditions_cancel,
        conditions_ignore_rth=request.conditions_ignore_rth,
        extra=extra,
        **named,
    )


@lru_cache(maxsize=4096)
def _contract(instrument: str) -> Contract:
    return contract_of(parse_instrument(instrument))


def _condition(condition: Condition) -> tws_orders.Condition:
    kind = condition.kind
    fields: dict[str, Scalar] = {} if kind == "execution" else {"isMore": condition.more}
    if kind == "time":
        fields["time"] = condition.text
    elif kind == "execution":
        fields |= {"symbol": condition.symbol, "secType": condition.sec_type, "exchange": condition.exchange}
    else:
        value = condition.value or 0.0
        fields[_VALUE_NAMES[kind]] = int(value) if kind in _WHOLE else value
        if kind != "margin":
            fields |= {"conId": condition.con_id, "exchange": condition.exchange}
    if kind == "price":
        fields["triggerMethod"] = condition.trigger_method
    return tws_orders.Condition(kind=_KINDS[kind], conjunction=condition.join == "and", fields=fields)


_SIMPLE = frozenset(("MKT", "LMT", "STP", "STP LMT", "TRAIL", "TRAIL LIMIT", "MIT", "LIT"))
"""Types that openOrder echoes as they were placed (captured)."""


def shown(view: OrderView, name: str, order_type: str) -> Any:
    """One attribute as an openOrder shows it, under our name; None where it does not say."""
    order_type = view.order_type if view.order_type in ORDER_TYPES else order_type
    if name in PRICE_FIELDS and name not in prices_of(order_type):
        return None
    match name:
        case "quantity":
            return view.total_quantity or None
        case "limit_price":
            return view.limit_price
        case "stop_price" | "trail_amount" | "offset":
            return view.aux_price
        case "trail_percent":
            return view.trailing_percent
        case "trail_stop_price":
            return view.trail_stop_price
        case "limit_offset":
            return view.extra.get("lmtPriceOffset")
        case "order_type":
            return view.order_type or None
        case "tif":
            return view.tif if view.tif in TIFS else None
        case "good_till":
            return view.good_till_date or None
        case "outside_rth":
            return view.outside_rth
        case "display_size":
            return view.display_size
        case _:
            return None


def values_shown(view: OrderView, order: Order, before: OrderView | None = None) -> OrderChanges:
    """The values of an order that an openOrder shows, as far as it can be believed. `before`: what the one
    before it has shown, in this session and as the order works.

    Most of its fields are defaults that nobody set: a market order shows a limit price of 0.0, a stop's first
    one a limit near the stop, a limit order a trailing stop (captured). So a price is taken over where the
    type needs it; where the type only allows it (the cap of MIDPRICE, REL, pegged orders), once it was set
    here, or when it is not what was shown before: a default does not change by itself. The stop of a trailing
    order is the gateway's to move, and is taken over as it moves. The time in force is
    what a preset changes (10349, ib_async issues 191 and 217), quantity, prices and type what a person edits;
    until when a GTD order works belongs to its time in force. Outside RTH and display size are believed where
    they are set (captured of outside RTH, and no default sets them); that they are not set means something
    only where they were shown before: a gateway drops outside RTH of some orders (ib_insync issue 141).
    """
    changes: dict[str, Any] = {}
    if view.total_quantity:
        changes["quantity"] = view.total_quantity
    order_type = order.order_type
    retyped = view.order_type != order_type and view.order_type in ORDER_TYPES
    if retyped and (order_type in _SIMPLE or (before is not None and before.order_type != view.order_type)):
        order_type = changes["order_type"] = view.order_type
        changes |= {name: None for name in PRICE_FIELDS if name not in prices_of(order_type)}
    changes |= _term_shown(view, order)
    for name in ("outside_rth", "display_size"):
        value = getattr(view, name)
        if value or (before is not None and getattr(before, name)):
            changes[name] = value
    return OrderChanges(**changes, **_prices_shown(view, order, order_type, before))


def _prices_shown(view: OrderView, order: Order, order_type: str, before: OrderView | None) -> dict[str, Any]:
    prices, known, changes = ORDER_TYPES.get(order_type, _NONE), prices_of(order_type), dict[str, Any]()
    retyped = order_type != order.order_type
    comparable = before if before is not None and before.order_type == view.order_type else None
    for name in known:
        value, kept = shown(view, name, order_type), getattr(order, name) is not None
        if name in prices.needed and name in ("limit_price", "stop_price"):
            if value is not None:
                changes[name] = value
        elif value and (kept or retyped or (name == "trail_stop_price" and not _waits_for_parent(order))):
            changes[name] = value
        elif comparable is None or name == "trail_stop_price":
            continue
        elif (value or None) != (shown(comparable, name, order_type) or None):
            changes[name] = value or None
    return _one_trail(changes, view, order) if "trail_amount" in known else changes


def _waits_for_parent(order: Order) -> bool:
    """An attached stop trails from where the market is when its parent has filled: what is shown before is
    not where it will begin."""
    return order.parent is not None and (order.gateway_status is None or "child" in (order.why_held or ""))


def _one_trail(changes: dict[str, Any], view: OrderView, order: Order) -> dict[str, Any]:
    """A trailing order trails by an amount or by a percentage; a gateway may show both."""
    if changes.get("trail_percent"):
        return changes | {"trail_amount": None}
    if "trail_percent" in changes and view.aux_price:
        return changes | {"trail_amount": view.aux_price}
    changes.pop("trail_percent", None)
    if order.trail_percent is not None:
        changes.pop("trail_amount", None)
    return changes


def _term_shown(view: OrderView, order: Order) -> dict[str, Any]:
    """Time in force, and until when: neither makes sense without the other."""
    if view.tif not in TIFS or (view.tif == "GTD" and not view.good_till_date):
        return {}
    until = view.good_till_date if view.tif == "GTD" else None
    kept = order.tif == view.tif and same("good_till", order.good_till, until)
    return {"tif": view.tif} if kept else {"tif": view.tif, "good_till": until}


def as_sent(values: Values) -> OrderChanges:
    """What an order is that the gateway holds back: what was sent last."""
    named: dict[str, Any] = {name: getattr(values, name) for name in CHANGEABLE}
    return OrderChanges(**{name: value for name, value in named.items() if value is not None})


def same(name: str, one: Any, other: Any) -> bool:
    """Whether the gateway, asked for `one`, would show `other`: in its own precision, as it writes them."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= _precision(other) + 1e-9 * abs(one)
    if name == "good_till":
        return same_moment(str(one or ""), str(other or ""))
    return (one or None) == (other or None)


def equal(name: str, one: Any, other: Any) -> bool:
    """Whether they are one value, but for what binary fractions leave over."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 1e-9 * abs(one)
    return same(name, one, other)


def _precision(value: float) -> float:
    """Half of the last decimal of a number as written, if it has enough of them to be a rounded one."""
    _, _, decimals = repr(value).partition(".")
    if "e" in decimals or len(decimals) < 2:
        return 0.0
    return 0.5 * 10.0 ** -len(decimals)


def foreign_order(order_id: int, contract: Contract, view: OrderView, gateway_status: str) -> ForeignOrder:
    """A row of the open orders that is not in our books."""
    prices = prices_of(view.order_type)
    return ForeignOrder(
        perm_id=view.perm_id or 0,
        client_id=view.client_id or 0,
        order_id=order_id,
        instrument=format_instrument(instrument_of(contract)),
        side=view.action,
        quantity=view.total_quantity or 0.0,
        order_type=view.order_type,
        account=view.account,
        tif=view.tif,
        status=gateway_status,
        filled=view.filled_quantity or 0.0,
        reference=view.order_ref,
        limit_price=view.limit_price if "limit_price" in prices else None,
        stop_price=view.aux_price if "stop_price" in prices else None,
    )
