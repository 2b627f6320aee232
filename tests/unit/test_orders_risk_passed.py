"""Ways past a limit: each was open once. What is on its way, told late, or told as something else counts."""

from __future__ import annotations

from typing import Any

import pytest
from support.orders_desk import AAPL, BASE, Caller, Desk
from support.orders_reports import EXEC, execution, order_status
from support.risk_desk import World, rule_of
from twsmq_nodes.orders.queries import sent_orders
from twsmq_nodes.orders.risk.guard import RiskGuard
from twsmq_nodes.orders.risk.live_inputs import LiveRiskInputs
from twsmq_nodes.orders.risk.unsettled import SETTLED_S, Unsettled
from twsmq_nodes.tws import events as tws
from twsmq_protocol.errors import RequestError
from twsmq_protocol.market_events import Quote
from twsmq_protocol.order_query_requests import ForeignOrder
from twsmq_protocol.order_requests import ExerciseOption, PlaceOrder
from twsmq_protocol.risk_limits import Risk, RiskLimits
from twsmq_protocol.system_events import AccountValue

DOLLARS = AccountValue(account="DU1", tag="NetLiquidation", value="1000000", currency="USD")
CALENDAR = "BAG:SPY:SMART:USD:+1x101@CBOE,-2x102@CBOE"
MARKET: dict[str, Any] = {"order_type": "MKT", "limit_price": None}


# -- modifications


def test_a_type_that_may_not_be_placed_may_not_be_changed_into() -> None:
    world = World(order_types=("LMT",))
    assert world.refusal("a") == ""
    world.desk.accepted()
    assert rule_of(world.desk.modify(order_type="MKT")) == "order_types"
    assert rule_of(world.desk.modify(limit_price=2.0)) == ""


def test_after_the_days_loss_no_order_grows_but_its_price_may_move() -> None:
    world = World(max_daily_loss=3.0)
    world.inputs.on_event("account/", DOLLARS)
    assert world.refusal("a", quantity=20.0) == ""
    world.desk.accepted(total_quantity=20.0)
    world.desk.says(
        execution(1, shares=4.0), tws.CommissionReport(f"{EXEC}.01.01", 1.0, "USD", -5.0, None, None)
    )
    assert rule_of(world.desk.modify(quantity=1_000.0)) == "max_daily_loss"
    assert rule_of(world.desk.modify(limit_price=0.5)) == ""
    assert rule_of(world.desk.modify(quantity=19.0)) == ""


def test_after_the_days_loss_nothing_staged_is_handed_on() -> None:
    world = World(max_daily_loss=3.0)
    world.inputs.on_event("account/", DOLLARS)
    assert world.refusal("a") == ""
    world.desk.accepted()
    assert world.refusal("b", quantity=50.0, transmit=False) == ""
    world.desk.says(execution(1), tws.CommissionReport(f"{EXEC}.01.01", 1.0, "USD", -5.0, None, None))
    assert rule_of(world.desk.modify("b", transmit=True)) == "max_daily_loss"


def test_a_stop_that_only_reduces_can_be_moved_after_a_part_of_it_has_filled() -> None:
    world = World()
    world.desk.place("a")
    world.desk.accepted()
    world.desk.says(execution(1))
    stop: dict[str, Any] = {"side": "SELL", "order_type": "STP", "limit_price": None, "stop_price": 0.5}
    assert world.refusal("b", reduce_only=True, **stop) == ""
    world.desk.accepted(2, "b", order_type="STP", aux_price=0.5, action="SELL")
    world.desk.says(execution(2, f"{EXEC}.02.01", 4.0, side="SLD", order_ref="s/b"))
    assert rule_of(world.desk.modify("b", stop_price=0.6)) == ""
    assert rule_of(world.desk.modify("b", quantity=11.0)) == "reduce_only"


# -- what is executed, and not told by both ways yet


