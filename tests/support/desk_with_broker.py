"""An orders node of its own process between a client and a broker that the test holds in its hands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conftest import reserved_ports
from twsmq_simulator.broker.ticket import OrderTicket
from twsmq_simulator.wire import requests as rq

from support.broker_by_hand import BrokerByHand
from support.cluster import Cluster
from support.node_process import NodeProcess, running_node
from support.plain_client import PlainClient

STRATEGY = "s"
ORDER: dict[str, Any] = {
    "strategy": STRATEGY,
    "instrument": "STK:AAPL:SMART:USD",
    "side": "BUY",
    "quantity": 10,
    "order_type": "LMT",
    "limit_price": 100.0,
}
TRAIL: dict[str, Any] = {"order_type": "TRAIL", "limit_price": None, "trail_amount": 2.0, "side": "SELL"}
STOP: dict[str, Any] = {"order_type": "STP", "limit_price": None, "stop_price": 90.0, "side": "SELL"}


class Desk:
    """The node's client, and the broker at the other end."""

    def __init__(self, broker: BrokerByHand, client: PlainClient, node: NodeProcess, port_base: int) -> None:
        self.broker = broker
        self.client = client
        self.node = node
        self.port_base = port_base

    def place(self, cid: str, **changes: Any) -> OrderTicket:
        self.client.result("orders", "place_order", client_order_id=cid, **(ORDER | changes))
        return self.broker.await_order()

    def working(self, cid: str, **changes: Any) -> OrderTicket:
        ticket = self.place(cid, **changes)
        self.broker.show(ticket)
        self.await_order(cid, status="submitted")
        return ticket

    def modify(self, cid: str, **changes: Any) -> OrderTicket:
        self.client.result("orders", "modify_order", strategy=STRATEGY, client_order_id=cid, **changes)
        return self.broker.await_order()

    def bracket(self, *cids: str) -> list[OrderTicket]:
        """An entry, a profit and a stop."""
        leaving = {"side": "SELL", "limit_price": 120.0}
        legs = [ORDER, ORDER | leaving, ORDER | STOP]
        orders = [leg | {"client_order_id": cid} for cid, leg in zip(cids, legs, strict=True)]
        self.client.result("orders", "place_orders", orders=orders, link="bracket")
        return [self.broker.await_order() for _ in cids]

    def order(self, cid: str) -> dict[str, Any]:
        rows = self.client.result("orders", "get_orders", strategy=STRATEGY, client_order_id=cid)["orders"]
        (row,) = rows
        return row

    def await_event(self, cid: str, kind: str, **expected: Any) -> dict[str, Any]:
        topic = f"order/{STRATEGY}/{cid}/"
        return self.client.await_event(
            lambda its, event: its == topic and event["type"] == kind and expected.items() <= event.items(),
            timeout=30,
        )

    def await_order(self, cid: str, **expected: Any) -> dict[str, Any]:
        return self.await_event(cid, "order", **expected)

    def await_change(self, cid: str, outcome: str) -> dict[str, Any]:
        return self.await_event(cid, "change", outcome=outcome)

    def await_cancels(self, *tickets: OrderTicket) -> None:
        asked = {self.broker.await_request(rq.CancelOrder).order_id for _ in tickets}
        assert asked == {ticket.order_id for ticket in tickets}

    def reconnect(self) -> None:
        self.broker.drop()
        self.await_ready()

    def start_again(self) -> None:
        """The node that was killed. It is ready before we have connected, so its beat shows that it is."""
        pid = self.node.start().pid
        self.client.await_event(
            lambda topic, event: (
                topic == "node/orders/" and event["state"] == "ready" and event["pid"] == pid
            ),
            timeout=60,
        )

    def await_ready(self) -> dict[str, Any]:
        """After whatever it was before."""
        states: list[str] = []

        def ready_again(topic: str, event: dict[str, Any]) -> bool:
            if topic == "node/orders/":
                states.append(event["state"])
            return states[-1:] == ["ready"] and (len(set(states)) > 1)

        return self.client.await_event(ready_again, timeout=60)

    def refused(self, cid: str, **changes: Any) -> str:
        """The message with which an order is refused; "" if it went out."""
        reply = self.client.request("orders", "place_order", client_order_id=cid, **(ORDER | changes))
        return "" if reply["ok"] else reply["error"]["message"]


@contextmanager
def running_desk(folder: Path, extra: str = "", accounts: str = "DU1") -> Iterator[Desk]:
    """Ready; `extra` goes into the configuration."""
    with reserved_ports() as base:
        config = Cluster(folder, base, base + 95, f"messages_per_second = 0\n{extra}").config
        broker_there, node_there = BrokerByHand(base + 95, accounts), running_node("orders", config)
        with broker_there as broker, node_there as node, desk_client(base) as client:
            client.await_event(lambda topic, event: topic == "node/orders/" and event["state"] == "ready")
            yield Desk(broker, client, node, base)


@contextmanager
def desk_client(port_base: int) -> Iterator[PlainClient]:
    client = PlainClient(port_base)
    client.subscribe("node/orders/", f"order/{STRATEGY}/", "account_notice/", "foreign/")
    try:
        client.await_result("orders", "get_orders")
        yield client
    finally:
        client.close()
