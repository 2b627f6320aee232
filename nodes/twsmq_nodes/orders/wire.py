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
from twsmq_protocol.order_requests import ForeignOrder, PlaceOrder
from twsmq_protocol.order_types import ORDER_TYPES, Condition, Prices

from twsmq_nodes.tws import orders as tws_orders
from twsmq_nodes.tws import requests as tws
from twsmq_nodes.tws.contracts import Contract, Scalar
from twsmq_nodes.tws.instruments import contract_of, instrument_of
from twsmq_nodes.tws.order_template import ShapedOrder
from twsmq_nodes.tws.orders import OrderFields, OrderView

from .entries import Links, Values

_CHANGEABLE = frozenset(("limit_price", "stop_price"))
_KINDS = {"price": 1, "time": 3, "margin": 4, "execution": 5, "volume": 6, "percent_change": 7}
_VALUE_NAMES = {"price": "price", "margin": "percent", "volume": "volume", "percent_change": "changePercent"}
_WHOLE = frozenset(("volume", "margin"))  # ibapi sends these as integers


def prices_of(order_type: str) -> frozenset[str]:
    """Which of `limit_price` and `stop_price` orders of this type have."""
    return ORDER_TYPES.get(order_type, Prices()).known & _CHANGEABLE


_VARYING = frozenset(("strategy", "client_order_id", "quantity", "limit_price", "stop_price"))
_what_stays = attrgetter(*(name for name in PlaceOrder.__struct_fields__ if name not in _VARYING))
_pack = msgspec.msgpack.Encoder().encode


def shaped_order(
    ref: str,
    request: PlaceOrder,
    values: Values,
    order_id: int,
    account: str,
    links: Links = Links(),  # noqa: B008 - frozen
    *,
    transmit: bool = True,
    what_if: bool = False,
) -> ShapedOrder:
    """Places the order, or with the id of a working one modifies it."""
    limit, aux = values.limit_price, values.stop_price
    if aux is None:
        aux = request.offset if request.trail_amount is None else request.trail_amount
    ties = (links.parent_id, links.oca_group, links.oca_type, transmit, what_if)
    shape = _pack((_what_stays(request), account, ties, limit is None, aux is None))

    def made() -> tws.PlaceOrder:
        fields = _fields(request, account, links, transmit=transmit, what_if=what_if)
        varying: dict[str, Any] = {
            "order_ref": ref,
            "total_quantity": values.quantity,
            "limit_price": limit,
            "aux_price": aux,
        }
        return tws.PlaceOrder(order_id, _contract(request.instrument), replace(fields, **varying))

    return ShapedOrder(shape, order_id, ref, values.quantity, limit, aux, made)


def _fields(request: PlaceOrder, account: str, links: Links, *, transmit: bool, what_if: bool) -> OrderFields:
    """The order as ibapi knows it, but for what may vary within its shape."""
    algo = request.algo
    extra: dict[str, Scalar] = dict(request.extra)
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


def values_shown(view: OrderView, order_type: str) -> dict[str, Any]:
    """The values an openOrder shows, under our names; only those that mean something for the type."""
    shown: dict[str, Any] = {}
    if view.total_quantity:
        shown["quantity"] = view.total_quantity
    needed = ORDER_TYPES.get(order_type, Prices()).needed
    if "limit_price" in needed and view.limit_price is not None:
        shown["limit_price"] = view.limit_price
    if "stop_price" in needed and view.aux_price is not None:
        shown["stop_price"] = view.aux_price
    return shown


def foreign_order(order_id: int, contract: Contract, view: OrderView, word: str) -> ForeignOrder:
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
        status=word,
        filled=view.filled_quantity or 0.0,
        reference=view.order_ref,
        limit_price=view.limit_price if "limit_price" in prices else None,
        stop_price=view.aux_price if "stop_price" in prices else None,
    )