def test_a_status_that_is_ahead_of_its_executions_leaves_no_gap() -> None:
    world = World(max_position=100)
    assert world.refusal("a", quantity=100.0) == ""
    world.desk.accepted(total_quantity=100.0)
    world.desk.says(order_status(1, "Submitted", filled=50.0, remaining=50.0))
    assert world.refusal("b", quantity=50.0) == "max_position"
    world.desk.says(execution(1, f"{EXEC}.01.01", 20.0))
    assert world.desk.order().filled == 50.0
    assert world.refusal("b", quantity=1.0) == "max_position"
    world.desk.says(execution(1, f"{EXEC}.01.02", 30.0))
    assert world.inputs.position("strategy", "s", AAPL) == 50.0
    assert world.refusal("b", quantity=1.0) == "max_position"


def test_a_fill_that_no_execution_shows_is_in_the_position() -> None:
    """The gateway's word that it is filled had to do."""
    world = World(max_position=100)
    assert world.refusal("a", quantity=100.0) == ""
    world.desk.accepted(total_quantity=100.0)
    world.desk.says(order_status(1, "Filled", filled=100.0))
    world.desk.later(1.1)
    world.desk.snapshot()
    assert world.desk.status() == "filled"
    assert world.refusal("b", quantity=1.0) == "max_position"


def test_an_execution_counts_before_the_accounts_position_has_it() -> None:
    world = World(account={"DU1": RiskLimits(max_position=100)})
    world.position(0.0)
    world.later(10.0)
    world.executed("BUY", 100.0)
    assert world.refusal("a", quantity=1.0) == "max_position"
    assert world.refusal("a", quantity=1.0, side="SELL") == ""
    world.position(60.0)
    assert world.refusal("b", quantity=1.0) == "max_position", "40 of it are still to be told"
    world.position(100.0)
    assert world.refusal("b", quantity=101.0, side="SELL") == "", "down to -1, as far as it may"
    world.position(0.0)
    assert world.refusal("c", quantity=100.0) == ""


@pytest.mark.parametrize("known", [True, False])
def test_a_position_that_comes_before_its_execution_counts_once(known: bool) -> None:
    world = World(account={"DU1": RiskLimits(max_position=100)})
    world.beat()
    if known:
        world.position(0.0)
    for _ in range(8):
        world.later(1.0)
    world.position(50.0)
    world.executed("BUY", 50.0)
    assert world.refusal("a", quantity=50.0) == ""


def test_an_execution_whose_position_never_moves_is_forgotten_after_a_while() -> None:
    """Another client has sold as much: the two changes were told as none."""
    world = World(account={"DU1": RiskLimits(max_position=100)})
    world.position(0.0)
    world.executed("BUY", 100.0)
    assert world.refusal("a", quantity=100.0) == "max_position"
    for _ in range(6):
        world.later(1.0)
    assert world.refusal("a", quantity=100.0) == ""


def test_two_who_close_one_position_do_not_turn_it_round() -> None:
    """The first one's sale is done, and the account's position not told anew yet."""
    world = World()
    world.position(100.0)
    world.later(10.0)
    world.executed("SELL", 100.0)
    assert world.refusal("a", side="SELL", quantity=100.0, reduce_only=True) == "reduce_only"
    world.executed("SELL", 100.0, recovered=True, exec_id="x.1.01")
    world.position(0.0)
    world.position(100.0)
    assert world.refusal("a", side="SELL", quantity=100.0, reduce_only=True) == ""


# -- what is told as something else


def test_working_orders_for_cash_count_by_what_they_buy() -> None:
    world = World(max_position=100)
    world.inputs.learn_contract(AAPL, None, None)
    cash: dict[str, Any] = {"quantity": 0.0, "cash_quantity": 600.0, **MARKET}
    world.inputs.on_event(f"quote/{AAPL}/", Quote(bid=10.0, ask=10.0, bid_size=1, ask_size=1))
    assert world.refusal("a", **cash) == ""
    assert world.refusal("b", **cash) == "max_position", "together they buy 120"
    assert world.refusal("b", quantity=41.0) == "max_position"
    assert world.refusal("b", quantity=40.0) == ""


def test_a_combo_counts_in_each_of_its_legs_by_ratio_and_side() -> None:
    world = World(max_position=10)
    assert world.refusal("a", instrument=CALENDAR, quantity=6.0) == "max_position", "it sells 12 of 102"
    assert world.refusal("a", instrument=CALENDAR, quantity=5.0) == ""
    assert world.refusal("b", instrument="CONID:101:CBOE", quantity=6.0) == "max_position"
    assert world.refusal("b", instrument="CONID:102:CBOE", side="SELL", quantity=1.0) == "max_position"
    assert world.refusal("c", instrument="CONID:102:CBOE", side="BUY", quantity=10.0) == ""
    assert world.refusal("d", instrument=CALENDAR, side="SELL", quantity=1.0) == "max_position"


