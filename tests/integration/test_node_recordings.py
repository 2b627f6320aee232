"""The gateway's side of recorded conversations, spoken to an orders node: it ends where the gateway did.

A scripted gateway says the recorded reports, by their meaning, with the node's ids. The recordings are those
of `tests/recordings/`; what a node does with them must not depend on which of the captured ways was taken.
"""

from __future__ import annotations

import json
import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.node_process import running_node
from support.plain_client import PlainClient
from support.scripted_gateway import VERSION, ScriptedGateway, error
from support.sim_recordings import OURS
from twsmq_simulator.broker.model import Execution, Order, Status
from twsmq_simulator.broker.ticket import OrderTicket
from twsmq_simulator.market import listing
from twsmq_simulator.wire import messages, order_messages
from twsmq_simulator.wire import requests as rq

AAPL = next(i for i in listing.build(date(2026, 4, 15)) if i.con_id == 265598)
PERM_ID = 900_000_000


class Line(NamedTuple):
    who: str
    what: str
    args: dict[str, Any]


def lines(name: str) -> list[Line]:
    found: list[Line] = []
    for text in (OURS / f"{name}.txt").read_text().splitlines():
        who, _, rest = text.partition(" ")
        if who in ("client", "server"):
            what, _, args = rest.partition(" ")
            found.append(Line(who, what, json.loads(args)))
    return found


class Conversation:
    """Says what was recorded, with the ids and references of the node's own requests."""

    def __init__(self, gateway: ScriptedGateway, client: PlainClient, prefix: str) -> None:
        self._gateway = gateway
        self._client = client
        self._prefix = prefix
        self._tickets: dict[int, OrderTicket] = {}  # by the recorded id
        self._executions: dict[str, Execution] = {}
        self._filled: dict[int, Decimal] = {}

    def cid(self, recorded: int) -> str:
        return f"{self._prefix}-{recorded}"

    def play(self, line: Line) -> None:
        if line.who == "client":
            getattr(self, f"_{line.what}")(line.args)
        else:
            self._say(line)

    def _place_order(self, a: dict[str, Any]) -> None:
        recorded = int(a["order_id"])
        prices = {"limit_price": a.get("lmt_price"), "stop_price": a.get("aux_price")}
        args = {name: float(value) for name, value in prices.items() if value}
        if recorded in self._tickets:
            self._client.result(
                "orders", "modify_order", strategy="r", client_order_id=self.cid(recorded), **args
            )
        else:
            self._client.await_result(
                "orders", "place_order", strategy="r", client_order_id=self.cid(recorded),
                instrument="STK:AAPL:SMART:USD", side=a["action"], quantity=float(a["total_quantity"]),
                order_type=a["order_type"], tif=a["tif"], **args,
            )  # fmt: skip
        self._tickets[recorded] = self._gateway.await_request(rq.PlaceOrder).ticket

    def _cancel_order(self, a: dict[str, Any]) -> None:
        recorded = int(a["order_id"])
        self._client.result("orders", "cancel_order", strategy="r", client_order_id=self.cid(recorded))
        assert self._gateway.await_request(rq.CancelOrder).order_id == self._tickets[recorded].order_id

    def _say(self, line: Line) -> None:
        a = line.args
        match line.what:
            case "open_order":
                order = self._order(a["order_id"], Status.SUBMITTED, a)
                self._gateway.say(order_messages.open_order(VERSION, order, AAPL, order.order_id, 101))
            case "order_status":
                order = self._order(a["order_id"], Status(a["status"]), a)
                self._gateway.say(order_messages.order_status(VERSION, order, order.order_id, 101))
            case "execution_detail":
                self._executed(a)
            case "commission_report":
                execution = self._executions[a["exec_id"]]
                self._gateway.say(order_messages.commission_report(VERSION, execution))
            case "api_error":
                self._gateway.say(error(self._tickets[a["req_id"]].order_id, a["code"], a["message"]))
            case _:
                pass  # managedAccounts and nextValidId have their own time

    def _order(self, recorded: int, status: Status, a: dict[str, Any]) -> Order:
        ticket = self._tickets[recorded]
        filled = Decimal(a.get("filled", "0"))
        return Order(
            PERM_ID + recorded, 101, ticket, AAPL.con_id, status, time.time_ns(),
            filled=filled, average_price=264.1 if filled else 0.0, why_held=a.get("why_held", ""),
        )  # fmt: skip

    def _executed(self, a: dict[str, Any]) -> None:
        recorded, size = a["order_id"], Decimal(a["shares"])
        ticket = self._tickets[recorded]
        total = self._filled[recorded] = self._filled.get(recorded, Decimal(0)) + size
        execution = Execution(
            a["exec_id"], PERM_ID + recorded, 101, ticket.order_id, AAPL.con_id, "DU1", "NASDAQ",
            a["side"] == "BOT", size, float(a["price"]), time.time_ns(), total, float(a["price"]),
            order_ref=ticket.order_ref, commission=Decimal(1),
        )  # fmt: skip
        self._executions[a["exec_id"]] = execution
        self._gateway.say(
            order_messages.execution_details(VERSION, -1, execution, AAPL, ticket.order_id, 101)
        )


