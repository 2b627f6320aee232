"""Each risk rule: what it forbids, what it lets pass, and what it says when it cannot know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from support.orders_desk import EXEC, Desk, execution
from twsmq_nodes.orders.entries import Links
from twsmq_nodes.orders.risk.guard import RiskGuard
from twsmq_nodes.orders.risk.inputs import Market, Open, Scope, working_as
from twsmq_nodes.orders.risk.live_inputs import LiveRiskInputs
from twsmq_nodes.orders.risk.rules import OPTIONS, RULES
from twsmq_nodes.orders.risk.steps import Steps
from twsmq_nodes.orders.spellings import Spellings
from twsmq_nodes.tws import events as tws
from twsmq_protocol.errors import FieldError, RequestError
from twsmq_protocol.market_events import Quote, Stream, StreamState
from twsmq_protocol.order_requests import PlaceOrder
from twsmq_protocol.risk_limits import Risk, RiskLimits
from twsmq_protocol.system_events import AccountValue, Heartbeat, Position

AAPL, IBM = "STK:AAPL:SMART:USD", "STK:IBM:SMART:USD"
NOON = int(datetime.fromisoformat("2026-11-23T12:00:00+00:00").timestamp()) * 10**9
SECOND = 10**9
MARKET: dict[str, Any] = {"order_type": "MKT", "limit_price": None}
STOP: dict[str, Any] = {"order_type": "STP", "limit_price": None, "stop_price": 0.01}
CASH: dict[str, Any] = {"quantity": 0.0, "cash_quantity": 1_100.0}
DOLLARS = AccountValue(account="DU1", tag="NetLiquidation", value="1000000", currency="USD")
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

    def unit_value(self, instrument: str) -> float:
        return 100.0 if instrument.startswith("OPT") else 1.0

    def steps(self, instrument: str) -> Steps | None:
        return self.known_steps

    def position(self, scope: Scope, name: str, instrument: str) -> float | None:
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


def test_a_strategys_position_and_result_are_its_own_fills_and_costs() -> None:
    desk = Desk()
    facts = LiveRiskInputs(desk.core.book, lambda _instrument: None, lambda: 0.0, repeat_s=5.0)
    desk.place()
    desk.accepted()
    desk.says(execution(1, f"{EXEC}.01.01", 4.0), execution(1, f"{EXEC}.01.02", 3.0))
    desk.says(tws.CommissionReport(f"{EXEC}.01.02", 1.0, "USD", -5.0, None, None))
    assert facts.position("strategy", "s", AAPL) == 3.0
    assert facts.daily_pnl("strategy", "s", desk.now.ns) is None, "in which currency are the account's own?"
    facts.on_event("account/DU1/NetLiquidation/USD/", DOLLARS)
    assert facts.daily_pnl("strategy", "s", desk.now.ns) == -6.0
    (working,) = facts.open_orders()
    assert (working.account, working.remaining) == ("DU1", 7.0)


def test_the_losses_of_a_day_are_forgotten_with_it() -> None:
    desk = Desk()
    facts = LiveRiskInputs(desk.core.book, lambda _instrument: None, lambda: 0.0, repeat_s=5.0)
    desk.core.pipeline.guard = RiskGuard(Risk(max_daily_loss=3.0), facts)
    facts.on_event("account/DU1/NetLiquidation/USD/", DOLLARS)
    desk.place(quantity=4.0)
    desk.accepted()
    desk.says(execution(1, f"{EXEC}.01.01", 4.0))
    desk.says(tws.CommissionReport(f"{EXEC}.01.01", 1.0, "USD", -5.0, None, None))
    assert desk.place("b").code == "risk_rejected"
    desk.later(11 * 3600.0)
    assert desk.place("b").code == "risk_rejected"
    desk.later(2 * 3600.0)  # past midnight; nobody has traded since
    assert desk.place("b").answer.order_id == 2


def test_a_cost_reported_anew_counts_once() -> None:
    desk = Desk()
    facts = LiveRiskInputs(desk.core.book, lambda _instrument: None, lambda: 0.0, repeat_s=5.0)
    desk.place()
    desk.accepted()
    facts.on_event("account/DU1/NetLiquidation/USD/", DOLLARS)
    desk.says(execution(1, f"{EXEC}.01.01", 4.0))
    desk.says(tws.CommissionReport(f"{EXEC}.01.01", 1.0, "USD", None, None, None))
    desk.says(tws.CommissionReport(f"{EXEC}.01.01", 1.5, "USD", -5.0, None, None))
    assert facts.daily_pnl("strategy", "s", desk.now.ns) == -6.5
    desk.says(execution(1, f"{EXEC}.01.02", 3.0))
    desk.says(tws.CommissionReport(f"{EXEC}.01.02", 1.0, "USD", -4.0, None, None))
    assert facts.daily_pnl("strategy", "s", desk.now.ns) == -5.0


def test_an_accounts_facts_are_believed_only_while_status_is_ready() -> None:
    now = [0.0]
    facts = LiveRiskInputs(Desk().core.book, lambda _instrument: None, lambda: now[0], repeat_s=5.0)
    position = Position(account="DU1", instrument=AAPL, con_id=1, quantity=7.0)
    facts.on_event("position/DU1/x/", position)
    facts.on_event("account/DU1/DailyPnL/", AccountValue(account="DU1", tag="DailyPnL", value="-12.5"))
    assert facts.position("account", "DU1", AAPL) in (7.0, None)
    now[0] = 10.0
    assert facts.position("account", "DU1", AAPL) is None
    facts.on_event("node/status/", Heartbeat(name="status", pid=1, state="ready"))
    assert facts.position("account", "DU1", AAPL) == 7.0
    assert facts.position("account", "DU1", IBM) == 0.0
    assert facts.position("account", "DU1", "CONID:5") == 0.0
    assert facts.position("account", "DU1", "CONID:1") == 7.0
    assert facts.daily_pnl("account", "DU1", NOON) == -12.5
    facts.on_event("node/status/", Heartbeat(name="status", pid=1, state="connecting"))
    now[0] = 10.1
    assert facts.daily_pnl("account", "DU1", NOON) is None


def test_a_position_is_the_contracts_whatever_it_is_called() -> None:
    wanted: list[str] = []
    desk = Desk()
    facts = LiveRiskInputs(desk.core.book, wanted.append, lambda: 0.0, repeat_s=5.0)
    desk.core.pipeline.guard = RiskGuard(Risk(max_position=20), facts)
    desk.place(quantity=15.0)
    assert desk.place("b", instrument="CONID:265598:SMART").code == "risk_rejected", "it may be the same"
    desk.accepted()
    desk.says(execution(1, f"{EXEC}.01.01", 15.0))
    assert desk.place("b", instrument="CONID:265598:SMART").code == "risk_rejected"
    assert desk.place("b", instrument="CONID:265598", quantity=5.0).answer.order_id == 2
    listed = "STK:AAPL:SMART@NASDAQ:USD"
    assert desk.place("c", instrument=listed).code == "risk_rejected"
    assert wanted == [listed]
    facts.on_event(f"quote/{listed}/", Quote(con_id=265598, bid=1.0, ask=2.0))
    assert facts.position("strategy", "s", listed) == 15.0
    assert facts.position("strategy", "s", IBM) == 0.0
    assert desk.place("c", instrument=IBM).answer.order_id == 3


def test_which_spellings_may_be_one_contract() -> None:
    spellings = Spellings()
    assert spellings.same("OPT:SPY:SMART:USD:20261218:C:450", "OPT:SPY:SMART:USD:20261218:C:455") is False
    assert spellings.same("FUT:ES:CME:USD:202612", "FUT:ES:CME:USD:20261218") is None
    assert spellings.same("BAG:SPY:SMART:USD:+1x1,-1x2", "BAG:SPY:SMART:USD:+1x1,-1x3") is False
    assert spellings.same("CONID:1", "CONID:1:SMART") is True
    assert spellings.same(AAPL, "CONID:1") is None
    spellings.learn(AAPL, 1)
    assert spellings.same(AAPL, "CONID:1") is True
    assert spellings.same(AAPL, "CONID:2") is False
    spellings.learn(AAPL, 2)  # two listings of one symbol
    assert spellings.same(AAPL, "CONID:1") is None
    assert spellings.same(AAPL, "CONID:2") is None


def test_a_quote_is_asked_for_once_and_believed_while_its_stream_lives() -> None:
    wanted: list[str] = []
    facts = LiveRiskInputs(Desk().core.book, wanted.append, lambda: 0.0, repeat_s=5.0)
    assert facts.market(AAPL) is None
    assert facts.market(AAPL) is None
    assert wanted == [AAPL]
    facts.on_event(f"quote/{AAPL}/", Quote(bid=1.0, ask=2.0))
    assert facts.market(AAPL) == Market(1.0, 2.0, None)
    facts.on_event(f"quote/{AAPL}/", Stream(state="gap"))
    assert facts.market(AAPL) is None
    facts.on_event(f"quote/{AAPL}/", Quote(bid=1.0, ask=2.0, snapshot=True))
    assert facts.market(AAPL) is None, "a newcomer is sent it in the gap as well"
    facts.on_event(f"quote/{AAPL}/", Stream(state="resumed"))
    assert facts.market(AAPL) is None
    facts.on_event(f"quote/{AAPL}/", Quote(bid=3.0, ask=4.0))
    assert facts.market(AAPL) == Market(3.0, 4.0, None)


@pytest.mark.parametrize("state", ["frozen", "delayed", "starting", "error", "closed"])
def test_a_quote_that_is_not_live_is_none(state: StreamState) -> None:
    facts = LiveRiskInputs(Desk().core.book, lambda _instrument: None, lambda: 0.0, repeat_s=5.0)
    facts.on_event(f"quote/{AAPL}/", Stream(state=state))
    facts.on_event(f"quote/{AAPL}/", Quote(bid=1.0, ask=2.0))
    assert facts.market(AAPL) is None
    facts.on_event(f"quote/{AAPL}/", Stream(state="active"))
    facts.on_event(f"quote/{AAPL}/", Quote(bid=1.0, ask=2.0, delayed=True))
    assert facts.market(AAPL) is None


def test_a_quote_whose_sender_fell_silent_is_not_believed_for_ever() -> None:
    now = [0.0]
    facts = LiveRiskInputs(Desk().core.book, lambda _instrument: None, lambda: now[0], repeat_s=5.0)
    facts.on_event(f"quote/{AAPL}/", Quote(bid=1.0, ask=2.0))
    now[0] = 10.0
    assert facts.market(AAPL) == Market(1.0, 2.0, None)
    now[0] = 12.0
    assert facts.market(AAPL) is None
    facts.on_event(f"quote/{AAPL}/", Quote(bid=1.0, ask=2.0, snapshot=True))
    assert facts.market(AAPL) is not None


@pytest.mark.parametrize(
    ("instrument", "multiplier"),
    [
        (AAPL, 1.0),
        (f"{AAPL}::::0.001", 1.0),
        ("OPT:SPY:SMART:USD:20261218:C:450", 100.0),
        ("OPT:SPY:SMART:USD:20261218:C:450:0.5", 0.5),
        ("OPT:SPY:SMART:USD:20261218:C:450:hundred", None),
        ("OPT:SPY:SMART:USD:20261218:C:450:nan", None),
        ("OPT:SPY:SMART:USD:20261218:C:450:-100", None),
        ("OPT:SPY:SMART:USD:20261218:C:450:0", None),
        ("FUT:ES:CME:USD:20261218:::50", 50.0),
        ("FUT:ES:CME:USD:20261218", None),
        ("CONID:265598", None),
    ],
)
def test_multipliers(instrument: str, multiplier: float | None) -> None:
    facts = LiveRiskInputs(Desk().core.book, lambda _instrument: None, lambda: 0.0, repeat_s=5.0)
    assert facts.unit_value(instrument) == multiplier


def test_every_limit_has_a_rule_or_is_an_option() -> None:
    rules = [rule.name for rule in RULES]
    assert len(set(rules)) == len(rules)
    assert set(rules).isdisjoint(OPTIONS)
    assert {*rules, *OPTIONS} == set(RiskLimits.__struct_fields__)
