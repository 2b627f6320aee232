"""Orders and executions of others on the whole cluster: seen as they come, cancelled by an operator; options
exercised."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.cluster import Cluster
from support.command import Command
from support.plain_client import PlainClient
from support.sim_client import Wire, place_fields

OTHER = 7
"""Client id of the program that is none of ours."""


@pytest.fixture
def client(cluster: Cluster) -> Iterator[PlainClient]:
    plain = PlainClient(cluster.port_base)
    plain.subscribe("foreign/", "execution/")
    plain.await_result("orders", "get_orders")
    yield plain
    plain.close()


@pytest.fixture
def other(cluster: Cluster) -> Iterator[Wire]:
    with Wire(cluster.port_base + 95, OTHER) as wire:
        yield wire


def foreign(client: PlainClient, **expected: Any) -> dict[str, Any]:
    return client.await_event(
        lambda topic, event: topic.startswith("foreign/") and expected.items() <= event.items(), timeout=60
    )


def test_an_order_of_another_program_is_seen_changed_and_ended(client: PlainClient, other: Wire) -> None:
    order_id = other.next_valid_id
    other.send(*place_fields(order_id, "BUY", 5, "LMT", limit=1.0))
    first = foreign(client, client_id=OTHER, order_id=order_id, working=True)
    assert (first["side"], first["quantity"], first["limit_price"]) == ("BUY", 5, 1.0)
    other.send(*place_fields(order_id, "BUY", 5, "LMT", limit=2.0))
    foreign(client, perm_id=first["perm_id"], limit_price=2.0)
    other.send(*place_fields(order_id, "BUY", 5, "LMT", limit=100_000.0))  # it trades
    ended = foreign(client, perm_id=first["perm_id"], working=False)
    assert (ended["status"], ended["filled"]) == ("Filled", 5)
    rows = client.result("orders", "account_executions", foreign=True)["executions"]
    assert sum(row["quantity"] for row in rows if row["perm_id"] == first["perm_id"]) == 5
    assert {row["order"] for row in rows} == {None}


def test_an_execution_of_another_program_is_an_event_though_its_order_was_never_seen_working(
    client: PlainClient, other: Wire
) -> None:
    other.send(*place_fields(other.next_valid_id, "BUY", 3, "MKT", contract="0|MSFT|STK|||||SMART||USD||||"))
    seen = client.await_event(
        lambda topic, event: (
            topic.startswith("execution/")
            and event["type"] == "execution"
            and event["client_id"] == OTHER
            and "MSFT" in event["instrument"]
        ),
        timeout=60,
    )
    assert (seen["side"], seen["order"], seen["recovered"]) == ("BUY", None, True)


def test_an_operator_cancels_an_order_whose_owner_has_gone(cluster: Cluster, client: PlainClient) -> None:
    with Wire(cluster.port_base + 95, OTHER + 1) as gone:
        gone.send(*place_fields(gone.next_valid_id, "BUY", 5, "LMT", limit=1.0, tif="GTC"))
        perm_id = foreign(client, client_id=OTHER + 1, working=True)["perm_id"]
    listed = Command(cluster.config).run("order", "list", "--active")
    assert f"{perm_id}" in listed.stdout, listed.stderr
    said = Command(cluster.config).run("order", "cancel-foreign", str(perm_id), "--json")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["status"] == "Cancelled"
    foreign(client, perm_id=perm_id, working=False)


def test_an_order_whose_owner_is_connected_is_cancelled_only_if_the_gateway_says_so_and_never_another(
    cluster: Cluster, client: PlainClient, other: Wire
) -> None:
    lone = other.next_valid_id + 5_000  # of no other order
    other.send(*place_fields(lone, "BUY", 5, "LMT", limit=1.0, tif="GTC"))
    perm_id = foreign(client, client_id=OTHER, order_id=lone, working=True)["perm_id"]
    refused = client.error("orders", "cancel_foreign_order", perm_id=perm_id)
    assert (refused["code"], refused["tws_code"]) == ("gateway_rejected", 10147)
    assert "lets nobody else cancel it" in refused["message"]
    ours = {"strategy": "o", "instrument": "STK:AAPL:SMART:USD", "side": "BUY", "quantity": 1}
    order = ours | {"order_type": "LMT", "limit_price": 1.0, "client_order_id": "ours"}
    number = client.result("orders", "place_order", **order)["order_id"]
    with Wire(cluster.port_base + 95, OTHER + 2) as third:  # two programs, one order id
        third.send(*place_fields(number, "BUY", 8, "LMT", limit=1.0))
        perm_id = foreign(client, order_id=number, quantity=8, working=True)["perm_id"]
        assert client.error("orders", "cancel_foreign_order", perm_id=perm_id)["code"] == "conflict"
        for wire, quantity in ((other, 6), (third, 7)):
            wire.send(*place_fields(lone + 1, "BUY", quantity, "LMT", limit=1.0))
        rows: dict[float, int] = {}
        while len(rows) < 2:  # in whatever order they come
            row = foreign(client, order_id=lone + 1, working=True)
            rows[row["quantity"]] = row["perm_id"]
        for perm_id in rows.values():
            refused = client.error("orders", "cancel_foreign_order", perm_id=perm_id)
            assert refused["code"] == "conflict"
            assert "another order has the order id" in refused["message"]
        assert client.result("orders", "get_orders", strategy="o")["orders"][0]["status"] != "cancelled"


def test_an_order_that_nobody_has_is_named_as_such(client: PlainClient) -> None:
    refused = client.request("orders", "cancel_foreign_order", perm_id=1)
    assert refused["error"]["code"] == "unknown_order"


def until(met: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while not (found := met()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def test_an_option_is_exercised_once_and_what_became_of_it_is_told_truly(client: PlainClient) -> None:
    client.subscribe("order/ex/")
    calls = client.await_result("reference", "contract_details", instrument="OPT:AAPL:SMART:USD::C")
    rows = calls["contracts"]
    option = rows[len(rows) // 2]["instrument"]
    key = {"strategy": "ex", "instrument": option}
    bought = client.request(
        "orders", "place_order", client_order_id="buy", side="BUY", quantity=2, order_type="MKT", **key
    )
    assert bought["ok"], bought
    client.await_event(lambda _topic, event: event.get("status") == "filled", timeout=60)
    for _ in range(2):  # the same again is no second one
        exercised = client.request("orders", "exercise_option", client_order_id="x", quantity=1, **key)
        assert exercised["ok"], exercised

    def held() -> float | None:
        rows = client.result("status", "positions")["positions"]
        units = [r["quantity"] for r in rows if r["con_id"] == con_id]
        return units[0] if units else 0.0

    con_id = rows[len(rows) // 2]["con_id"]
    until(lambda: held() == 1.0)
    told = client.await_event(
        lambda _topic, event: (event.get("client_order_id"), event.get("status")) == ("x", "submitted"),
        timeout=60,
    )
    assert (told["order_type"], told["gateway_status"]) == ("EXERCISE", "PreSubmitted")
    too_many = client.request("orders", "exercise_option", client_order_id="y", quantity=5, **key)
    assert too_many["ok"]
    refused = client.await_event(
        lambda _topic, event: event.get("client_order_id") == "y" and event["status"] == "rejected",
        timeout=60,
    )
    assert refused["tws_code"] == 321
