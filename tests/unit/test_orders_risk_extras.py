"""What an order may do beyond its quantity and limit, under ibapi's own names: no way past a limit."""

from __future__ import annotations

from typing import Any

import pytest
from support.orders_desk import AAPL, Desk
from support.orders_reports import open_order
from support.orders_steps import call, sent
from support.risk_desk import CALL, HIGHER_CALL, SPREAD, desk_with, held
from twsmq_nodes.orders.risk.live_inputs import LiveRiskInputs
from twsmq_protocol.market_events import Quote
from twsmq_protocol.order_requests import ExerciseOption

NOTIONAL: dict[str, Any] = {"max_order_notional": 5000.0}
STOCK = (AAPL, None, None)
LEGS = ((CALL, "100", None), (HIGHER_CALL, "100", None))
DISCRETION: dict[str, Any] = {"extra": {"discretionaryAmt": 1000.0}}
ANY = ("max_order_quantity", "max_order_notional", "max_position", "max_open_orders", "max_daily_loss")


def quoted(inputs: LiveRiskInputs, instrument: str, price: float) -> None:
    inputs.market(instrument)
    quote = Quote(bid=price, bid_size=9.0, ask=price, ask_size=9.0)
    inputs.on_event(f"md/{instrument}/quote/", quote)


def refused(desk: Desk, **order: Any) -> str:
    caller = desk.place(**order)
    assert caller.code == "risk_rejected", caller.answer
    assert desk.wire == []
    return str(caller.answer)


def test_a_discretionary_amount_is_paid_too() -> None:
    desk, _ = desk_with(NOTIONAL, STOCK)
    assert "10010" in refused(desk, limit_price=1.0, **DISCRETION)
    assert desk.place("b", limit_price=1.0, extra={"discretionaryAmt": 0.5}).answer.order_id


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_a_discretionary_amount_counts_for_the_collar(side: str) -> None:
    desk, inputs = desk_with({"price_collar": 0.05}, STOCK)
    quoted(inputs, AAPL, 100.0)
    assert "price_collar" in refused(desk, side=side, limit_price=100.0, extra={"discretionaryAmt": 10.0})


def test_a_discretionary_amount_that_a_person_gave_counts_when_the_order_is_made_larger() -> None:
    desk, _ = desk_with(NOTIONAL, STOCK)
    desk.place()
    desk.accepted()
    desk.says(open_order(1, extra={"discretionaryAmt": 400.0}))
    assert desk.modify(quantity=20.0).code == "risk_rejected"
    assert sent(desk).total_quantity == 10.0


def test_the_limits_of_a_combos_legs_are_its_price() -> None:
    desk, _ = desk_with(NOTIONAL, *LEGS)
    dear: dict[str, Any] = {"instrument": SPREAD, "quantity": 10.0, "limit_price": 0.01}
    assert "499000" in refused(desk, leg_prices=(500.0, 1.0), **dear)
    assert "legs" in refused(desk, leg_prices=(500.0, None), **dear), "what is left open is not known"
    assert "legs" in refused(desk, leg_prices=(500.0,), **dear)
    assert desk.place(leg_prices=(2.0, 1.0), **dear).answer.order_id


def test_the_limits_of_a_combos_legs_count_for_the_collar() -> None:
    desk, inputs = desk_with({"price_collar": 0.05}, *LEGS)
    quoted(inputs, SPREAD, 1.0)
    assert "price_collar" in refused(desk, instrument=SPREAD, limit_price=1.0, leg_prices=(500.0, 1.0))


