"""Risk rules with all processes alive: contracts asked of reference, positions and rates of status."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.cluster import Cluster
from support.patience import patient
from twsmq import Client, RequestRefused

AAPL = "STK:AAPL:SMART:USD"


@pytest.fixture(scope="module")
def client(cluster: Cluster) -> Iterator[Client]:
    with Client(port_base=cluster.port_base) as connected:
        yield connected


def an_order(name: str, **changes: Any) -> Any:
    order = {"strategy": "live", "client_order_id": name, "instrument": AAPL, "side": "BUY", "quantity": 1}
    return order | {"order_type": "LMT", "limit_price": 5.0} | changes


def refusal(client: Client, name: str, **changes: Any) -> str:
    """Why an order is refused, once everything that its rules must know is known; "" if it went out."""
    until = time.monotonic() + 30
    while True:
        try:
            client.place_order(**an_order(name, **changes))
        except RequestRefused as error:
            if "not known at present" in error.message and time.monotonic() < until:
                client.receive(timeout=0.2)  # what it must know has been asked for
                continue
            return error.message
        return ""


def two_options(client: Client) -> list[int]:
    """Contract ids of two calls of one expiry."""
    rows = client.contract_details("OPT:AAPL:SMART:USD::C")
    first = min(row.expiry or "" for row in rows)
    return [row.con_id for row in rows if row.expiry == first][:2]


def test_a_combo_is_worth_what_its_legs_multiply_it_to(client: Client) -> None:
    one, other = two_options(client)
    spread = f"BAG:AAPL:SMART:USD:+1x{one}@SMART,-1x{other}@SMART"
    client.set_risk({"max_order_notional": 5_000}, scope="strategy", name="live")
    why = refusal(client, "spread-1", instrument=spread, quantity=100, limit_price=5.0)
    assert why == "max_order_notional: the limit is 5000.0, this is 50000"
    client.set_risk({}, scope="strategy", name="live")


def test_what_only_reduces_is_judged_by_the_position_that_status_tells(client: Client) -> None:
    assert "reduce_only" in refusal(client, "reduce-1", side="SELL", limit_price=900.0, reduce_only=True)
    handle = client.place(**an_order("buy-1", order_type="MKT", limit_price=None, quantity=10))
    assert handle.done(timeout=60).status == "filled"
    client.wait_until(
        lambda: next((p for p in client.positions() if p.con_id == 265598 and p.quantity == 10), None), 20
    )
    other = {"strategy": "other", "side": "SELL", "limit_price": 900.0, "reduce_only": True}
    # The account holds ten, whoever bought them; orders learns it from status.
    client.wait_until(lambda: refusal(client, "close-1", quantity=6, **other) == "", patient(20))
    assert "reduce_only" in refusal(client, "close-2", quantity=6, **other), "both together would do more"
    client.cancel_order(strategy="other", client_order_id="close-1")


def test_prices_off_the_contracts_increments_are_refused_or_moved(client: Client) -> None:
    client.set_risk({"round": "refuse"}, scope="strategy", name="live")
    why = refusal(client, "tick-1", limit_price=5.005)
    assert why == "round: the limit is a multiple of 0.01, this is 5.005"
    client.set_risk({"round": "passive"}, scope="strategy", name="live")
    assert refusal(client, "tick-2", limit_price=5.009) == ""
    client.place_order(**an_order("tick-2", limit_price=5.009))
    (order,) = client.get_orders(strategy="live", client_order_id="tick-2")
    assert order.limit_price == 5.0
    client.cancel_order(strategy="live", client_order_id="tick-2")
    client.set_risk({}, scope="strategy", name="live")


def test_of_orders_that_cancel_each_other_the_worst_one_counts(client: Client) -> None:
    client.set_risk({"max_position": 100}, scope="strategy", name="groups")
    base = {"strategy": "groups", "instrument": AAPL, "quantity": 100}
    legs = [
        {**base, "client_order_id": "b-1", "side": "BUY", "order_type": "LMT", "limit_price": 5.0},
        {**base, "client_order_id": "b-2", "side": "SELL", "order_type": "LMT", "limit_price": 900.0},
        {**base, "client_order_id": "b-3", "side": "SELL", "order_type": "STP", "stop_price": 4.0},
    ]
    placed = client.request("orders", "place_orders", {"orders": legs, "link": "bracket"})
    assert len(placed["orders"]) == 3
    client.request("orders", "cancel_orders", {"strategy": "groups"})
    client.wait_until(lambda: not client.get_orders(strategy="groups", active=True), 30)
    either = [
        {**base, "client_order_id": f"o-{n}", "side": "BUY", "order_type": "LMT", "limit_price": 4.0 + n}
        for n in range(2)
    ]
    placed = client.request("orders", "place_orders", {"orders": either, "link": "oca", "oca_type": 1})
    assert len(placed["orders"]) == 2
    one_more = {**base, "client_order_id": "o-9", "side": "BUY", "order_type": "LMT", "limit_price": 4.0}
    with pytest.raises(RequestRefused, match="max_position"):
        client.request("orders", "place_order", one_more)
    client.request("orders", "cancel_orders", {"strategy": "groups"})
