"""The orders node as a process of its own before a simulated gateway as another: both may die any time."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from support.node_process import running_node
from support.plain_client import PlainClient
from support.simulated_gateway import GatewayProcess

AAPL = "STK:AAPL:SMART:USD"


class OrdersNode:
    def __init__(self, config: Path) -> None:
        self._command = [sys.executable, "-m", "twsmq_nodes.orders", "--config", str(config)]
        self._log = config.with_name("orders.log")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stderr=log)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(60)

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)

    def log(self) -> str:
        return self._log.read_text()


@pytest.fixture
def gateway(tmp_path: Path, port_base: int, no_orphans: None) -> Iterator[GatewayProcess]:
    running = GatewayProcess(
        tmp_path / "gateway", "--control-port", str(port_base + 90), port=port_base + 95
    ).start()
    yield running
    if running.process is not None and running.process.poll() is None:
        running.stop()


@pytest.fixture
def node(gateway: GatewayProcess, config_file: Path) -> Iterator[OrdersNode]:
    running = OrdersNode(config_file)
    running.start()
    yield running
    if running.process is not None and running.process.poll() is None:
        assert running.stop() == 0, running.log()


@pytest.fixture
def client(node: OrdersNode, port_base: int) -> Iterator[PlainClient]:
    plain = PlainClient(port_base)
    plain.subscribe("order/s/", "node/orders/")
    await_ready(plain)
    yield plain
    plain.close()


def await_ready(client: PlainClient, node: OrdersNode | None = None) -> dict[str, Any]:
    """`node`: one that was restarted, whose former life may still have something to say."""
    pid = node.process.pid if node is not None and node.process is not None else None
    return client.await_event(
        lambda topic, event: (
            topic == "node/orders/" and event["state"] == "ready" and pid in (None, event["pid"])
        )
    )


def place(client: PlainClient, cid: str, **changes: Any) -> dict[str, Any]:
    args: dict[str, Any] = {
        "strategy": "s",
        "client_order_id": cid,
        "instrument": AAPL,
        "side": "BUY",
        "quantity": 10,
        "order_type": "LMT",
        "limit_price": 1.0,
    }
    return client.await_result("orders", "place_order", **(args | changes))


def await_status(client: PlainClient, cid: str, *statuses: str) -> dict[str, Any]:
    return client.await_event(
        lambda topic, event: (
            topic == f"order/s/{cid}/" and event["type"] == "order" and event["status"] in statuses
        )
    )


def order(client: PlainClient, cid: str) -> dict[str, Any]:
    (row,) = client.result("orders", "get_orders", strategy="s", client_order_id=cid)["orders"]
    return row


def test_a_node_killed_and_started_again_knows_every_order(
    client: PlainClient, node: OrdersNode, gateway: GatewayProcess
) -> None:
    place(client, "rest")
    await_status(client, "rest", "submitted")
    client.await_event(lambda _topic, event: event.get("gateway_status") == "Submitted")
    before = order(client, "rest")
    place(client, "market", order_type="MKT", limit_price=None)
    node.kill()
    node.start()
    beat = await_ready(client, node)
    assert order(client, "rest") == before
    if order(client, "market")["status"] != "filled":
        await_status(client, "market", "filled")
    after = order(client, "market")
    assert (after["filled"], after["remaining"]) == (10.0, 0.0)
    assert beat["last_event_no"] >= before["event_no"]
    assert beat["strategy_nos"]["s"] >= before["strategy_no"]
    assert place(client, "next")["order_id"] == 3


def test_a_gateway_killed_and_started_again_has_every_order(
    client: PlainClient, gateway: GatewayProcess
) -> None:
    place(client, "rest", tif="GTC")
    await_status(client, "rest", "submitted")
    gateway.kill()
    client.await_event(lambda topic, event: topic == "node/orders/" and event["state"] == "connecting")
    assert client.request("orders", "get_orders")["ok"]
    assert client.result("orders", "cancel_order", strategy="s", client_order_id="rest")["status"] == (
        "pending_cancel"
    )
    gateway.start()
    await_status(client, "rest", "cancelled")


def test_a_refusal_that_the_gateway_dresses_as_a_cancellation_is_told_once_and_as_a_refusal(
    client: PlainClient, gateway: GatewayProcess
) -> None:
    gateway.command("reject_next_order", reason="no margin")
    place(client, "refused")
    ended = await_status(client, "refused", "cancelled", "rejected")
    assert (ended["status"], ended["tws_code"]) == ("rejected", 201)
    assert (ended["gateway_status"], ended["reason"]) == ("Cancelled", "Order rejected - reason:no margin")


def test_two_clients_with_one_key_at_once_place_one_order_each_time(
    client: PlainClient, port_base: int
) -> None:
    other = PlainClient(port_base)
    rounds = 1_000
    args = {"strategy": "s", "instrument": AAPL, "side": "BUY", "quantity": 1, "order_type": "LMT"}
    for number in range(rounds):
        body = {**args, "limit_price": 1.0, "client_order_id": f"both-{number}"}
        request = msgpack.packb({"v": 1, "id": number, "op": "place_order", "args": body})
        for one in (client, other):
            one.dealer("orders").send(request)
    answers = [
        [msgpack.unpackb(one.dealer("orders").recv()) for _ in range(rounds)] for one in (client, other)
    ]
    assert answers[0] == answers[1]
    ids = [answer["result"]["order_id"] for answer in answers[0]]
    assert sorted(ids) == list(range(1, rounds + 1))
    assert len(client.result("orders", "get_orders")["orders"]) == rounds
    other.close()


def test_rows_of_one_order_are_numbered_and_a_newcomer_is_greeted(
    client: PlainClient, port_base: int
) -> None:
    place(client, "rest")
    await_status(client, "rest", "submitted")
    newcomer = PlainClient(port_base)
    newcomer.subscribe("order/s/rest/")
    greeting = newcomer.await_event(lambda _topic, event: event["snapshot"])
    assert (greeting["status"], greeting["type"]) == ("submitted", "order")
    newcomer.close()


def test_a_second_node_on_the_same_journal_is_refused_in_one_line(
    client: PlainClient, config_file: Path, port_base: int, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    other.write_text(
        config_file.read_text().replace(f"port_base = {port_base}", f"port_base = {port_base + 30}")
    )
    done = subprocess.run(
        [sys.executable, "-m", "twsmq_nodes.orders", "--config", str(other)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "another orders node" in done.stderr


def test_requests_that_wait_are_answered_after_the_socket_was_flooded(client: PlainClient) -> None:
    socket = client.dealer("orders")
    count = 500
    for number in range(count):
        body = {"strategy": "s", "client_order_id": f"f-{number}", "instrument": AAPL, "side": "BUY"}
        args = {**body, "quantity": 1, "order_type": "LMT", "limit_price": 1.0}
        socket.send(msgpack.packb({"v": 1, "id": number, "op": "place_order", "args": args}), zmq.NOBLOCK)
    answers = [msgpack.unpackb(socket.recv()) for _ in range(count)]
    assert all(answer["ok"] for answer in answers)
    assert [answer["result"]["order_id"] for answer in answers] == list(range(1, count + 1))


@pytest.fixture
def slow_client(gateway: GatewayProcess, config_file: Path, port_base: int) -> Iterator[PlainClient]:
    """To a node that may send 20 messages a second (its share of 50)."""
    config_file.write_text(
        config_file.read_text().replace("messages_per_second = 0", "messages_per_second = 50")
    )
    running = OrdersNode(config_file)
    running.start()
    plain = PlainClient(port_base)
    plain.subscribe("order/s/", "order/t/", "node/orders/")
    await_ready(plain)
    yield plain
    plain.close()
    assert running.stop() == 0, running.log()


def test_when_the_budget_is_short_cancels_go_first_and_strategies_take_turns(
    slow_client: PlainClient,
) -> None:
    place(slow_client, "first")
    await_status(slow_client, "first", "submitted")
    socket = slow_client.dealer("orders")
    args = {"instrument": AAPL, "side": "BUY", "quantity": 1, "order_type": "LMT", "limit_price": 1.0}
    began = time.monotonic()
    for strategy, count in (("s", 30), ("t", 5)):
        for number in range(count):
            body = {**args, "strategy": strategy, "client_order_id": f"{strategy}-{number}"}
            request = {"v": 1, "id": f"{strategy}-{number}", "op": "place_order", "args": body}
            socket.send(msgpack.packb(request))
    key = {"strategy": "s", "client_order_id": "first"}
    socket.send(msgpack.packb({"v": 1, "id": "cancel", "op": "cancel_order", "args": key}))
    order_of_answers = [msgpack.unpackb(socket.recv())["id"] for _ in range(36)]
    took = time.monotonic() - began
    assert 1.0 < took < 5.0, "35 messages at 20 a second"
    assert order_of_answers.index("cancel") < 10
    assert order_of_answers.index("t-4") < order_of_answers.index("s-15")
    cancelled = await_status(slow_client, "first", "cancelled")
    rest = slow_client.result("orders", "get_orders", strategy="s")["orders"]
    assert max(row["event_no"] for row in rest) > cancelled["event_no"]


def test_events_are_replayed_in_pages_as_they_were_published(client: PlainClient, node: OrdersNode) -> None:
    place(client, "rest")
    live = [client.await_event(lambda _topic, event, no=n: event.get("strategy_no") == no) for n in (1, 2)]
    node.kill()
    node.start()
    await_ready(client, node)
    replayed: list[dict[str, Any]] = []
    after = 0
    while True:
        page = client.result("orders", "replay_events", after=after, limit=1)
        if not page["events"]:
            break
        replayed += page["events"]
        after = page["next"]
    assert after == page["last"] == len(replayed)
    header = {"v", "src", "inc", "seq", "ts"}
    for told, again in zip(live, replayed, strict=False):
        assert {k: v for k, v in told.items() if k not in header} == {
            k: v for k, v in again.items() if k not in header
        }


def test_halts_and_limits_outlive_the_node(client: PlainClient, node: OrdersNode) -> None:
    limits = {"max_order_quantity": 5}
    client.result("orders", "set_risk", scope="strategy", name="s", limits=limits)
    client.result("orders", "halt", reason="fat finger", strategy="t")
    node.kill()
    node.start()
    await_ready(client, node)
    layers = client.result("orders", "get_risk")["layers"]
    assert {"scope": "strategy", "name": "s", "limits": limits} in layers
    order = {"instrument": AAPL, "side": "BUY", "quantity": 10, "order_type": "MKT"}
    too_big = client.error("orders", "place_order", strategy="s", client_order_id="big", **order)
    assert (too_big["code"], too_big["field"]) == ("risk_rejected", "quantity")
    halted = client.error("orders", "place_order", strategy="t", client_order_id="halted", **order)
    assert halted["code"] == "halted"
    assert client.result("orders", "resume", strategy="t")["halted"] == {}


def test_a_bracket_a_preview_and_a_kill_switch_at_the_simulated_gateway(client: PlainClient) -> None:
    order = {"strategy": "s", "instrument": AAPL, "quantity": 10}
    bracket = [
        {**order, "client_order_id": "parent", "side": "BUY", "order_type": "LMT", "limit_price": 1.0},
        {**order, "client_order_id": "profit", "side": "SELL", "order_type": "LMT", "limit_price": 9999.0},
        {**order, "client_order_id": "loss", "side": "SELL", "order_type": "STP", "stop_price": 0.5},
    ]
    rows = client.result("orders", "place_orders", orders=bracket, link="bracket")["orders"]
    assert [row["order_id"] for row in rows] == [1, 2, 3]
    for cid in ("parent", "profit", "loss"):
        await_status(client, cid, "submitted")
    preview = client.result(
        "orders", "preview_order", **{**order, "client_order_id": "x", "side": "BUY", "order_type": "MKT"}
    )
    assert preview["init_margin_change"] is not None
    stopped = client.result("orders", "halt", reason="the end of the test", cancel=True)
    assert stopped["remaining"] == []
    rows = client.result("orders", "get_orders", active=False)["orders"]
    assert {row["status"] for row in rows} == {"cancelled"}


def test_an_account_that_lost_too_much_today_trades_no_more(
    node: OrdersNode, config_file: Path, port_base: int, eventually: Callable[..., None]
) -> None:
    """The status node tells the day's result; without it nobody could check, so nothing is traded."""
    account, numbers = "DU1234567", itertools.count()
    client = PlainClient(port_base)
    client.subscribe("order/s/", "node/orders/", "account/")
    await_ready(client)

    def refusal(side: str = "BUY", **changes: Any) -> str | None:
        args: dict[str, Any] = {"strategy": "s", "client_order_id": f"n-{next(numbers)}", "instrument": AAPL}
        reply = client.request("orders", "place_order", **dict(args, side=side, quantity=100) | changes)
        return None if reply["ok"] else reply["error"]["message"]

    def trade(side: str) -> None:
        eventually(lambda: refusal(side, order_type="MKT") is None)
        client.await_event(lambda _topic, event: event.get("status") == "filled" and event["side"] == side)

    limits = {"max_daily_loss": 0.5}
    client.result("orders", "set_risk", scope="account", name=account, limits=limits)
    unknown = refusal(order_type="MKT")
    assert unknown is not None
    assert "the day's result of DU1234567 is not known" in unknown
    with running_node("status", config_file):
        trade("BUY")
        client.result("orders", "set_risk", scope="account", name=account, limits={})
        trade("SELL")  # spread and commissions are lost
        client.result("orders", "set_risk", scope="account", name=account, limits=limits)
        client.await_event(
            lambda topic, event: topic == f"account/{account}/DailyPnL/" and float(event["value"]) < -0.5
        )
        eventually(lambda: "max_daily_loss: the limit is 0.5" in (refusal(order_type="MKT") or ""))
    client.close()
