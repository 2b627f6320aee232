"""What we ask of the gateway: one frozen struct per ibapi request.

Here those about the session, orders and accounts; `stream_requests` and `reference_requests` have the others.
All of ibapi's are there, whether a node uses them or not.

Invariant: except for the structs marked "own encoding", the fields stand in the order of ibapi's
arguments; the adapter passes them on by position, to ibapi's `METHOD`. Text must be printable ASCII.
Options are (tag, value) pairs.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.orders import ExecutionFilter, OrderFields
from twsmq_nodes.tws.pacing import Priority


class Request(Struct, frozen=True):
    """Base of all requests."""

    METHOD: ClassVar[str]
    """Of ibapi's EClient."""
    PRIORITY: ClassVar[Priority] = Priority.DATA
    """Its place in the queue unless its sender says otherwise."""


# -- control -----------------------------------------------------------------------------------------


class StartApi(Request, frozen=True):
    """Own encoding. Sent by the session itself."""

    METHOD = "startApi"
    client_id: int
    optional_capabilities: str = ""


class ReqCurrentTime(Request, frozen=True):
    """Sent by the session itself: of two within a second the gateway answers only one."""

    METHOD = "reqCurrentTime"


class ReqIds(Request, frozen=True):
    """`count` is ignored by the gateway (IBKR API docs)."""

    METHOD = "reqIds"
    PRIORITY = Priority.CONTROL
    count: int = 1


# -- orders ------------------------------------------------------------------------------------------


class PlaceOrder(Request, frozen=True):
    """Places, or with the id of a working order modifies. Own encoding."""

    METHOD = "placeOrder"
    PRIORITY = Priority.ORDER
    order_id: int
    contract: Contract
    order: OrderFields


class CancelOrder(Request, frozen=True):
    """Own encoding: its arguments changed twice between ibapi releases."""

    METHOD = "cancelOrder"
    PRIORITY = Priority.CANCEL
    order_id: int
    manual_time: str = ""


class GlobalCancel(Request, frozen=True):
    """Cancels the orders of every client. Own encoding."""

    METHOD = "reqGlobalCancel"
    PRIORITY = Priority.CANCEL


class ReqOpenOrders(Request, frozen=True):
    METHOD = "reqOpenOrders"
    PRIORITY = Priority.CONTROL


class ReqAllOpenOrders(Request, frozen=True):
    METHOD = "reqAllOpenOrders"
    PRIORITY = Priority.CONTROL


class ReqExecutions(Request, frozen=True):
    """Own encoding."""

    METHOD = "reqExecutions"
    PRIORITY = Priority.CONTROL
    req_id: int
    filter: ExecutionFilter = ExecutionFilter()


class ReqCompletedOrders(Request, frozen=True):
    METHOD = "reqCompletedOrders"
    PRIORITY = Priority.CONTROL
    api_only: bool = False


class ExerciseOptions(Request, frozen=True):
    """`action`: 1 exercise, 2 lapse. Own encoding."""

    METHOD = "exerciseOptions"
    PRIORITY = Priority.ORDER
    req_id: int
    contract: Contract
    action: int
    quantity: int
    account: str
    override: int = 0


# -- accounts ----------------------------------------------------------------------------------------


class ReqPositions(Request, frozen=True):
    METHOD = "reqPositions"


class CancelPositions(Request, frozen=True):
    METHOD = "cancelPositions"


class ReqAccountSummary(Request, frozen=True):
    METHOD = "reqAccountSummary"
    req_id: int
    group: str = "All"
    tags: str = "NetLiquidation"


class CancelAccountSummary(Request, frozen=True):
    METHOD = "cancelAccountSummary"
    req_id: int


class ReqAccountUpdates(Request, frozen=True):
    METHOD = "reqAccountUpdates"
    subscribe: bool
    account: str = ""


class ReqAccountUpdatesMulti(Request, frozen=True):
    METHOD = "reqAccountUpdatesMulti"
    req_id: int
    account: str
    model_code: str = ""
    ledger_and_nlv: bool = False


class CancelAccountUpdatesMulti(Request, frozen=True):
    METHOD = "cancelAccountUpdatesMulti"
    req_id: int


class ReqPnL(Request, frozen=True):
    METHOD = "reqPnL"
    req_id: int
    account: str
    model_code: str = ""


class CancelPnL(Request, frozen=True):
    METHOD = "cancelPnL"
    req_id: int


class ReqPnLSingle(Request, frozen=True):
    METHOD = "reqPnLSingle"
    req_id: int
    account: str
    model_code: str
    con_id: int


class CancelPnLSingle(Request, frozen=True):
    METHOD = "cancelPnLSingle"
    req_id: int
