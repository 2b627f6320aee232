"""Captured conversations of orders, read for their meaning, spoken to an orders node by a scripted gateway.

What was recorded as transcript, as text frames or as protobuf becomes the same lines. The speaker makes the
client's moves as requests to the node, says what the gateway said with the node's own ids, and answers the
node's questions with what the capture has shown by then.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from twsmq_simulator.broker.model import Execution, Order, Status
from twsmq_simulator.broker.ticket import OrderTicket
from twsmq_simulator.market import listing
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.wire import messages, order_messages
from twsmq_simulator.wire import requests as rq

from support.plain_client import PlainClient
from support.scripted_gateway import VERSION, ScriptedGateway, error
from support.sim_recordings import CLIENT_MESSAGES, OURS, RECORDINGS, _asked, _asked_in_text, _parsed

LISTED = listing.build(date(2026, 4, 15))
STATUSES = {status.value: status for status in Status}
PERM_ID = 900_000_000
AAPL = {"symbol": "AAPL", "sec_type": "STK"}
_SERVER = {3: "OrderStatus", 4: "ErrorMessage", 5: "OpenOrder", 11: "ExecutionDetails"}


class Line(NamedTuple):
    """`who`: client, server, or disconnect."""

    who: str
    what: str
    args: dict[str, Any]


def lines(path: Path) -> Iterator[Line]:
    for text in path.read_text().splitlines():
        who, _, rest = text.partition(" ")
        what, _, body = rest.partition(" ")
        if who in ("client", "server"):
            yield Line(who, what, json.loads(body))
        elif who == "raw":
            yield from _frame(base64.b64decode(body)[4:], what)
        elif who == "disconnect":
            yield Line("disconnect", "", {})


def _frame(payload: bytes, who: str) -> Iterator[Line]:
    number = int.from_bytes(payload[:4], "big")
    if number > 1000:  # digits: text without a number in front
        fields = payload.decode().split("\0")[:-1]
        if who == "client" and fields[0] == "3":
            yield Line(who, *_asked_in_text(fields))
        elif who == "server":
            yield from _text(fields)
        return
    kind = CLIENT_MESSAGES.get(number - 200) if who == "client" else _SERVER.get(number - 200)
    if kind is None:
        return
    m = _parsed(kind, payload[4:])
    if who == "client":
        yield Line(who, *_asked(kind, m))
        return
    match kind:
        case "OrderStatus":
            yield _status(m.orderId, m.status, str(m.filled), m.avgFillPrice)
        case "ErrorMessage":
            yield Line(who, "api_error", {"req_id": m.id, "code": m.errorCode, "message": m.errorMsg})
        case "OpenOrder":
            yield Line(who, "open_order", {"order_id": m.orderId, "status": m.orderState.status})
        case _:
            e = m.execution
            args = {"order_id": e.orderId, "exec_id": e.execId, "side": e.side, "shares": str(e.shares)}
            yield Line(who, "execution_detail", args | {"price": e.price})


def _text(fields: list[str]) -> Iterator[Line]:
    match fields[0]:
        case "3":
            yield _status(int(fields[1]), fields[2], fields[3], float(fields[5]))
        case "4":
            args = {"req_id": int(fields[1]), "code": int(fields[2]), "message": fields[3]}
            yield Line("server", "api_error", args)
        case "5":
            yield Line("server", "open_order", {"order_id": int(fields[1])})
        case _:
            pass


def _status(order_id: int, status: str, filled: str, average: float) -> Line:
    args = {"order_id": order_id, "status": status, "filled": filled, "avg_fill_price": average}
    return Line("server", "order_status", args)


NOT_SPOKEN = {
    "place_order_invalid_type_live_error": "the node refuses the order type by itself: nothing is sent",
    "api_whatif_margin_aapl": "a preview is no order and leaves none",
}


def captures() -> dict[str, list[Line]]:
    """By name: ours, and those that are not part of the repository if they are here."""
    paths = {path.stem: path for path in sorted((*OURS.glob("*.txt"), *RECORDINGS.rglob("*.txt")))}
    return {name: list(lines(path)) for name, path in paths.items()}


def spoken(capture: list[Line]) -> bool:
    """Whether it is about orders."""
    return any((who, what) == ("client", "place_order") for who, what, _ in capture)


class Expected(NamedTuple):
    """How an order must stand: one of `statuses`, with so much filled and at these prices."""

    statuses: tuple[str, ...]
    filled: float


def expected(capture: list[Line]) -> dict[int, Expected]:
    """By the recorded id, as the last the gateway said of each order placed."""
    placed = [int(a["order_id"]) for who, what, a in capture if (who, what) == ("client", "place_order")]
    ends: dict[int, Expected] = {}
    for order_id in dict.fromkeys(placed):
        said = [a for _, what, a in capture if what == "order_status" and a["order_id"] == order_id]
        codes = {a["code"] for _, what, a in capture if what == "api_error" and a["req_id"] == order_id}
        executed = [a for _, what, a in capture if what == "execution_detail" and a["order_id"] == order_id]
        filled = max([float(a["filled"]) for a in said], default=0.0)
        filled = max(filled, sum(float(a["shares"]) for a in executed))
        ends[order_id] = Expected(_statuses(said[-1]["status"] if said else "", codes, filled), filled)
    return ends


def _statuses(last: str, codes: set[int], filled: float) -> tuple[str, ...]:
    if codes & {201, 328}:
        return ("rejected",)
    match last:
        case "Filled":
            return ("filled",)
        case "Cancelled" | "ApiCancelled":
            return ("cancelled",)
        case "Inactive":
            return ("inactive", "cancelled")
        case "PendingCancel":
            return ("pending_cancel", "cancelled")
        case "":
            return ("rejected",) if codes - {399, 10349} else ("pending", "pending_cancel", "cancelled")
        case _:
            return ("partially_filled",) if filled else ("submitted",)


def _prices(a: dict[str, Any]) -> dict[str, Any]:
    args: dict[str, Any] = {"order_type": a["order_type"]}
    if a["order_type"] in ("LMT", "STP LMT") and float(a.get("lmt_price") or 0):
        args["limit_price"] = float(a["lmt_price"])
    if a["order_type"] in ("STP", "STP LMT") and float(a.get("aux_price") or 0):
        args["stop_price"] = float(a["aux_price"])
    if a["order_type"] == "TRAIL":
        args["trail_amount"] = float(a.get("aux_price") or 1.0)
    return args


def placement(a: dict[str, Any]) -> dict[str, Any]:
    """A client's placeOrder as arguments of `place_order`, but for its name, contract and parent."""
    args = _prices(a) | {
        "side": a["action"],
        "quantity": float(a["total_quantity"]),
        "tif": a.get("tif") or "DAY",
        "transmit": a.get("transmit") not in (False, "false", "0"),
    }
    return args | ({"oca_group": a["oca"], "oca_type": 1} if a.get("oca") else {})


