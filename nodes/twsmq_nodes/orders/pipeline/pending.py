"""An order that is about to be written: the event of a new one, and a working one as it stands."""

from __future__ import annotations

from msgspec.structs import replace
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.order_events import Order
from twsmq_protocol.order_requests import PlaceOrder

from ..attributes import PLACED_AS, Standing
from ..entries import Links


def pending(args: PlaceOrder, order_id: int, account: str, links: Links, *, staged: bool) -> Order:
    return Order(
        client_order_id=args.client_order_id,
        strategy=args.strategy,
        instrument=args.instrument,
        side=args.side,
        quantity=args.quantity,
        order_type=args.order_type,
        status="pending",
        order_id=order_id,
        account=account,
        limit_price=args.limit_price,
        stop_price=args.stop_price,
        tif=args.tif,
        remaining=args.quantity,
        trail_amount=args.trail_amount,
        trail_percent=args.trail_percent,
        trail_stop_price=args.trail_stop_price,
        limit_offset=args.limit_offset,
        offset=args.offset,
        good_till=args.good_till or None,
        outside_rth=args.outside_rth,
        display_size=args.display_size,
        parent=args.parent or (links.group if links.parent_id else None),
        group=links.group or None,
        oca_group=links.oca_group or args.oca_group or None,
        staged=staged,
    )


def as_it_stands(order: PlaceOrder, standing: Standing | None) -> PlaceOrder:
    """With what somebody has changed at the gateway that the rules judge. Raises RequestError for an order
    that has become what it cannot be here."""
    if standing is None or not standing.taken:
        return order
    for name in standing.taken:
        value = standing.shows(name)
        if name in ("order_type", "action") or (name == "cash_qty" and not (value and order.cash_quantity)):
            what = PLACED_AS.get(name, name)
            why = f"its {what} was made {value!r} at the gateway, of which not all is known here: cancel it"
            raise RequestError(ErrorCode.CONFLICT, why)
        if name == "cash_qty":
            order = replace(order, cash_quantity=value)
    return replace(order, extra=standing.with_extra(order.extra))
