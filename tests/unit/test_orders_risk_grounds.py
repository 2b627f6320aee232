"""What limits rest on besides the order: where the market is, which clock, whose account, at what rate."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from support.orders_desk import AAPL, BASE, Desk
from support.orders_reports import EXEC, execution
from support.risk_desk import World
from twsmq_nodes.orders.actions import Now
from twsmq_nodes.orders.risk.guard import RiskGuard
from twsmq_nodes.orders.risk.inputs import Open
from twsmq_nodes.orders.risk.live_inputs import LiveRiskInputs
from twsmq_nodes.tws import events as tws
from twsmq_protocol.errors import RequestError
from twsmq_protocol.gateway_life import GatewayLife
from twsmq_protocol.order_requests import PlaceOrder
from twsmq_protocol.risk_limits import Risk, RiskLimits
from twsmq_protocol.system_events import AccountValue, Heartbeat

MARKET: dict[str, Any] = {"order_type": "MKT", "limit_price": None}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"stop_price": 1_000.0, "limit_price": 1_001.0}, "price_collar"),  # touched already
        ({"stop_price": 80.0, "limit_price": 90.0}, "price_collar"),
        ({"stop_price": 80.0, "limit_price": 81.0}, ""),
        ({"side": "SELL", "stop_price": 10.0, "limit_price": 10.0}, "price_collar"),
        ({"side": "SELL", "stop_price": 120.0, "limit_price": 119.0}, ""),
    ],
)
def test_a_trigger_that_the_market_has_passed_excuses_no_limit(changes: dict[str, Any], rule: str) -> None:
    world = World(price_collar=0.05)
    world.quoted(99.0, 100.0)
    assert world.refusal("a", order_type="LIT", **changes) == rule


def test_a_trailing_order_if_touched_neither() -> None:
    world = World(price_collar=0.05)
    world.quoted(99.0, 100.0)
    trails = {"trail_amount": 1.0, "trail_stop_price": 1_000.0, "limit_offset": 1.0, "limit_price": None}
    assert world.refusal("a", order_type="TRAIL LIT", **trails) == "price_collar"


def test_what_a_stop_becomes_at_its_trigger_counts() -> None:
    world = World(max_order_notional=5_000.0, price_collar=0.05)
    world.quoted(99.0, 100.0)
    world.inputs.learn_contract(AAPL, None, 1.0)
    stop: dict[str, Any] = {"order_type": "STP", "limit_price": None, "stop_price": 110.0}
    later: dict[str, Any] = {"adjustedOrderType": "STP LMT", "triggerPrice": 95.0}
    assert world.refusal("a", **stop, extra=later | {"adjustedStopPrice": 600.0}) == "max_order_notional"
    limit = {"adjustedStopPrice": 101.0, "adjustedStopLimitPrice": 300.0}
    assert world.refusal("a", **stop, extra=later | limit) == "price_collar"
    assert world.refusal("a", **stop, extra=later | {"adjustedStopPrice": 101.0}) == ""


def test_a_market_that_costs_nothing_is_no_price() -> None:
    world = World(max_order_notional=5_000.0)
    world.quoted(0.0, 0.0)
    world.inputs.learn_contract(AAPL, None, 1.0)
    assert world.refusal("a", **MARKET, quantity=1_000_000.0) == "max_order_notional"


def test_what_is_little_more_than_a_large_limit_does_not_look_like_it() -> None:
    world = World(max_order_notional=1_000_000.0)
    world.quoted(99.0, 100.0)
    world.inputs.learn_contract(AAPL, None, 1.0)
    answer = world.desk.place("a", quantity=10_000.01, limit_price=100.0).answer
    assert answer.message == "max_order_notional: the limit is 1000000.0, this is 1000001"


def test_a_clock_that_is_set_back_stops_nobody_for_hours() -> None:
    world = World(max_orders_per_second=1, duplicate_s=60.0)
    desk = world.desk
    assert world.refusal("a") == ""
    desk.now = Now(desk.now.mono + 30.0, desk.now.ns - 3_600 * 10**9)
    assert world.refusal("b", quantity=11.0) == "max_orders_per_second", "it may have been just now"
    desk.later(2.0)
    assert world.refusal("b", quantity=11.0) == ""
    assert world.refusal("c") == "max_orders_per_second"
    desk.later(2.0)
    assert world.refusal("c") == "duplicate_s"


def test_what_closes_in_one_account_opens_in_another() -> None:
    world = World(max_order_quantity=10.0)
    two_accounts(world.desk)
    assert world.refusal("a", account="DU1") == ""
    world.desk.accepted()
    world.desk.says(execution(1))
    world.beat()
    sell: dict[str, Any] = {"side": "SELL", "reduce_only": True}
    assert world.refusal("b", **sell, account="DU2") == "reduce_only"
    world.guard.replace("default", "", RiskLimits(max_order_quantity=5.0))
    assert world.refusal("b", side="SELL", account="DU2") == "max_order_quantity"
    assert world.refusal("b", **sell, account="DU1") == ""
    assert world.refusal("c", **sell, quantity=1.0, account="DU1") == "reduce_only"


def two_accounts(desk: Desk) -> None:
    desk.session_lost()
    desk.session_up(accounts=("DU1", "DU2"))
    desk.snapshot()


def test_what_a_strategy_did_on_paper_is_not_held_in_a_live_account() -> None:
    world = World()
    desk = world.desk = Desk(allow_live=True)
    accounts = lambda: desk.core.intake.accounts  # noqa: E731
    inputs = LiveRiskInputs(desk.core.book, lambda _i: None, lambda: 0.0, repeat_s=5.0, accounts=accounts)
    desk.core.pipeline.guard = RiskGuard(Risk(max_position=10.0, max_daily_loss=3.0), inputs)
    inputs.on_event("account/", AccountValue(account="U1", tag="NetLiquidation", value="1", currency="EUR"))
    assert world.refusal("a") == ""
    desk.accepted()
    desk.says(execution(1), tws.CommissionReport(f"{EXEC}.01.01", 1.0, "USD", -5.0, None, None))
    assert world.refusal("b", quantity=1.0) == "max_position"
    desk.session_lost()
    desk.session_up(accounts=("U1",))
    desk.snapshot()
    inputs.on_event("node/status/", Heartbeat(name="status", pid=1, state="ready"))
    assert world.refusal("b", side="SELL", quantity=11.0) == "max_position", "not from 10 to -1"
    assert world.refusal("b", side="SELL", quantity=10.0, reduce_only=True) == "reduce_only"
    assert world.refusal("b", quantity=10.0) == "", "what was lost on paper is not lost here"


@pytest.mark.parametrize("text", ["0.00", "-1.0", "", "nan"])
def test_a_rate_that_is_none_takes_the_place_of_one_that_was(text: str) -> None:
    inputs = World().inputs
    for rate in ("0.9", text):
        value = AccountValue(account="DU1", tag="ExchangeRate", value=rate, currency="JPY")
        inputs.on_event("account/", value)
    assert inputs.in_one_currency({("DU1", "JPY"): -100.0}) is None


def test_the_clock_that_is_changed_before_a_restart_does_not_hide_it() -> None:
    life = GatewayLife(restart_at=("03:05",), time_zone="Europe/Berlin")
    world = World()
    guard = RiskGuard(Risk(restart_lock_s=600.0), world.inputs, life)
    order = PlaceOrder(client_order_id="a", **BASE)

    def is_locked(at: str) -> bool:
        try:
            guard.check([order], [Open("s", "DU1", AAPL, "BUY", 1.0)], ns_of(at))
        except RequestError:
            return True
        return False

    assert is_locked("2026-03-29T00:58:00+00:00"), "01:58, and 7 minutes later it is 03:05"
    assert not is_locked("2026-10-25T00:58:00+00:00"), "02:58 for the first time"
    assert is_locked("2026-10-25T01:58:00+00:00"), "and for the second"


def ns_of(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp()) * 10**9