def modification(a: dict[str, Any], *, staged: bool) -> dict[str, Any]:
    """The same about an order that is there, as arguments of `modify_order`."""
    transmits = staged and a.get("transmit") in (True, "true", "1", None)
    return _prices(a) | ({"transmit": True} if transmits else {})


class Speaker:
    """`prefix` keeps the captures' orders apart in one node."""

    def __init__(self, gateway: ScriptedGateway, client: PlainClient, prefix: str, base: int) -> None:
        self._gateway = gateway
        self._client = client
        self._prefix = prefix
        self._perm_id = PERM_ID + base
        self._tickets: dict[int, OrderTicket] = {}  # by the recorded id
        self._instruments: dict[int, Instrument] = {}
        self._live: dict[int, Order] = {}
        self._executions: dict[str, tuple[int, Execution]] = {}
        self._executed: dict[int, Decimal] = {}

    def cid(self, recorded: int) -> str:
        return f"{self._prefix}-{recorded}"

    def play(self, line: Line) -> None:
        if line.who == "client":
            if line.what in ("place_order", "cancel_order", "global_cancel"):
                getattr(self, f"_{line.what}")(line.args)
        elif line.who == "server":
            self._say(line)
        self.answer_questions()

    # -- the client's moves

    def _place_order(self, a: dict[str, Any]) -> None:
        recorded = int(a["order_id"])
        args: dict[str, Any] = {"strategy": "r", "client_order_id": self.cid(recorded)}
        known = self._tickets.get(recorded)
        if known is not None:
            self._result("modify_order", args | modification(a, staged=not known.transmit))
        else:
            instrument = self._instruments[recorded] = self._instrument(a.get("contract") or AAPL)
            args |= {"instrument": _spelled(instrument)} | placement(a)
            if a.get("parent"):
                args["parent"] = self.cid(int(a["parent"]))
            self._result("place_order", args)
        self._tickets[recorded] = self._await(rq.PlaceOrder).ticket

    def _cancel_order(self, a: dict[str, Any]) -> None:
        args = {"strategy": "r", "client_order_id": self.cid(int(a["order_id"]))}
        self._result("cancel_order", args)
        self._await(rq.CancelOrder)

    def _global_cancel(self, _a: dict[str, Any]) -> None:
        self._result("cancel_orders", {"strategy": "r"})

    def _result(self, op: str, args: dict[str, Any]) -> None:
        reply = self._client.request("orders", op, **args)
        assert reply["ok"], (op, args, reply)

    def _await(self, kind: type[Any]) -> Any:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            request = self._gateway.requests.get(timeout=30)
            if isinstance(request, kind):
                return request
            self._answer(request)
        raise AssertionError(f"the node sent no {kind.__name__}")

    @staticmethod
    def _instrument(contract: dict[str, Any]) -> Instrument:
        same = [i for i in LISTED if (i.symbol, i.sec_type) == (contract["symbol"], contract["sec_type"])]
        return same[0]

    # -- what the gateway says

    def _say(self, line: Line) -> None:
        a = line.args
        recorded = a.get("order_id", a.get("req_id"))
        if recorded not in self._tickets:
            return  # about an order of another conversation, or none
        match line.what:
            case "open_order":
                order = self._live.get(recorded) or self._order(recorded, Status.PRE_SUBMITTED, a)
                self._say_open(recorded, order)
            case "order_status":
                order = self._live[recorded] = self._order(recorded, STATUSES[a["status"]], a)
                self._gateway.say(order_messages.order_status(VERSION, order, order.order_id, 101))
            case "execution_detail":
                self._execute(recorded, a)
            case "api_error":
                self._gateway.say(error(self._tickets[recorded].order_id, int(a["code"]), a["message"]))
            case _:
                pass

    def _say_open(self, recorded: int, order: Order) -> None:
        instrument = self._instruments[recorded]
        self._gateway.say(order_messages.open_order(VERSION, order, instrument, order.order_id, 101))

    def _order(self, recorded: int, status: Status, a: dict[str, Any]) -> Order:
        filled = Decimal(str(a.get("filled") or "0"))
        instrument = self._instruments[recorded]
        return Order(
            self._perm_id + recorded, 101, self._tickets[recorded], instrument.con_id, status,
            time.time_ns(), filled=filled, average_price=264.1 if filled else 0.0,
        )  # fmt: skip

    def _execute(self, recorded: int, a: dict[str, Any]) -> None:
        size, ticket = Decimal(str(a["shares"])), self._tickets[recorded]
        total = self._executed[recorded] = self._executed.get(recorded, Decimal(0)) + size
        con_id = self._instruments[recorded].con_id
        exec_id = f"{self._perm_id:x}.{len(self._executions):x}.01.01"  # those of captures are sanitized
        execution = Execution(
            exec_id, self._perm_id + recorded, 101, ticket.order_id, con_id, "DU1", "NASDAQ",
            a["side"] in ("BOT", "BUY"), size, float(a["price"]), time.time_ns(), total, float(a["price"]),
            order_ref=ticket.order_ref, commission=Decimal(1),
        )  # fmt: skip
        self._executions[exec_id] = recorded, execution
        self._say_execution(-1, recorded, execution)
        self._gateway.say(order_messages.commission_report(VERSION, execution))

    def _say_execution(self, request_id: int, recorded: int, execution: Execution) -> None:
        instrument, order_id = self._instruments[recorded], self._tickets[recorded].order_id
        self._gateway.say(
            order_messages.execution_details(VERSION, request_id, execution, instrument, order_id, 101)
        )

    # -- the node's questions

    def answer_questions(self) -> None:
        while not self._gateway.requests.empty():
            self._answer(self._gateway.requests.get())

    def _answer(self, request: rq.Request) -> None:
        match request:
            case rq.OpenOrders() | rq.AllOpenOrders():
                for recorded, order in self._live.items():
                    if not order.is_final and order.status is not Status.INACTIVE:
                        self._say_open(recorded, order)
                        self._gateway.say(order_messages.order_status(VERSION, order, order.order_id, 101))
                self._gateway.say(messages.open_order_end())
            case rq.Executions(request_id=request_id):
                for recorded, execution in self._executions.values():
                    self._say_execution(request_id, recorded, execution)
                self._gateway.say(messages.execution_details_end(request_id))
            case rq.CompletedOrders():
                self._gateway.say(messages.completed_orders_end())
            case _:
                pass


def _spelled(i: Instrument) -> str:
    if i.sec_type == "FUT":
        return f"CONID:{i.con_id}:{i.exchange}"
    return f"STK:{i.symbol}:SMART:{i.currency}"
