"""Risk arithmetic of a real orders node, by what its neighbours publish and answer: rates, magnifiers, quotes
without a size. The neighbours are plain processes that the test speaks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.desk_with_broker import Desk, running_desk
from support.plain_process import PlainProcess
from twsmq_simulator.broker.model import Status

AAPL = "STK:AAPL:SMART:USD"
VODAFONE, NESTE, FUTURE = "STK:VOD:LSE:GBP", "STK:NESTE:HEX:EUR", "FUT:ES:CME:USD:20261218"
CONTRACTS: dict[str, dict[str, Any]] = {
    VODAFONE: {"con_id": 1, "price_magnifier": 100},
    NESTE: {"con_id": 2, "price_magnifier": 1},
    FUTURE: {"con_id": 3, "price_magnifier": 1, "multiplier": "50"},
    "CONID:4:CME": {"con_id": 4, "price_magnifier": 100, "multiplier": "5000"},  # grain, in cents a bushel
}


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def desk(tmp_path: Path, no_orphans: None, limits: str) -> Iterator[Desk]:
    with running_desk(tmp_path, f"[orders.risk]\n{limits}", accounts="DU1,DU2") as running:
        yield running


def once_known(desk: Desk, cid: str, publish: Callable[[], None], **order: Any) -> str:
    """Why an order is refused, once what its rules must know has arrived; "" if it went out."""
    deadline = time.monotonic() + 60
    while "not known at present" in (message := desk.refused(cid, **({"account": "DU1"} | order))):
        assert time.monotonic() < deadline, message
        publish()
        desk.client.await_event(lambda topic, _event: topic == "node/orders/")  # a moment later
    return message


def lose(desk: Desk, cid: str, account: str, amount: float, currency: str) -> None:
    """An order that loses so much, of somebody whom no limit holds back."""
    ticket = desk.place(cid, account=account)
    desk.broker.show(ticket)
    done = desk.broker.execute(ticket, 10, 100.0, account=account)
    desk.broker.charge(done, 1.0, currency, -amount)
    desk.await_event(cid, "commission", currency=currency)
    desk.broker.state(ticket, Status.FILLED, filled=10, average_price=100.0)
    desk.await_order(cid, status="filled")


def loses_at_most(desk: Desk, amount: float) -> None:
    desk.client.result("orders", "set_risk", scope="strategy", name="s", limits={"max_daily_loss": amount})


@pytest.mark.parametrize("limits", [""], indirect=True)
@pytest.mark.parametrize(
    ("own", "costs", "rates", "loss"),
    [
        ("USD", [(50.0, "USD"), (4_000.0, "JPY")], {"JPY": 0.0066}, 76.4),
        ("EUR", [(50.0, "USD"), (10.0, "EUR")], {"USD": 0.9}, 55.0),
        ("JPY", [(10.0, "USD"), (10.0, "GBP")], {"USD": 150.0, "GBP": 200.0}, 3_500.0),
    ],
)
def test_losses_in_several_currencies_are_converted_by_the_accounts_own_rates(
    desk: Desk, own: str, costs: list[tuple[float, str]], rates: dict[str, float], loss: float
) -> None:
    with PlainProcess("status", desk.port_base) as status:
        for number, (cost, currency) in enumerate(costs):
            lose(desk, f"cost-{number}", "DU1", cost, currency)
        loses_at_most(desk, loss * 0.99)
        assert "not known at present" in desk.refused("early", account="DU1"), "the rates are not"

        def publish() -> None:
            worth = {"account": "DU1", "tag": "NetLiquidation", "value": "1000000", "currency": own}
            status.publish(f"account/DU1/NetLiquidation/{own}/", "account_value", **worth)
            for currency, rate in rates.items():
                value = {"account": "DU1", "tag": "ExchangeRate", "value": str(rate), "currency": currency}
                status.publish(f"account/DU1/ExchangeRate/{currency}/", "account_value", **value)

        assert once_known(desk, "lost", publish) == (
            f"max_daily_loss: the limit is {loss * 0.99}, this is {loss:g}"
        )
        loses_at_most(desk, loss * 1.01)
        assert once_known(desk, "fits", publish) == ""


@pytest.mark.parametrize("limits", [""], indirect=True)
def test_results_of_accounts_in_different_currencies_are_not_added(desk: Desk) -> None:
    with PlainProcess("status", desk.port_base) as status:
        lose(desk, "dollars", "DU1", 50.0, "USD")
        lose(desk, "yen", "DU2", 5_000.0, "JPY")
        loses_at_most(desk, 1_000.0)
        status.await_subscription("account/")
        for account, currency in (("DU1", "USD"), ("DU2", "JPY")):
            worth = {"account": account, "tag": "NetLiquidation", "value": "1", "currency": currency}
            status.publish(f"account/{account}/NetLiquidation/{currency}/", "account_value", **worth)
        status.publish("node/status/", "heartbeat", name="status", pid=1, state="ready", uptime_s=0.0)
        message = desk.refused("next", account="DU1")
        assert message.startswith("max_daily_loss")
        assert "not known" in message


def contracts(request: dict[str, Any]) -> dict[str, Any]:
    """As the reference node answers."""
    instrument = request["args"]["instrument"]
    row = {"instrument": instrument, "sec_type": instrument[:3], "symbol": "X"} | CONTRACTS[instrument]
    return {"ok": True, "result": {"contracts": [row]}}


@pytest.mark.parametrize("limits", ["max_order_notional = 5000"], indirect=True)
@pytest.mark.parametrize(
    ("instrument", "price", "fits", "too_many"),
    [
        (VODAFONE, 80.0, 6_250, 6_251),  # pence
        (NESTE, 20.0, 250, 251),
        (FUTURE, 50.0, 2, 3),
        ("CONID:4:CME", 100.0, 1, 2),
    ],
)
def test_what_an_order_is_worth_counts_multiplier_and_price_magnifier(
    desk: Desk, instrument: str, price: float, fits: float, too_many: float
) -> None:
    with PlainProcess("reference", desk.port_base, contracts):
        order = {"instrument": instrument, "limit_price": price}
        refused = once_known(desk, "b", lambda: None, quantity=too_many, **order)
        assert refused.startswith("max_order_notional: the limit is 5000.0")
        assert once_known(desk, "a", lambda: None, quantity=fits, **order) == ""


@pytest.mark.parametrize("limits", ["max_order_notional = 5000"], indirect=True)
@pytest.mark.parametrize(
    "nothing",
    [
        {"bid": -1.0, "bid_size": 0.0, "ask": -1.0, "ask_size": 0.0},
        {"bid": 0.0, "bid_size": 0.0, "ask": 0.0, "ask_size": 0.0, "last": 0.0, "last_size": 0.0},
        {"bid": 0.0, "ask": 0.0},
        {"bid": None, "ask": None, "last": None},
    ],
)
@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_a_price_without_a_size_is_none_and_the_order_is_refused(
    desk: Desk, nothing: dict[str, Any], side: str
) -> None:
    order = {"instrument": AAPL, "order_type": "MKT", "limit_price": None, "side": side}
    with (
        PlainProcess("reference", desk.port_base, _aapl),
        PlainProcess("marketdata-0", desk.port_base) as market,
    ):
        refused = desk.refused("a", account="DU1", quantity=1_000_000, **order)
        assert "not known at present" in refused
        market.await_subscription(f"quote/{AAPL}/")
        market.publish(f"stream/{AAPL}/", "stream", state="active")
        market.publish(f"quote/{AAPL}/", "quote", **nothing)
        desk.client.await_event(lambda topic, _event: topic == "node/orders/")
        desk.client.await_event(lambda topic, _event: topic == "node/orders/")
        refused = desk.refused("a", account="DU1", quantity=1_000_000, **order)
        assert "a live quote of" in refused
        price = {"bid": 250.0, "bid_size": 1.0, "ask": 250.0, "ask_size": 1.0}

        def publish() -> None:
            market.publish(f"quote/{AAPL}/", "quote", **price)

        assert once_known(desk, "b", publish, quantity=21, **order).startswith(
            "max_order_notional: the limit"
        )
        assert once_known(desk, "c", publish, quantity=20, **order) == ""


def _aapl(request: dict[str, Any]) -> dict[str, Any]:
    row = {"instrument": AAPL, "con_id": 265598, "sec_type": "STK", "symbol": "AAPL", "price_magnifier": 1}
    return {"ok": True, "result": {"contracts": [row]}}
