"""Each risk rule: what it forbids, what it lets pass, and what it says when it cannot know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from support.orders_desk import Desk
from support.orders_reports import execution
from twsmq_nodes.orders.entries import Links
from twsmq_nodes.orders.risk.guard import RiskGuard
from twsmq_nodes.orders.risk.inputs import Market, Open, Scope, working_as
from twsmq_nodes.orders.risk.live_inputs import LiveRiskInputs
from twsmq_nodes.orders.risk.rules import OPTIONS, RULES
from twsmq_nodes.orders.risk.steps import Steps
from twsmq_protocol.errors import FieldError, RequestError
from twsmq_protocol.gateway_life import GatewayLife
from twsmq_protocol.order_requests import PlaceOrder
from twsmq_protocol.risk_limits import Risk, RiskLimits

AAPL, IBM = "STK:AAPL:SMART:USD", "STK:IBM:SMART:USD"
NOON = int(datetime.fromisoformat("2026-11-23T12:00:00+00:00").timestamp()) * 10**9
SECOND = 10**9
MARKET: dict[str, Any] = {"order_type": "MKT", "limit_price": None}
STOP: dict[str, Any] = {"order_type": "STP", "limit_price": None, "stop_price": 0.01}
ABOVE: dict[str, Any] = {"order_type": "STP LMT", "stop_price": 120.0, "limit_price": 121.0}
BELOW: dict[str, Any] = ABOVE | {"side": "SELL", "stop_price": 80.0, "limit_price": 79.0}
CASH: dict[str, Any] = {"quantity": 0.0, "cash_quantity": 1_100.0}
BUYING = Open("s", "DU1", AAPL, "BUY", 1.0)


class Known:
    """The world as the test says it is."""

    def __init__(self, **facts: Any) -> None:
        self.quotes: dict[str, Market] = facts.get("quotes", {AAPL: Market(99.0, 100.0, 99.5)})
        self.held: float | None = facts.get("held", 0.0)
        self.pnl: float | None = facts.get("pnl", 0.0)
        self.working: list[Open] = facts.get("working", [])
        self.known_steps: Steps | None = facts.get("steps", Steps(((0.0, 0.01),)))

    def market(self, instrument: str) -> Market | None:
        return self.quotes.get(instrument)

    def multiplier(self, instrument: str) -> float:
        return self.unit_value(instrument)

    def unit_value(self, instrument: str) -> float:
        return 100.0 if instrument.startswith("OPT") else 1.0

    def worth_known(self, instrument: str) -> bool:
        return True

    def steps(self, instrument: str) -> Steps | None:
        return self.known_steps

    def position(self, scope: Scope, name: str, instrument: str, account: str = "") -> float | None:
        return self.held

    def daily_pnl(self, scope: Scope, name: str, ns: int) -> float | None:
        return self.pnl

    def same(self, one: str, other: str) -> bool | None:
        return one == other

    def open_orders(self) -> Iterator[Open]:
        return iter(self.working)


def order(cid: str = "a", **changes: Any) -> PlaceOrder:
    args: dict[str, Any] = {
        "strategy": "s",
        "client_order_id": cid,
        "instrument": AAPL,
        "side": "BUY",
        "quantity": 10.0,
        "order_type": "LMT",
        "limit_price": 100.0,
    }
    return PlaceOrder(**(args | changes))


def working(order: PlaceOrder, order_id: int = 0, **links: Any) -> Open:
    return working_as(order, order_id, Links(**links), order, order.quantity, "DU1")


def verdict(rules: RiskGuard, *orders: PlaceOrder, ns: int = NOON) -> str:
    """The rule that forbids them, "" if none does."""
    try:
        rules.check(orders, [working(order) for order in orders], ns)
    except RequestError as error:
        return error.message.partition(":")[0] if error.code == "risk_rejected" else error.code
    return ""


@pytest.mark.parametrize(
    ("limits", "changes", "facts", "rule"),
    [
        ({"max_order_quantity": 10}, {}, {}, ""),
        ({"max_order_quantity": 9}, {}, {}, "max_order_quantity"),
        ({"max_order_notional": 1000}, {}, {}, ""),
        ({"max_order_notional": 999}, {}, {}, "max_order_notional"),
        ({"max_order_notional": 999}, MARKET, {}, "max_order_notional"),
        ({"max_order_notional": 9e9}, MARKET, {"quotes": {}}, "max_order_notional"),
        ({"max_order_notional": 9e9, "missing": "allow"}, MARKET, {"quotes": {}}, ""),
        ({"max_order_notional": 999}, {"limit_price": 10.0}, {}, ""),
        ({"max_order_notional": 989}, {"side": "SELL", "limit_price": 0.01}, {}, "max_order_notional"),
        ({"max_order_notional": 990}, {"side": "SELL", "limit_price": 0.01}, {}, ""),
        ({"max_order_notional": 999}, STOP, {}, "max_order_notional"),
        ({"max_order_notional": 50}, {"quantity": 0.0, "cash_quantity": 60.0}, {}, "max_order_notional"),
        ({"price_collar": 0.05}, {"limit_price": 104.9}, {}, ""),
        ({"price_collar": 0.05}, {"limit_price": 105.1}, {}, "price_collar"),
        ({"price_collar": 0.05}, {"limit_price": 1.0}, {}, ""),
        ({"price_collar": 0.05}, {"side": "SELL", "limit_price": 94.0}, {}, "price_collar"),
        ({"price_collar": 0.05}, {"side": "SELL", "limit_price": 500.0}, {}, ""),
        ({"price_collar": 0.05}, {}, {"quotes": {}}, "price_collar"),
        ({"price_collar": 0.05}, ABOVE, {}, ""),
        ({"price_collar": 0.05}, ABOVE | {"limit_price": 126.1}, {}, "price_collar"),
        ({"price_collar": 0.05}, ABOVE | {"stop_price": 90.0}, {}, "price_collar"),  # it has been passed
        ({"price_collar": 0.05}, BELOW, {}, ""),
        ({"price_collar": 0.05}, BELOW | {"limit_price": 75.9}, {}, "price_collar"),
        ({"price_collar": 0.05}, BELOW | {"stop_price": 110.0}, {}, "price_collar"),
        ({"price_collar": 0.05}, BELOW | {"side": "BUY", "order_type": "LIT", "limit_price": 81.0}, {}, ""),
        ({"max_position": 10}, {}, {}, ""),
        ({"max_position": 10}, {}, {"held": 1.0}, "max_position"),
        ({"max_position": 10}, {"side": "SELL"}, {"held": 20.0}, ""),
        ({"max_position": 10}, {"side": "SELL", "quantity": 30.0}, {"held": 50.0}, ""),
        ({"max_position": 10}, {"side": "SELL", "quantity": 90.0}, {"held": 50.0}, "max_position"),
        ({"max_position": 10}, CASH, {}, "max_position"),
        ({"max_position": 11}, CASH, {}, ""),
        ({"max_order_quantity": 10}, CASH, {}, "max_order_quantity"),
        ({"max_order_quantity": 11}, CASH, {}, ""),
        ({"max_order_quantity": 11}, CASH, {"quotes": {}}, "max_order_quantity"),
        ({"max_position": 10}, {}, {"held": None}, "max_position"),
        ({"max_position": 10}, {}, {"working": [Open("s", "DU1", AAPL, "BUY", 1.0)]}, "max_position"),
        ({"max_position": 10}, {}, {"working": [Open("t", "DU1", AAPL, "BUY", 1.0)]}, ""),
        ({"max_open_orders": 1}, {}, {}, ""),
        ({"max_open_orders": 1}, {}, {"working": [Open("s", "DU1", IBM, "SELL", 1.0)]}, "max_open_orders"),
        ({"max_orders_per_side": 1}, {}, {"working": [Open("s", "DU1", AAPL, "SELL", 1.0)]}, ""),
        ({"max_orders_per_side": 1}, {}, {"working": [BUYING]}, "max_orders_per_side"),
        ({"max_daily_loss": 100}, {}, {"pnl": -100.0}, ""),
        ({"max_daily_loss": 100}, {}, {"pnl": -100.1}, "max_daily_loss"),
        ({"max_daily_loss": 100}, {}, {"pnl": None}, "max_daily_loss"),
        ({"instruments": ("STK:*",)}, {}, {}, ""),
        ({"instruments": (IBM, "OPT:*")}, {}, {}, "instruments"),
        ({"order_types": ("LMT",)}, {}, {}, ""),
        ({"order_types": ("MKT",)}, {}, {}, "order_types"),
        ({"trading_windows": ("09:00-17:00",)}, {}, {}, ""),
        ({"trading_windows": ("13:00-17:00", "22:00-02:00")}, {}, {}, "trading_windows"),
        ({"trading_windows": ("22:00-13:00",)}, {}, {}, ""),
        ({"trading_windows": ("06:00-08:00",), "time_zone": "US/Eastern"}, {}, {}, ""),
    ],
)  # fmt: skip
def test_a_rule(limits: dict[str, Any], changes: dict[str, Any], facts: dict[str, Any], rule: str) -> None:
    assert verdict(RiskGuard(Risk(**limits), Known(**facts)), order(**changes)) == rule


@pytest.mark.parametrize(
    ("limits", "field"),
    [({"time_zone": "Nowhere/Land"}, "time_zone"), ({"trading_windows": ("9-5",)}, "trading_windows")],
)
def test_limits_that_cannot_be_name_the_field(limits: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldError) as refused:
        RiskLimits(**limits)
    assert refused.value.field == field


def test_a_refusal_names_rule_limit_value_and_field() -> None:
    with pytest.raises(RequestError) as refused:
        RiskGuard(Risk(max_order_quantity=5), Known()).check((order(),), (working(order()),), NOON)
    assert refused.value.message == "max_order_quantity: the limit is 5, this is 10"
    assert refused.value.field == "quantity"


def test_all_layers_hold() -> None:
    rules = RiskGuard(
        Risk(
            max_order_quantity=100,
            strategy={"s": RiskLimits(max_order_quantity=50)},
            account={"DU1": RiskLimits(max_open_orders=1)},
        ),
        Known(working=[Open("t", "DU1", AAPL, "BUY", 1.0)]),
    )
    assert verdict(rules, order(quantity=60.0)) == "max_order_quantity"
    assert verdict(rules, order(strategy="t", quantity=60.0)) == "max_open_orders"


def test_orders_per_second_and_doubles() -> None:
    rules = RiskGuard(Risk(max_orders_per_second=2, duplicate_s=5), Known())
    assert verdict(rules, order("a")) == ""
    assert verdict(rules, order("b")) == "duplicate_s"
    assert verdict(rules, order("b", quantity=11.0)) == ""
    assert verdict(rules, order("c", quantity=12.0)) == "max_orders_per_second"
    assert verdict(rules, order("c", quantity=12.0), ns=NOON + 2 * SECOND) == ""
    assert verdict(rules, order("d"), ns=NOON + 6 * SECOND) == ""


def test_doubles_are_remembered_as_long_as_the_limit_says() -> None:
    rules = RiskGuard(Risk(duplicate_s=7200), Known())
    assert verdict(rules, order("a")) == ""
    assert verdict(rules, order("b"), ns=NOON + 7000 * SECOND) == "duplicate_s"
    assert verdict(rules, order("b"), ns=NOON + 7300 * SECOND) == ""


def test_a_rule_finds_what_was_sent_as_long_as_it_looks_back() -> None:
    rules = RiskGuard(Risk(max_orders_per_second=1, duplicate_s=5), Known())
    assert verdict(rules, order("a")) == ""
    assert verdict(rules, order("b"), ns=NOON + 4 * SECOND) == "duplicate_s"
    rules.replace("default", "", RiskLimits(duplicate_s=5))
    assert verdict(rules, order("b"), ns=NOON + 4 * SECOND) == "duplicate_s"


def test_a_group_counts_together_and_leaves_no_trace_when_refused() -> None:
    rules = RiskGuard(Risk(max_open_orders=2, max_orders_per_second=3), Known())
    group = [order(cid, quantity=float(n + 1)) for n, cid in enumerate("abc")]
    assert verdict(rules, *group) == "max_open_orders"
    assert verdict(rules, *group[:2]) == ""


def test_no_order_before_the_gateways_own_restart() -> None:
    rules = RiskGuard(Risk(restart_at="12:01", restart_lock_s=120), Known())
    assert not rules.idle
    assert verdict(rules, order()) == "restart_lock_s"
    assert verdict(rules, order(), ns=NOON - 120 * SECOND) == ""
    assert verdict(rules, order(), ns=NOON + 120 * SECOND) == ""


def test_the_gateways_own_restart_is_what_its_life_says_unless_the_limits_do() -> None:
    life = GatewayLife(restart_at=("23:45", "13:01"), time_zone="Europe/Berlin")  # noon in UTC is 13:00 there
    rules = RiskGuard(Risk(), Known(), life)
    assert not rules.idle
    assert verdict(rules, order()) == "restart_lock_s"
    assert verdict(rules, order(), ns=NOON - 120 * SECOND) == ""
    assert verdict(RiskGuard(Risk(restart_at="11:00"), Known(), life), order()) == ""
    assert verdict(RiskGuard(Risk(restart_lock_s=30), Known(), life), order()) == ""


def test_a_modification_is_checked_for_size_price_and_time() -> None:
    rules = RiskGuard(
        Risk(max_order_quantity=10, max_open_orders=1), Known(working=[Open("s", "DU1", AAPL, "BUY", 1)])
    )
    rules.check_change(order(), working(order()), 0.0, NOON)
    with pytest.raises(RequestError):
        rules.check_change(order(quantity=11.0), working(order(quantity=11.0)), 1.0, NOON)


def test_limits_can_be_replaced_and_taken_away() -> None:
    rules = RiskGuard(Risk(), Known())
    assert rules.idle
    rules.replace("strategy", "s", RiskLimits(max_order_quantity=1))
    assert verdict(rules, order()) == "max_order_quantity"
    (_, layer) = rules.listed().layers
    assert (layer.scope, layer.name, layer.limits) == ("strategy", "s", {"max_order_quantity": 1})
    rules.replace("strategy", "s", RiskLimits())
    assert rules.idle


# -- before the journal


def guarded(**limits: Any) -> Desk:
    desk = Desk()
    desk.core.pipeline.guard = RiskGuard(Risk(**limits), Known())
    return desk


def test_a_forbidden_order_leaves_no_trace() -> None:
    desk = guarded(max_order_quantity=5)
    caller = desk.place()
    assert (caller.code, caller.answer.field) == ("risk_rejected", "quantity")
    assert not desk.committed
    assert not desk.wire
    assert desk.place(quantity=5.0).answer.order_id == 1


def test_an_order_that_cannot_be_encoded_does_not_count_as_sent() -> None:
    desk = guarded(max_orders_per_second=1)
    assert desk.place("a", extra={"noSuchThing": 1}).code == "invalid_argument"
    assert desk.place("b").answer.order_id == 1


def test_an_order_whose_multiplier_is_no_number_is_answered_and_refused() -> None:
    desk = Desk()
    facts = LiveRiskInputs(desk.core.book, lambda _instrument: None, lambda: 0.0, repeat_s=5.0)
    desk.core.pipeline.guard = RiskGuard(Risk(max_order_notional=100), facts)
    for _ in range(2):
        assert desk.place(instrument="OPT:SPY:SMART:USD:20261218:C:450:x").code == "risk_rejected"


def test_a_forbidden_modification_leaves_the_order_as_it_is() -> None:
    desk = guarded(max_order_quantity=10)
    desk.place()
    desk.accepted()
    assert desk.modify(quantity=11.0).code == "risk_rejected"
    assert desk.core.book.records["s", "a"].wanted is None
    assert len(desk.wire) == 1


def test_a_position_is_not_exceeded_by_modifying_a_working_order() -> None:
    desk = Desk()
    facts = LiveRiskInputs(desk.core.book, lambda _instrument: None, lambda: 0.0, repeat_s=5.0)
    desk.core.pipeline.guard = RiskGuard(Risk(max_position=20), facts)
    desk.place()
    desk.accepted()
    desk.says(execution(1, shares=4.0))
    assert desk.modify(quantity=21.0).code == "risk_rejected"
    assert desk.modify(quantity=20.0).answer.order_id == 1
    assert desk.place("b", quantity=1.0).code == "risk_rejected"
    assert desk.modify(quantity=21.0).code == "risk_rejected"
    assert desk.modify(quantity=15.0).answer.order_id == 1


def test_a_repeat_is_answered_though_a_rule_would_forbid_it_now() -> None:
    desk = guarded()
    first = desk.place().answer
    desk.core.pipeline.guard = RiskGuard(Risk(max_order_quantity=1), Known())
    assert desk.place().answer == first


# -- where the facts come from


def test_every_limit_has_a_rule_or_is_an_option() -> None:
    rules = [rule.name for rule in RULES]
    assert len(set(rules)) == len(rules)
    assert set(rules).isdisjoint(OPTIONS)
    assert {*rules, *OPTIONS} == set(RiskLimits.__struct_fields__)
