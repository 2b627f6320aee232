"""An order as its client asked for it, as the gateway wants it, and which of its values each side may change.

`ibapi` calls a stop price and a trailing amount alike `auxPrice`; which of the order's fields it stands for
depends on the order type, and so does whether the gateway's own price fields mean anything: the first
openOrder of a stop may show a limit price near the stop, and a market order shows 0.0 (captured).
"""

from __future__ import annotations

from typing import Any

from twsmq_protocol.instruments import parse_instrument
from twsmq_protocol.requests import PRICES_NEEDED, PlaceOrder

from twsmq_nodes.runtime.contracts import contract_of
from twsmq_nodes.tws import requests as tws
from twsmq_nodes.tws.orders import OrderFields, OrderView

from .entries import Values
from .ids import Key, order_ref


def prices_of(order_type: str) -> tuple[str, ...]:
    """Which of `limit_price` and `stop_price` orders of this type have."""
    return PRICES_NEEDED.get(order_type, ())


def encode_order(
    key: Key, request: PlaceOrder, values: Values, order_id: int, account: str
) -> tws.PlaceOrder:
    """Places the order, or with the id of a working one modifies it."""
    fields = OrderFields(
        action=request.side,
        total_quantity=values.quantity,
        order_type=request.order_type,
        limit_price=values.limit_price,
        aux_price=values.stop_price,
        tif=request.tif,
        account=account,
        order_ref=order_ref(key),
        outside_rth=request.outside_rth,
    )
    return tws.PlaceOrder(order_id, contract_of(parse_instrument(request.instrument)), fields)


def values_shown(view: OrderView, order_type: str) -> dict[str, Any]:
    """The values an openOrder shows, under our names; only those that mean something for the type."""
    shown: dict[str, Any] = {}
    if view.total_quantity:
        shown["quantity"] = view.total_quantity
    prices = prices_of(order_type)
    if "limit_price" in prices and view.limit_price is not None:
        shown["limit_price"] = view.limit_price
    if "stop_price" in prices and view.aux_price is not None:
        shown["stop_price"] = view.aux_price
    return shown
