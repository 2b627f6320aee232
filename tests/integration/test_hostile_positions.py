"""What a gateway says about positions goes through status to the orders node: none of it ends either, and
orders are placed meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.node_process import running_node
from support.plain_client import PlainClient
from support.plain_process import PlainProcess
from support.scripted_gateway import ScriptedGateway, answer_snapshot
from twsmq_simulator.wire import messages
from twsmq_simulator.wire.requests import Positions

GOOD = 265598
CON_IDS = [2**63, 2**63 - 1, 2**31, 2**64 - 1, 2**64, -1, 0, -(2**63), "", "x", "1e300", "\x1b[2J"]
SIZES = ["1e300", "nan", "inf", "", "-1e308", "x", 2**80]


def position(con_id: object, size: object = 100, symbol: str = "AAPL", kind: str = "STK") -> bytes:
    fields = (61, 3, "DU1", con_id, symbol, kind, "", 0, "", "", "", "USD", symbol, "NMS", size, 1.5)
    return messages.message(*map(str, fields))


HOSTILE = [
    *[position(con_id) for con_id in CON_IDS],
    *[position(GOOD + 1 + number, size) for number, size in enumerate(SIZES)],
    position(GOOD + 100, symbol="A/B\x1b]0;x\x07/"),
    position(GOOD + 101, symbol="x" * 200),
    position(GOOD + 102, kind="\u202e"),
]


def require_trading(client: PlainClient, name: str) -> None:
    order: dict[str, Any] = {
        "strategy": "s",
        "instrument": "STK:AAPL:SMART:USD",
        "side": "BUY",
        "order_type": "LMT",
    }
    client.await_result("orders", "place_order", client_order_id=name, quantity=1, limit_price=1.0, **order)


@pytest.mark.timeout(180)
def test_no_position_ends_status_or_orders(config_file: Path, port_base: int, no_orphans: None) -> None:
    client = PlainClient(port_base)
    client.subscribe("position/", "node/orders/")
    try:
        with ScriptedGateway(port_base + 95) as gateway, running_node("orders", config_file) as orders:
            answer_snapshot(gateway)
            client.await_event(lambda topic, event: topic == "node/orders/" and event["state"] == "ready")
            with running_node("status", config_file) as status:
                client.await_result("status", "describe")
                gateway.await_request(Positions)
                gateway.say(*HOSTILE, position(GOOD), messages.position_end())
                client.await_event(lambda _, event: event.get("con_id") == GOOD)
                require_trading(client, "a")
                for node in (orders, status):
                    assert node.process is not None
                    assert node.process.poll() is None, node.log_file.read_text()[-2000:]
    finally:
        client.close()


@pytest.mark.timeout(180)
def test_no_event_that_status_could_publish_ends_orders(
    config_file: Path, port_base: int, no_orphans: None
) -> None:
    """Whatever another process publishes, were it one of a later version or a damaged one."""
    client = PlainClient(port_base)
    client.subscribe("node/orders/")
    try:
        with (
            PlainProcess("status", port_base) as status,
            ScriptedGateway(port_base + 95) as gateway,
            running_node("orders", config_file) as orders,
        ):
            answer_snapshot(gateway)
            client.await_event(lambda topic, event: topic == "node/orders/" and event["state"] == "ready")
            for con_id in (2**63, 2**64 - 1, -1, None, "x"):
                for spelling in (
                    f"CONID:{2**63}",
                    f"CONID:{2**64}",
                    "CONID:-1",
                    "STK",
                    "",
                    "\x1b",
                    "A:" * 90,
                ):
                    row = {"account": "DU1", "instrument": spelling, "con_id": con_id, "quantity": 1e308}
                    status.publish(f"position/DU1/{spelling}/", "position", **row)
                    status.publish(f"account/DU1/{spelling}/", "account_value", account="DU1", value=spelling)
            status.publish("node/status/", "heartbeat", name="orders", pid=-1, state="unheard of", detail=7)
            require_trading(client, "a")
            assert orders.process is not None
            assert orders.process.poll() is None, orders.log_file.read_text()[-2000:]
    finally:
        client.close()
