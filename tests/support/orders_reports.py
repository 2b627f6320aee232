"""What a gateway reports of orders, as events: of the order that the desk places, where not said."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.orders import ExecutionView, OrderStateView, OrderView

CLIENT_ID = 101


EXEC = "0000e0d5.69e02bfb"


def end_of(question: rq.Request) -> tws.Event:
    """What ends the gateway's answer."""
    match question:
        case rq.ReqExecutions(req_id):
            return tws.ExecDetailsEnd(req_id)
        case rq.ReqCompletedOrders():
            return tws.CompletedOrdersEnd()
        case _:
            return tws.OpenOrderEnd()


def open_order(order_id: int, cid: str = "a", word: str = "Submitted", **view: Any) -> tws.OpenOrder:
    fields: dict[str, Any] = {
        "order_id": order_id,
        "client_id": CLIENT_ID,
        "perm_id": 9000 + order_id,
        "action": "BUY",
        "total_quantity": 10.0,
        "order_type": "LMT",
        "limit_price": 1.0,
        "order_ref": f"s/{cid}",
    }
    contract = Contract(con_id=265598, symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
    return tws.OpenOrder(order_id, contract, OrderView(**(fields | view)), OrderStateView(status=word))


def order_status(order_id: int, word: str, **changes: Any) -> tws.OrderStatus:
    status = tws.OrderStatus(
        order_id, word, 0.0, 0.0, 0.0, 9000 + order_id, 0, 0.0, CLIENT_ID, "", 0.0
    )  # fmt: skip
    return replace(status, **changes)


def execution(
    order_id: int, exec_id: str = f"{EXEC}.01.01", shares: float = 10.0, price: float = 1.0, **changes: Any
) -> tws.ExecDetails:
    req_id = changes.pop("req_id", -1)
    fields: dict[str, Any] = {
        "exec_id": exec_id,
        "time": "20260928 05:04:56 US/Eastern",
        "acct_number": "DU1",
        "side": "BOT",
        "shares": shares,
        "price": price,
        "perm_id": 9000 + order_id,
        "client_id": CLIENT_ID,
        "order_id": order_id,
        "order_ref": "s/a",
    }
    contract = Contract(con_id=265598, symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
    return tws.ExecDetails(req_id, contract, ExecutionView(**(fields | changes)))


def error(order_id: int, code: int, text: str = "words") -> tws.GatewayError:
    return tws.GatewayError(order_id, code, text)


def completed(
    cid: str = "a", word: str = "Cancelled", perm_id: int = 9001, **view: Any
) -> tws.CompletedOrder:
    fields: dict[str, Any] = {"perm_id": perm_id, "order_ref": f"s/{cid}", "action": "BUY"}
    state = OrderStateView(status=word, completed_status="Cancelled by Trader")
    return tws.CompletedOrder(Contract(con_id=265598), OrderView(**(fields | view)), state)