def test_what_combos_have_filled_is_held_in_their_legs() -> None:
    world = World(max_position=10)
    assert world.refusal("a", instrument=CALENDAR, quantity=5.0) == ""
    world.desk.accepted(total_quantity=5.0)
    world.desk.says(order_status(1, "Filled", filled=5.0))
    world.desk.later(1.1)
    world.desk.snapshot()
    assert world.inputs.position("strategy", "s", "CONID:102:CBOE") == -10.0
    assert world.refusal("b", instrument="CONID:102:CBOE", side="SELL", quantity=1.0) == "max_position"
    assert world.refusal("b", instrument="CONID:102:CBOE", side="BUY", quantity=20.0) == ""


def test_an_order_for_several_accounts_is_held_to_the_limits_of_each() -> None:
    desk = Desk(up=False)
    desk.session_up(accounts=("DU1", "DU2"))
    desk.snapshot()
    inputs = LiveRiskInputs(desk.core.book, lambda _i: None, lambda: 0.0, repeat_s=5.0)
    limits = Risk(account={"DU2": RiskLimits(max_order_quantity=5, max_open_orders=1)})
    desk.core.pipeline.guard = RiskGuard(limits, inputs)
    assert rule_of(desk.place("a", extra={"faGroup": "All"})) == "max_order_quantity"
    assert rule_of(desk.place("b", account="DU1")) == ""
    assert rule_of(desk.place("c", extra={"faGroup": "All"}, quantity=5.0)) == ""
    assert rule_of(desk.place("d", account="DU2", quantity=1.0)) == "max_open_orders"


def test_an_exercise_on_its_way_counts_as_the_shares_it_brings() -> None:
    world = World(max_position=200)
    call = "OPT:AAPL:SMART:USD:20270115:C:180"

    def exercise(cid: str) -> str:
        caller = Caller(answers=[])
        args = ExerciseOption(strategy="s", client_order_id=cid, instrument=call, quantity=2)
        return rule_of(world.desk.ask(lambda: world.desk.core.request(args, caller, world.desk.now), caller))

    assert exercise("x") == "max_position", "how many shares that is only the contract says"
    world.inputs.learn_contract(call, "100", None)
    assert exercise("x") == ""
    assert exercise("y") == "max_position"
    assert world.refusal("a", quantity=1.0) == "max_position"
    assert world.refusal("a", quantity=1.0, side="SELL") == ""


@pytest.mark.parametrize("instrument", ["OPT:BARC:ICEEU:GBP:20261218:C:2", "FOP:CL:NYMEX:USD:20261116:C:80"])
def test_the_multiplier_of_an_option_is_its_contracts(instrument: str) -> None:
    """100 is only the usual one: here it is 1,000."""
    world = World(max_order_notional=5_000)
    option: dict[str, Any] = {"instrument": instrument, "quantity": 20.0, "limit_price": 1.0}
    caller = world.desk.place("a", **option)
    assert "is not known at present" in caller.answer.message
    world.inputs.learn_contract(instrument, "1000", None)
    assert world.refusal("a", **option) == "max_order_notional"
    assert world.refusal("a", **option | {"quantity": 5.0}) == ""


@pytest.mark.parametrize(
    "order",
    [
        {"order_type": "TRAIL", "trail_amount": 1.0, "trail_stop_price": 60.0},
        {"order_type": "TRAIL", "trail_amount": 45.0},
        {"order_type": "TRAIL", "trail_percent": 90.0, "quantity": 300.0},
        {"order_type": "VOL", "limit_price": 0.01, "quantity": 600.0, "extra": {"volatility": 0.2}},
        {"order_type": "LMT + MKT", "limit_price": 0.01, "quantity": 600.0},
    ],
)
def test_a_price_that_bounds_nothing_is_not_what_an_order_is_worth(order: dict[str, Any]) -> None:
    world = World(max_order_notional=5_000)
    world.inputs.learn_contract(AAPL, None, None)
    world.inputs.on_event(f"quote/{AAPL}/", Quote(bid=10.0, ask=10.0, bid_size=1, ask_size=1))
    assert world.refusal("a", **{"limit_price": None, "quantity": 100.0, **order}) == "max_order_notional"