@pytest.mark.parametrize("limit", ANY)
@pytest.mark.parametrize(
    "extra",
    [
        {"hedgeType": "P", "hedgeParam": "1000"},
        {"deltaNeutralOrderType": "MKT", "deltaNeutralConId": 8314},
        {"ptOrderType": "PRESET"},
        {"slOrderType": "PRESET"},
        {"faGroup": "All", "faMethod": "PctChange", "faPercentage": "300"},
    ],
)
def test_what_the_gateway_trades_beside_an_order_is_not_known(limit: str, extra: dict[str, Any]) -> None:
    desk, inputs = desk_with({limit: 1000.0 if limit != "max_open_orders" else 10}, STOCK)
    held(inputs, 0.0)
    answer = desk.place(extra=extra)
    if answer.code == "risk_rejected":
        assert f"extra.{next(iter(extra.keys() - {'faGroup', 'hedgeParam', 'faPercentage'}))}"[:10] in str(
            answer.answer
        )
    assert answer.code in ("risk_rejected", "invalid_argument")
    assert desk.wire == []


def test_it_passes_where_what_is_not_known_does() -> None:
    desk, _ = desk_with({"max_order_quantity": 100.0, "missing": "allow"})
    assert desk.place(extra={"hedgeType": "P", "hedgeParam": "2"}).answer.order_id


def test_it_never_only_reduces() -> None:
    desk, inputs = desk_with({"max_order_quantity": 5.0}, STOCK)
    held(inputs, 100.0)
    assert "hedgeType" in refused(
        desk, side="SELL", reduce_only=True, extra={"hedgeType": "P", "hedgeParam": "9"}
    )


def test_a_stop_that_becomes_what_may_not_be_placed() -> None:
    desk, _ = desk_with({"order_types": ["STP"]})
    stop: dict[str, Any] = {"order_type": "STP", "limit_price": None, "stop_price": 90.0, "side": "SELL"}
    assert "TRAIL" in refused(
        desk, extra={"adjustedOrderType": "TRAIL", "adjustedTrailingAmount": 1.0}, **stop
    )
    assert desk.place(**stop).answer.order_id


@pytest.mark.parametrize(
    ("instrument", "multiplier", "passes"),
    [
        ("BOND:US-T:SMART:USD", None, False),
        ("BOND:US-T:SMART:USD", "10", False),
        ("CFD:IBUS500:SMART:USD", "100", False),
        ("CFD:IBUS500:SMART:USD", None, True),
        ("FUT:ES:CME:USD:202612::1", "50", False),
    ],
)
def test_a_unit_is_worth_what_the_contract_says(
    instrument: str, multiplier: str | None, passes: bool
) -> None:
    desk, _ = desk_with(NOTIONAL, (instrument, multiplier, None))
    caller = desk.place(instrument=instrument, quantity=10.0, limit_price=100.0)
    assert isinstance(caller.answer, Exception) is not passes


@pytest.mark.parametrize(
    ("multiplier", "passes"),
    [(None, False), ("100", True), ("1000", False)],
    ids=["unknown", "usual", "large"],
)
def test_an_exercise_brings_as_many_shares_as_the_contract_says(multiplier: str | None, passes: bool) -> None:
    option = "OPT:AAPL:SMART:USD:20270115:C:180"
    desk, inputs = desk_with({"max_order_quantity": 250.0}, STOCK)
    if multiplier is not None:
        inputs.learn_contract(option, multiplier, None)
    held(inputs, 0.0)
    caller = call(desk, ExerciseOption(strategy="s", client_order_id="x", instrument=option, quantity=2))
    assert isinstance(caller.answer, Exception) is not passes
    assert bool(desk.wire) is passes


@pytest.mark.parametrize("spelled", ["STK:AAPL:SMART:", "STK:aapl:SMART:USD", "STK:AAPL:SMART:usd"])
def test_a_spelling_that_leaves_something_out_is_not_known_to_be_another_contract(spelled: str) -> None:
    desk, inputs = desk_with({"max_position": 100.0}, STOCK)
    held(inputs, 100.0)
    desk.core.book.positions["s", "DU1", AAPL] = 100.0
    assert "max_position" in refused(desk, instrument=spelled)
    desk.core.book.spellings.learn(spelled, 4711)
    assert desk.place("b", instrument=spelled).answer.order_id, "it is another one"
