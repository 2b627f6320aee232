"""Steps that several tests of the orders core take, and what they look at."""

from __future__ import annotations

from typing import Any

from twsmq_nodes.orders.ids import Key
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq
from twsmq_nodes.tws.orders import OrderFields
from twsmq_protocol.order_events import Change
from twsmq_protocol.order_requests import PlaceOrder, PlaceOrders

from support.orders_desk import BASE, Caller, Desk


def reconnect(desk: Desk, *rows: tws.Event, after: float = 10.0, **lists: Any) -> None:
    """The session was lost; `after` seconds later a new one takes a snapshot."""
    desk.later(after)
    desk.session_up()
    desk.snapshot(*rows, **lists)


def cancels_of(desk: Desk) -> list[int]:
    return [each.order_id for each in (*desk.wire, *desk.asked) if isinstance(each, rq.CancelOrder)]


def waiting() -> Desk:
    """What is asked of this one stands at the gate."""
    desk = Desk(auto=False, up=False)
    desk.session_up()
    desk.snapshot()
    return desk


def order(cid: str, **changes: Any) -> PlaceOrder:
    return PlaceOrder(client_order_id=cid, **(BASE | changes))


def group(desk: Desk, *orders: PlaceOrder, link: Any = "none", **more: Any) -> Caller:
    caller = Caller(answers=[])
    args = PlaceOrders(orders=orders, link=link, **more)
    return desk.ask(lambda: desk.core.request(args, caller, desk.now), caller)


def call(desk: Desk, args: Any) -> Caller:
    caller = Caller(answers=[])
    return desk.ask(lambda: desk.core.request(args, caller, desk.now), caller)


def fields(desk: Desk) -> list[OrderFields]:
    return [request.order for request in desk.wire if isinstance(request, rq.PlaceOrder)]


def keys(answer: Any) -> list[Key]:
    return [(row["strategy"], row["client_order_id"]) for row in answer]


def changes(desk: Desk, cid: str = "a") -> list[Change]:
    return desk.told(Change, cid)


def outcomes(desk: Desk, cid: str = "a") -> list[tuple[int, str]]:
    return [(one.change_no, one.outcome) for one in changes(desk, cid)]


def sent(desk: Desk) -> Any:
    """The order as it was written last."""
    request = desk.wire[-1]
    assert isinstance(request, rq.PlaceOrder)
    return request.order


def linked(desk: Desk, *legs: dict[str, Any], link: Any = "bracket") -> Caller:
    caller = Caller(answers=[])
    base = {"strategy": "s", "instrument": "STK:AAPL:SMART:USD", "quantity": 10.0, "order_type": "LMT"}
    orders = tuple(PlaceOrder(**{**base, "side": "BUY", "limit_price": 1.0, **leg}) for leg in legs)
    args = PlaceOrders(orders=orders, link=link)
    return desk.ask(lambda: desk.core.request(args, caller, desk.now), caller)


def working(desk: Desk, **changes: Any) -> None:
    desk.place(**changes)
    desk.accepted()