def test_a_double_is_one_across_a_restart_of_the_node() -> None:
    desk = Desk()
    desk.place("a")
    desk.place("b", quantity=11.0)
    desk.crash()
    desk.session_up(next_order_id=3)
    desk.lists_nothing()
    inputs = LiveRiskInputs(desk.core.book, lambda _i: None, lambda: 0.0, repeat_s=5.0)
    guard = RiskGuard(Risk(duplicate_s=60), inputs)
    guard.recall(sent_orders(desk.core.book), desk.now.ns)
    desk.core.pipeline.guard = guard
    assert rule_of(desk.place("c")) == "duplicate_s"
    assert rule_of(desk.place("c", quantity=12.0)) == ""
    again = PlaceOrder(client_order_id="d", **BASE)
    with pytest.raises(RequestError):
        guard.check([again], [next(inputs.open_orders())], desk.now.ns)


def test_what_others_have_working_in_an_account_counts_for_its_limits() -> None:
    world, mine = World(), RiskLimits(max_position=100, max_orders_per_side=2)
    limits = Risk(max_open_orders=1, account={"DU1": mine})
    rows = [foreign("BUY", 60.0, 10.0), foreign("BUY", 30.0, account="DU2"), foreign("SELL", 5.0, odd=True)]
    world.inputs = LiveRiskInputs(
        world.desk.core.book, lambda _i: None, lambda: world.mono, repeat_s=5.0, foreign=lambda: rows
    )
    world.desk.core.pipeline.guard = RiskGuard(limits, world.inputs)
    world.position(0.0)
    assert world.refusal("a", quantity=51.0) == "max_position"
    assert world.refusal("a", quantity=50.0) == "", "its strategy has no order open"
    rows.append(foreign("BUY", 0.0))
    world.desk.accepted(total_quantity=50.0)
    world.desk.cancel()
    world.desk.says(order_status(1, "Cancelled"))
    assert world.refusal("b", quantity=1.0) == "max_orders_per_side"
    world.position(100.0)
    rows[:] = [foreign("SELL", 100.0)]
    assert world.refusal("b", side="SELL", quantity=100.0, reduce_only=True) == "", "a stop set by hand"


def foreign(side: str, quantity: float, filled: float = 0.0, account: str = "DU1", odd: bool = False) -> Any:
    instrument = "STK:A\x1bB:SMART:USD" if odd else AAPL
    return ForeignOrder(
        perm_id=1, client_id=0, order_id=0, instrument=instrument, side=side, quantity=quantity,
        order_type="LMT", account=account, tif="DAY", status="Submitted", filled=filled, reference="",
    )  # fmt: skip


def test_the_result_of_an_order_for_several_accounts_is_that_of_who_got_it() -> None:
    world = World(max_daily_loss=3.0)
    world.inputs.on_event("account/", DOLLARS)
    assert world.refusal("a", extra={"faGroup": "All"}) == ""
    world.desk.accepted()
    world.desk.says(execution(1), tws.CommissionReport(f"{EXEC}.01.01", 1.0, "USD", -5.0, None, None))
    assert world.inputs.daily_pnl("strategy", "s", world.desk.now.ns) == -5.0
    assert world.refusal("b") == "max_daily_loss"


def test_what_no_position_ever_answers_does_not_add_up() -> None:
    unsettled = Unsettled()
    for mono in range(1_000):
        unsettled.executed(("DU1", 1), 1.0, float(mono))
        unsettled.moved(("DU2", 1), 1.0, float(mono), ahead=True)
    unsettled.executed(("DU2", 1), 1e9, 1_000.0)
    assert sum(units for _, units in unsettled.of("DU1", 1_000.0)) < 2 * SETTLED_S
    (left,) = (units for _, units in unsettled.of("DU2", 1_000.0))
    assert left > 1e9 - 2 * SETTLED_S
