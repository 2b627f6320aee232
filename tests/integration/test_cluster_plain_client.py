"""A whole cluster, and an outsider's program of pyzmq and msgpack alone that trades through it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest
from support.plain_client import PlainClient

AAPL, MSFT, EURUSD = "STK:AAPL:SMART:USD", "STK:MSFT:SMART:USD", "CASH:EUR:IDEALPRO:USD"

MARKET_ORDER: dict[str, Any] = {
    "strategy": "plain",
    "instrument": AAPL,
    "side": "BUY",
    "quantity": 10,
    "order_type": "MKT",
}


@pytest.fixture(scope="module")
def client(cluster: Any) -> Iterator[PlainClient]:
    plain = PlainClient(cluster.port_base)
    yield plain
    plain.close()


def quote(topic: str) -> Any:
    return lambda at, event: at == topic and event["type"] == "quote" and event["bid"] and event["ask"]


def order_status(client_order_id: str, *statuses: str) -> Any:
    return lambda topic, event: (
        topic == f"order/plain/{client_order_id}/"
        and event["type"] == "order"
        and event["status"] in statuses
    )


def of_type(client_order_id: str, kind: str) -> Any:
    return lambda topic, event: topic == f"order/plain/{client_order_id}/" and event["type"] == kind


def place(client: PlainClient, client_order_id: str, /, **changes: Any) -> dict[str, Any]:
    args = {**MARKET_ORDER, "client_order_id": client_order_id}
    return client.request("orders", "place_order", **(args | changes))


def test_three_instruments_quote(client: PlainClient) -> None:
    topics = [f"quote/{name}/" for name in (AAPL, MSFT, EURUSD)]
    client.subscribe(*topics)
    for topic in topics:
        event = client.await_event(quote(topic))
        assert event["v"] == 1
        assert event["src"] == "marketdata-0"
        assert event["bid"] <= event["ask"]


def test_a_market_order_is_accepted_filled_and_charged(client: PlainClient) -> None:
    client.subscribe("order/plain/")
    reply = place(client, "market-1")
    assert reply["ok"], reply
    assert reply["result"]["client_order_id"] == "market-1"
    assert isinstance(reply["result"]["order_id"], int)
    client.await_event(order_status("market-1", "submitted", "partially_filled", "filled"))
    fill = client.await_event(of_type("market-1", "fill"))
    assert (fill["side"], fill["corrects"], fill["recovered"]) == ("BUY", None, False)
    commission = client.await_event(of_type("market-1", "commission"))
    assert commission["exec_id"] == fill["exec_id"]
    assert commission["commission"] > 0
    (order,) = client.result("orders", "get_orders", client_order_id="market-1")["orders"]
    assert (order["status"], order["filled"], order["remaining"]) == ("filled", 10.0, 0.0)


def test_a_marketable_limit_order_fills_at_its_limit_or_better(client: PlainClient) -> None:
    client.subscribe("order/plain/", f"quote/{MSFT}/")
    ask = client.await_event(quote(f"quote/{MSFT}/"))["ask"]
    limit = math.ceil(ask * 1.01 * 100) / 100
    assert place(client, "limit-1", instrument=MSFT, order_type="LMT", limit_price=limit)["ok"]
    fill = client.await_event(of_type("limit-1", "fill"))
    assert fill["price"] <= limit
    client.await_event(order_status("limit-1", "filled"))


def test_a_resting_order_is_cancelled(client: PlainClient) -> None:
    client.subscribe("order/plain/")
    assert place(client, "rest-1", order_type="LMT", limit_price=1.0)["ok"]
    client.await_event(order_status("rest-1", "submitted"))
    client.result("orders", "cancel_order", strategy="plain", client_order_id="rest-1")
    event = client.await_event(order_status("rest-1", "cancelled"))
    assert (event["filled"], event["remaining"]) == (0.0, 10.0)


def test_a_resting_order_is_modified_and_keeps_its_permanent_id(client: PlainClient) -> None:
    client.subscribe("order/plain/")
    assert place(client, "rest-2", order_type="LMT", limit_price=1.0)["ok"]
    before = client.await_event(order_status("rest-2", "submitted"))
    client.result("orders", "modify_order", strategy="plain", client_order_id="rest-2", limit_price=1.5)
    after = client.await_event(
        lambda topic, event: order_status("rest-2", "submitted")(topic, event) and event["limit_price"] == 1.5
    )
    assert after["perm_id"] == before["perm_id"]
    client.result("orders", "cancel_order", strategy="plain", client_order_id="rest-2")
    client.await_event(order_status("rest-2", "cancelled"))


def test_the_same_request_again_returns_the_first_answer(client: PlainClient) -> None:
    client.subscribe("order/plain/")
    first = place(client, "twice-1", order_type="LMT", limit_price=1.0)
    again = place(client, "twice-1", order_type="LMT", limit_price=1.0)
    assert again["ok"]
    assert again["result"]["order_id"] == first["result"]["order_id"]
    different = place(client, "twice-1", order_type="LMT", limit_price=1.1)
    assert different["error"]["code"] == "conflict"
    client.result("orders", "cancel_order", strategy="plain", client_order_id="twice-1")
    client.await_event(order_status("twice-1", "cancelled"))


def test_a_burst_waits_for_the_message_budget_and_loses_nothing(client: PlainClient) -> None:
    client.subscribe("order/plain/", "node/orders/")
    born = client.await_event(lambda topic, _: topic == "node/orders/")["inc"]
    names = [f"burst-{number}" for number in range(30)]
    orders = client.dealer("orders")
    for name in names:
        args = {**MARKET_ORDER, "client_order_id": name, "order_type": "LMT", "limit_price": 1.0}
        orders.send(msgpack.packb({"v": 1, "id": name, "op": "place_order", "args": args}))
    replies = [client.receive("orders") for _ in names]
    assert {reply["id"] for reply in replies} == set(names)
    assert all(reply["ok"] for reply in replies)
    for name in names:
        orders.send(
            msgpack.packb(
                {
                    "v": 1,
                    "id": name,
                    "op": "cancel_order",
                    "args": {"strategy": "plain", "client_order_id": name},
                }
            )
        )
    assert all(client.receive("orders")["ok"] for _ in names)
    client.await_all(*(order_status(name, "cancelled") for name in names))
    assert client.await_event(lambda topic, _: topic == "node/orders/")["inc"] == born


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"quantity": math.nan}, "quantity"),
        ({"quantity": math.inf}, "quantity"),
        ({"quantity": -1}, "quantity"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": "10"}, "quantity"),
        ({"side": "HOLD"}, "side"),
        ({"order_type": "FEELINGS"}, "order_type"),
        ({"order_type": "LMT"}, "limit_price"),
        ({"order_type": "LMT", "limit_price": math.nan}, "limit_price"),
        ({"limit_price": 1.0}, "limit_price"),
        ({"instrument": "AAPL"}, "instrument"),
        ({"strategy": "a/b"}, "strategy"),
        ({"client_order_id": "x" * 41}, "client_order_id"),
        ({"account": "DU0000000"}, "account"),
        ({"tif": "SOON"}, "tif"),
        ({"qantity": 1}, "qantity"),
    ],
)
def test_a_wrong_field_is_named(client: PlainClient, changes: dict[str, Any], field: str) -> None:
    reply = place(client, "wrong-1", **changes)
    assert (reply["error"]["code"], reply["error"]["field"]) == ("invalid_argument", field)
    assert not client.result("orders", "get_orders", client_order_id="wrong-1")["orders"]


def test_an_unknown_instrument_is_the_gateways_own_200(client: PlainClient) -> None:
    topic = "quote/STK:NOSUCH:SMART:USD/"
    client.subscribe(topic, "order/plain/")
    event = client.await_event(
        lambda at, event: at == topic and event["type"] == "stream" and event["state"] == "error"
    )
    assert event["code"] == 200
    assert place(client, "nosuch-1", instrument="STK:NOSUCH:SMART:USD")["ok"]
    rejected = client.await_event(order_status("nosuch-1", "rejected"))
    assert rejected["tws_code"] == 200
    error = client.error("reference", "contract_details", instrument="STK:NOSUCH:SMART:USD")
    assert (error["code"], error["tws_code"]) == ("gateway_rejected", 200)


def test_an_unknown_order_is_said_to_be_unknown(client: PlainClient) -> None:
    error = client.error("orders", "cancel_order", strategy="plain", client_order_id="never-placed")
    assert error["code"] == "unknown_order"


@pytest.mark.parametrize(
    "process", ["supervisor", "connection", "marketdata-0", "orders", "status", "reference"]
)
def test_every_process_answers_rubbish_once_and_goes_on(client: PlainClient, process: str) -> None:
    codes = [
        client.raw(process, frames)["error"]["code"]
        for frames in (
            [b""],
            [b"\xc1"],
            [b"not msgpack at all"],
            [b"\x93\x01\x02\x03"],
            [b"\x91" * 5000 + b"\xc0"],
            [b"x" * 1_000_000],
            [b"one", b"two"],
            [msgpack.packb({"v": 99, "id": 1, "op": "describe"})],
            [msgpack.packb({"v": 1, "id": 1, "op": "nonsense"})],
            [msgpack.packb({"v": 1, "id": 1, "op": "describe", "args": {"surprise": 1}})],
            [msgpack.packb({"v": 1, "id": 1, "op": "describe", "valid_until": 1})],
        )
    ]
    assert codes[:7] == ["malformed"] * 7
    assert codes[7:] == ["unsupported_version", "unknown_op", "invalid_argument", "timeout"]
    described = client.result(process, "describe")
    assert described["name"] == process
    assert described["ops"]


def test_positions_follow_the_fills(client: PlainClient) -> None:
    client.subscribe("position/", "order/plain/")
    ibm, held = "STK:IBM:SMART:USD", "STK:IBM:SMART@NYSE:USD"
    assert place(client, "position-1", instrument=ibm, quantity=7)["ok"]
    client.await_all(
        order_status("position-1", "filled"),
        lambda topic, event: (
            topic.startswith("position/") and event["instrument"] == held and event["quantity"] == 7
        ),
    )
    rows = client.result("status", "positions")["positions"]
    assert [row["quantity"] for row in rows if row["instrument"] == held] == [7.0]


def test_contract_details_come_from_the_gateway(client: PlainClient) -> None:
    contracts = client.result("reference", "contract_details", instrument=AAPL)["contracts"]
    assert contracts[0]["con_id"] > 0