ENDS: dict[str, dict[int, dict[str, Any]]] = {
    "market_orders_three_ways": {
        n: {"status": "filled", "filled": float(q), "remaining": 0.0} for n, q in ((11, 3), (12, 3), (13, 2))
    },
    "stop_moved_twice": {21: {"status": "cancelled", "filled": 0.0, "stop_price": 22.5}},
    "limit_at_night": {31: {"status": "cancelled", "filled": 0.0, "limit_price": 13.0}},
    "limit_announced_as_pending": {41: {"status": "cancelled", "filled": 0.0}},
    "three_fills_of_one_order": {61: {"status": "filled", "filled": 90.0}},
}
NOT_HERE = {
    "trailing_child_refused": "staged groups are requests of their own; the orders' own tests have them",
    "killed_and_expired": "Inactive is settled by a snapshot, which a recording of one day has not",
}


def test_every_recording_is_spoken_or_said_why_not() -> None:
    assert {path.stem for path in OURS.glob("*.txt")} == {*ENDS, *NOT_HERE}


def answer_snapshots(gateway: ScriptedGateway, client: PlainClient) -> None:
    """A gateway without orders and executions; until the node is ready."""
    deadline = time.monotonic() + 30
    client.subscribe("node/orders/")
    while time.monotonic() < deadline:
        while not gateway.requests.empty():
            request = gateway.requests.get()
            if isinstance(request, rq.OpenOrders | rq.AllOpenOrders):
                gateway.say(messages.open_order_end())
            elif isinstance(request, rq.Executions):
                gateway.say(messages.execution_details_end(request.request_id))
            elif isinstance(request, rq.CompletedOrders):
                gateway.say(messages.completed_orders_end())
        for topic, event in client.events(0.05):
            if topic == "node/orders/" and event.get("state") == "ready":
                return
    raise AssertionError("the node is not ready")


@pytest.mark.parametrize("name", sorted(ENDS))
def test_the_node_ends_where_the_gateway_did(
    name: str, config_file: Path, port_base: int, no_orphans: None
) -> None:
    with ScriptedGateway(port_base + 95) as gateway, running_node("orders", config_file):
        client = PlainClient(port_base)
        try:
            answer_snapshots(gateway, client)
            client.subscribe("order/r/")
            conversation = Conversation(gateway, client, name[:12])
            for line in lines(name):
                conversation.play(line)
            for recorded, wanted in ENDS[name].items():
                cid = conversation.cid(recorded)
                client.await_event(
                    lambda topic, event, cid=cid, wanted=wanted: (
                        topic == f"order/r/{cid}/" and event.get("status") == wanted["status"]
                    )
                )
            for recorded, wanted in ENDS[name].items():
                cid = conversation.cid(recorded)
                (row,) = client.result("orders", "get_orders", strategy="r", client_order_id=cid)["orders"]
                assert {key: row[key] for key in wanted} == wanted, row
        finally:
            client.close()
