"""Prices off the contract's increments: refused, or moved so that the order trades later and not worse."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.orders_desk import Desk
from twsmq_nodes.orders.risk.guard import RiskGuard
from twsmq_nodes.orders.risk.live_inputs import BELIEVE_CONTRACT_S, LiveRiskInputs
from twsmq_nodes.orders.risk.steps import Steps, is_multiple, passive
from twsmq_nodes.tws import requests as rq
from twsmq_protocol.order_requests import PlaceOrder
from twsmq_protocol.reference_requests import ExchangeRule, MarketRules, PriceIncrement
from twsmq_protocol.risk_limits import Risk, RiskLimits

AAPL = "STK:AAPL:SMART:USD"
OPTION_STEPS = Steps(((0.0, 0.01), (3.0, 0.05)), 1.0)


class Facts(LiveRiskInputs):
    """Real inputs that have learnt what a test says."""

    def __init__(self, desk: Desk, steps: Steps | None) -> None:
        self.wanted: list[str] = []
        self.now = 0.0
        super().__init__(
            desk.core.book, lambda _: None, lambda: self.now, repeat_s=1.0, want_steps=self.wanted.append
        )
        if steps is not None:
            increments = [PriceIncrement(low=low, increment=step) for low, step in steps.increments]
            self.learn_steps(
                AAPL, rules(steps.size, ExchangeRule(exchange="SMART", rule=26, increments=increments))
            )


def rules(size: float | None, *exchanges: ExchangeRule, min_tick: float | None = 0.01) -> MarketRules:
    return MarketRules(
        instrument=AAPL,
        con_id=265598,
        min_tick=min_tick,
        min_size=size,
        size_increment=size,
        price_magnifier=1,
        rules=list(exchanges),
    )


def desk_with(way: str, steps: Steps | None = OPTION_STEPS, **limits: Any) -> tuple[Desk, Facts]:
    desk = Desk()
    facts = Facts(desk, steps)
    desk.core.pipeline.guard = RiskGuard(Risk(round=way, **limits), facts)  # pyright: ignore[reportArgumentType]
    return desk, facts


def an_order(**changes: Any) -> PlaceOrder:
    args = {"strategy": "s", "client_order_id": "1", "instrument": AAPL, "side": "BUY", "quantity": 1.0}
    return PlaceOrder(**(args | {"order_type": "LMT", "limit_price": 2.0} | changes))


STOP: dict[str, Any] = {"order_type": "STP", "limit_price": None}


@pytest.mark.parametrize(
    ("way", "changes", "field", "step"),
    [
        ("refuse", {"limit_price": 2.005}, "limit_price", "0.01"),
        ("refuse", {"limit_price": 3.01}, "limit_price", "0.05"),
        ("refuse", STOP | {"stop_price": 3.32}, "stop_price", "0.05"),
        ("refuse", {"quantity": 1.5}, "quantity", "1"),
        ("passive", {"quantity": 1.5}, "quantity", "1"),
        ("passive", {"limit_price": 0.001}, "limit_price", "0.01"),  # it would have become 0
    ],
)
def test_off_its_step_an_order_is_refused_and_leaves_no_trace(
    way: str, changes: dict[str, Any], field: str, step: str
) -> None:
    desk, _ = desk_with(way)
    caller = desk.place(**changes)
    assert (caller.code, caller.answer.field) == ("risk_rejected", field)
    assert caller.answer.message.startswith(f"round: the limit is a multiple of {step}, this is ")
    assert not desk.committed
    assert not desk.wire


@pytest.mark.parametrize("price", [2.01, 3.0, 3.05, 0.1 + 0.2, 2.9999999999])
def test_on_its_step_it_passes(price: float) -> None:
    desk, _ = desk_with("refuse")
    assert desk.place(limit_price=price).answer.order_id == 1


def sent_prices(desk: Desk) -> list[tuple[float | None, float | None]]:
    orders = [request.order for request in desk.wire if isinstance(request, rq.PlaceOrder)]
    return [(order.limit_price, order.aux_price) for order in orders]


@pytest.mark.parametrize(
    ("changes", "limit", "stop"),
    [
        ({"side": "BUY", "limit_price": 2.019}, 2.01, None),
        ({"side": "SELL", "limit_price": 2.011}, 2.02, None),
        ({"side": "BUY", "limit_price": 3.04}, 3.0, None),
        (STOP | {"side": "BUY", "stop_price": 3.32}, None, 3.35),
        (STOP | {"side": "SELL", "stop_price": 3.32}, None, 3.3),
        ({"order_type": "MIT", "limit_price": None, "side": "BUY", "stop_price": 3.32}, None, 3.3),
        ({"order_type": "LIT", "side": "SELL", "stop_price": 3.32, "limit_price": 3.36}, 3.4, 3.35),
        ({"order_type": "STP LMT", "side": "SELL", "stop_price": 3.32, "limit_price": 3.26}, 3.3, 3.3),
    ],
)
def test_passively_an_order_trades_later_and_not_worse(
    changes: dict[str, Any], limit: float | None, stop: float | None
) -> None:
    desk, _ = desk_with("passive")
    assert desk.place(**changes).answer.order_id == 1
    assert sent_prices(desk) == [(limit, stop)]
    order = desk.core.book.records["s", "a"].order
    assert (order.limit_price, order.stop_price) == (limit, stop)


def test_the_same_request_again_is_the_same_order_also_after_a_crash_and_before_steps_are_known() -> None:
    desk, _ = desk_with("passive")
    first = desk.place(limit_price=2.019).answer
    assert desk.place(limit_price=2.019).answer == first
    desk.crash()
    desk.core.pipeline.guard = RiskGuard(Risk(round="passive"), Facts(desk, None))
    desk.session_up()
    desk.snapshot()
    assert desk.core.book.records["s", "a"].order.limit_price == 2.01
    again = desk.place(limit_price=2.019).answer
    assert getattr(again, "order_id", None) == first.order_id or again.code == "timeout"
    assert len(sent_prices(desk)) == 1


def test_a_modification_is_moved_too_and_shown_where_it_went() -> None:
    desk, _ = desk_with("passive")
    desk.place(limit_price=2.0)
    desk.accepted()
    assert desk.modify(limit_price=2.509).answer.order_id == 1
    assert sent_prices(desk)[-1] == (2.5, None)
    wanted = desk.core.book.records["s", "a"].wanted
    assert wanted is not None
    assert wanted.limit_price == 2.5
    assert desk.modify(limit_price=2.509).answer.order_id == 1
    assert len(sent_prices(desk)) == 2, "nothing new is asked for"


def test_a_modification_off_its_step_is_refused() -> None:
    desk, _ = desk_with("refuse")
    desk.place(limit_price=2.0)
    desk.accepted()
    caller = desk.modify(limit_price=2.505)
    assert (caller.code, caller.answer.field) == ("risk_rejected", "limit_price")
    assert len(desk.wire) == 1


def test_one_layer_that_refuses_outweighs_one_that_moves() -> None:
    desk, _ = desk_with("passive", account={"DU1": RiskLimits(round="refuse")})
    assert desk.place(limit_price=2.019).code == "risk_rejected"


def test_unknown_steps_are_asked_for_and_the_order_refused_until_they_are_known() -> None:
    desk, facts = desk_with("passive", steps=None)
    caller = desk.place(limit_price=2.019)
    assert caller.code == "risk_rejected"
    assert "price increments" in caller.answer.message
    assert "not known at present" in caller.answer.message
    assert facts.wanted == [AAPL]
    facts.learn_steps(AAPL, rules(1.0))
    assert desk.place(limit_price=2.019).answer.order_id == 1


def test_a_layer_may_let_pass_what_cannot_be_checked() -> None:
    desk, _ = desk_with("refuse", steps=None, missing="allow")
    assert desk.place(limit_price=2.019).answer.order_id == 1


def test_steps_are_those_of_the_exchange_and_a_day_old_at_most() -> None:
    desk = Desk()
    facts = Facts(desk, None)
    fine = ExchangeRule(exchange="SMART", rule=1, increments=[PriceIncrement(low=0.0, increment=0.0001)])
    coarse = ExchangeRule(exchange="NYSE", rule=2, increments=[PriceIncrement(low=0.0, increment=0.05)])
    for spelling, step in ((AAPL, 0.0001), ("STK:AAPL:NYSE:USD", 0.05), ("STK:AAPL:IBKRATS:USD", 0.01)):
        facts.learn_steps(spelling, rules(None, fine, coarse))
        known = facts.steps(spelling)
        assert known is not None
        assert known.at(100.0) == step
    facts.now = BELIEVE_CONTRACT_S
    assert facts.steps(AAPL) is None
    assert facts.wanted == [AAPL]


def test_a_combo_is_not_judged() -> None:
    desk, _ = desk_with("refuse", steps=None)
    combo = "BAG:SPY:SMART:USD:+1x101,-1x102"
    assert desk.place(instrument=combo, limit_price=1.0005).answer.order_id == 1


STEPS = st.sampled_from(
    [OPTION_STEPS, Steps(((0.0, 0.25),)), Steps(((0.0, 0.00005),)), Steps(((0.0, 0.005),))]
)


@given(STEPS, st.sampled_from(["BUY", "SELL"]), st.integers(-(10**7), 10**7))
def test_a_moved_price_is_on_its_step_less_than_one_away_and_never_better_for_the_market(
    steps: Steps, side: Any, ten_thousandths: int
) -> None:
    price = ten_thousandths / 10_000
    moved = passive(an_order(side=side, limit_price=price), steps).limit_price
    step = steps.at(price)
    assert moved is not None
    assert step is not None
    if moved == price and price and not is_multiple(price, step):
        assert abs(price) < step  # it would have become 0
        return
    assert is_multiple(moved, step)
    away = Decimal(str(price)) - Decimal(str(moved))
    assert 0 <= (away if side == "BUY" else -away) < Decimal(str(step))
    assert passive(an_order(side=side, limit_price=moved), steps).limit_price == moved


@pytest.mark.parametrize("way", ["refuse", "passive"])
def test_a_stop_that_stands_off_its_steps_is_neither_refused_nor_moved_by_a_change_of_something_else(
    way: str,
) -> None:
    """It trails by percent, and the gateway says where it is."""
    desk, _ = desk_with(way)
    trailing: dict[str, Any] = {"order_type": "TRAIL", "limit_price": None, "trail_percent": 1.5}
    desk.place(side="SELL", **trailing)
    shown: dict[str, Any] = {"order_type": "TRAIL", "trailing_percent": 1.5, "action": "SELL"}
    desk.accepted(trail_stop_price=97.1234, **shown)
    assert desk.modify(quantity=20.0).answer.status == "submitted"
    request = desk.wire[-1]
    assert isinstance(request, rq.PlaceOrder)
    assert (request.order.total_quantity, request.order.trail_stop_price) == (20.0, 97.1234)
    moved = desk.modify(trail_stop_price=97.1234 + 1.0)
    assert (moved.code if way == "refuse" else moved.answer.status) in ("risk_rejected", "submitted")
    assert (len(desk.wire) == 2) == (way == "refuse")
