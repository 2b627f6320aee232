"""The synchronous client against processes of pyzmq and msgpack alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.plain_process import PlainProcess
from twsmq import Client, ClientClosed, OutcomeUnknown, Received, RequestRefused
from twsmq_protocol.config import Cluster, Config
from twsmq_protocol.errors import ConfigError
from twsmq_protocol.market_events import Quote
from twsmq_protocol.order_events import Fill, Notice, Order
from twsmq_protocol.system_events import Gateway, Heartbeat

QUOTE = "quote/STK:AAPL:SMART:USD/"
ORDER: dict[str, Any] = {
    "strategy": "alpha",
    "client_order_id": "a-1",
    "instrument": "STK:AAPL:SMART:USD",
    "side": "BUY",
    "quantity": 10,
    "order_type": "LMT",
    "limit_price": 187.5,
}
ROW = ORDER | {"status": "submitted", "order_id": 7, "a_later_field": 1}


@pytest.fixture
def client(port_base: int) -> Iterator[Client]:
    with Client(Config(cluster=Cluster(port_base=port_base))) as client:
        yield client


def heard(client: Client) -> Received:
    received = client.receive(timeout=60)
    assert received is not None, "nothing came"
    return received


def answer(request: dict[str, Any]) -> dict[str, Any] | None:
    """As the orders node would, for one order."""
    match request["op"]:
        case "place_order" | "modify_order" | "cancel_order":
            result = {"client_order_id": "a-1", "order_id": 7, "status": "pending"}
        case "get_orders":
            result = {"orders": [ROW]}
        case "refuse":
            error = {"code": "risk_rejected", "message": "too large", "field": "quantity", "tws_code": None}
            return {"ok": False, "error": error}
        case "later_code":
            return {"ok": False, "error": {"code": "eclipsed", "message": "the moon", "field": None}}
        case _:
            return None
    return {"ok": True, "result": result}


def test_events_come_as_structs_with_their_topic(client: Client, port_base: int):
    with PlainProcess("marketdata-0", port_base) as marketdata:
        client.subscribe(QUOTE)
        marketdata.await_subscription(QUOTE)
        marketdata.publish(QUOTE, "quote", con_id=265598, bid=187.41)
        topic, event, lost = heard(client)
        assert (topic, lost) == (QUOTE, 0)
        assert isinstance(event, Quote)
        assert (event.src, event.bid, event.ask) == ("marketdata-0", 187.41, None)


def test_what_a_publisher_could_not_deliver_is_counted(client: Client, port_base: int):
    with PlainProcess("marketdata-0", port_base) as marketdata:
        client.subscribe(QUOTE)
        marketdata.await_subscription(QUOTE)
        marketdata.publish(QUOTE, "quote")
        marketdata.next_seq(QUOTE)
        marketdata.next_seq(QUOTE)
        marketdata.publish(QUOTE, "quote")
        assert [heard(client).lost, heard(client).lost] == [0, 2]
        assert client.loss.topics[QUOTE].lost == 2


def test_a_publisher_that_restarts_is_heard_again_without_doing_anything(client: Client, port_base: int):
    with PlainProcess("marketdata-0", port_base) as first:
        client.subscribe(QUOTE)
        first.await_subscription(QUOTE)
        first.publish(QUOTE, "quote")
        heard(client)
    with PlainProcess("marketdata-0", port_base) as second, ThreadPoolExecutor() as threads:
        receiving = threads.submit(heard, client)  # the only thread that uses the client meanwhile
        second.await_subscription(QUOTE)
        second.next_seq(QUOTE)
        second.publish(QUOTE, "quote")
        received = receiving.result(10)
        assert (received.event.inc, received.lost) == (second.incarnation, 1)
    assert client.loss.topics[QUOTE].restarts == 1


def test_one_client_hears_every_process_and_every_shard_of_a_port_base(port_base: int):
    with (
        Client(port_base=port_base) as client,
        PlainProcess("orders", port_base) as orders,
        PlainProcess("status", port_base) as status,
    ):
        client.subscribe("node/")
        for process in (orders, status):
            process.await_subscription("node/")
            process.publish(f"node/{process.name}/", "heartbeat", name=process.name, pid=1, state="ready")
        assert {heard(client).topic for _ in range(2)} == {"node/orders/", "node/status/"}


def test_the_loss_of_the_last_order_event_is_told_by_the_next_heartbeat(client: Client, port_base: int):
    def beat(number: int) -> None:
        numbers = {"last_event_no": number, "strategy_nos": {"alpha": number}}
        orders.publish("node/orders/", "heartbeat", name="orders", pid=1, state="ready", **numbers)

    def notice(number: int) -> None:
        topic = "order/alpha/a-1/"
        names = {"strategy": "alpha", "client_order_id": "a-1", "event_no": number, "strategy_no": number}
        orders.publish(topic, "notice", tws_code=399, text="", **names)

    with PlainProcess("orders", port_base) as orders:
        client.subscribe("order/alpha/")
        orders.await_subscription("order/alpha/", "node/orders/")
        beat(4)
        notice(5)
        beat(5)
        beat(7)
        assert isinstance(heard(client).event, Notice)
        told = heard(client)
        assert isinstance(told.event, Heartbeat)
        assert told.lost == client.loss.order_events_lost == 2


def test_unsubscribing_reaches_the_publisher(client: Client, port_base: int):
    with PlainProcess("marketdata-0", port_base) as marketdata:
        client.subscribe(QUOTE)
        marketdata.await_subscription(QUOTE)
        client.unsubscribe(QUOTE)
        marketdata.await_unsubscription(QUOTE)


def test_waiting_for_events_ends_in_time(client: Client):
    began = time.monotonic()
    assert client.receive(timeout=0.05) is None
    assert list(client.events(within=0.05)) == []
    assert 0.1 <= time.monotonic() - began < 5


def test_an_order_is_placed_changed_listed_and_cancelled(client: Client, port_base: int):
    with PlainProcess("orders", port_base, answer) as orders:
        before = time.time_ns()
        accepted = client.place_order(**ORDER)
        assert (accepted.client_order_id, accepted.order_id, accepted.status) == ("a-1", 7, "pending")
        client.modify_order(strategy="alpha", client_order_id="a-1", limit_price=188.0)
        (order,) = client.orders(strategy="alpha", active=True)
        assert (order.status, order.limit_price) == ("submitted", 187.5)
        client.cancel_order(strategy="alpha", client_order_id="a-1")
    ops = ["place_order", "modify_order", "get_orders", "cancel_order"]
    assert [request["op"] for request in orders.requests] == ops
    placed = orders.requests[0]
    assert placed["args"] == ORDER
    assert before + 4e9 < placed["valid_until"] < time.time_ns() + 5e9
    assert orders.requests[2]["args"] == {"strategy": "alpha", "active": True}


def test_a_refusal_is_raised_with_all_it_says(client: Client, port_base: int):
    with PlainProcess("orders", port_base, answer):
        with pytest.raises(RequestRefused) as refused:
            client.request("orders", "refuse")
        assert (refused.value.code, refused.value.field) == ("risk_rejected", "quantity")
        with pytest.raises(RequestRefused, match="eclipsed: the moon"):
            client.request("orders", "later_code")


def test_a_reply_that_never_comes_leaves_the_outcome_unknown(client: Client, port_base: int):
    with PlainProcess("orders", port_base, lambda _: None) as orders:
        with pytest.raises(OutcomeUnknown, match="same client_order_id") as unknown:
            client.place_order(**ORDER, timeout=0.2)
        assert (unknown.value.process, unknown.value.op, unknown.value.timeout) == (
            "orders",
            "place_order",
            0.2,
        )
        (request,) = orders.requests
        assert request["valid_until"] <= time.time_ns()


def test_an_unknown_outcome_tells_whether_anybody_listens(client: Client, port_base: int):
    with PlainProcess("orders", port_base, lambda _: None), pytest.raises(OutcomeUnknown) as silent:
        client.orders(timeout=0.1)
    assert silent.value.absent is None
    with pytest.raises(OutcomeUnknown, match=r"nobody listens at .* is the cluster running") as alone:
        client.status(timeout=0.1)
    assert alone.value.absent == f"tcp://127.0.0.1:{port_base}"


@pytest.mark.parametrize("told", [True, False])
def test_the_link_to_the_gateway_is_typed_like_the_rest(client: Client, port_base: int, told: bool):
    row = {"name": "orders", "state": "ready", "pid": 1, "client_id": 101, "restarts": 0, "uptime_s": 1.0}
    gateway = {"state": "up", "host": "h", "port": 4002, "accounts": ["DU1"], "upstream": "connected"}
    result = {"processes": [row], "gateway": gateway if told else None}
    with PlainProcess("supervisor", port_base, lambda _: {"ok": True, "result": result}):
        status = client.status()
    assert status.processes[0].client_id == 101
    if told:
        assert isinstance(status.gateway, Gateway)
        assert (status.gateway.state, status.gateway.accounts) == ("up", ("DU1",))
    else:
        assert status.gateway is None


def test_a_late_reply_is_not_taken_for_another_requests(client: Client, port_base: int):
    release = threading.Event()

    def slow_then_quick(request: dict[str, Any]) -> dict[str, Any]:
        if request["op"] == "slow":
            release.wait(60)
        return {"ok": True, "result": {"op": request["op"]}}

    with PlainProcess("orders", port_base, slow_then_quick):
        with pytest.raises(OutcomeUnknown):
            client.request("orders", "slow", timeout=0.1)
        release.set()
        assert client.request("orders", "quick") == {"op": "quick"}


def test_a_process_that_comes_up_while_we_wait_still_answers(port_base: int):
    def ask() -> list[Order]:
        with Client(port_base=port_base) as client:
            return client.orders(timeout=60)

    with ThreadPoolExecutor() as threads:
        asked = threads.submit(ask)
        with PlainProcess("orders", port_base, answer):
            assert [order.order_id for order in asked.result(20)] == [7]


def test_events_queue_up_while_a_request_waits(client: Client, port_base: int):
    fill = {"strategy": "alpha", "client_order_id": "a-1", "exec_id": "e", "account": "DU1", "side": "BUY"}
    with PlainProcess("orders", port_base, answer) as orders:
        client.subscribe("order/alpha/a-1/")
        orders.await_subscription("order/alpha/a-1/")
        orders.publish("order/alpha/a-1/", "fill", quantity=10, price=187.5, **fill)
        client.place_order(**ORDER)
        assert isinstance(heard(client).event, Fill)


def test_a_name_that_is_no_process_is_refused_at_once(client: Client):
    with pytest.raises(ConfigError, match="no process is called 'order'"):
        client.request("order", "get_orders")


def test_a_closed_client_says_so(client: Client):
    client.close()
    client.close()
    for use in (lambda: client.receive(0), lambda: client.subscribe("x/"), client.orders):
        with pytest.raises(ClientClosed):
            use()


def test_closing_does_not_wait_for_a_process_that_is_down(client: Client):
    with pytest.raises(OutcomeUnknown):
        client.orders(timeout=0.01)
    began = time.monotonic()
    client.close()
    assert time.monotonic() - began < 2
