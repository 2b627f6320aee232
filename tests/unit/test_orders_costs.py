"""Executions and what they cost where they come doubled, late, in parts, by several accounts or by legs."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.orders_desk import Desk
from support.orders_reports import EXEC, end_of, execution, open_order
from twsmq.mirrors import StrategyMirror
from twsmq_nodes.orders.foreign.watch import FOREIGN_S
from twsmq_nodes.tws import events as tws
from twsmq_protocol.order_control_requests import GetAccountExecutions
from twsmq_protocol.order_events import AccountExecution, ForeignOrderChanged
from twsmq_protocol.order_query_requests import GetExecutions

ACCOUNTS = ("DF1", "DU2", "DU3")
GROUP: dict[str, Any] = {"extra": {"faGroup": "All"}}
PERM = 77


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.place()
    desk.accepted()
    return desk


def cost(
    number: str, commission: float | None, currency: str = "USD", realized: float | None = None
) -> tws.CommissionReport:
    return tws.CommissionReport(f"{EXEC}.{number}", commission, currency, realized, None, None)


def row(desk: Desk) -> tuple[float | None, str | None, float | None]:
    (one,) = desk.core.executions(GetExecutions()).executions
    (other,) = desk.core.account_executions(GetAccountExecutions()).executions
    told = (one.commission, one.currency, one.realized_pnl)
    assert told == (other.commission, other.currency, other.realized_pnl)
    return told


def results(desk: Desk) -> dict[tuple[str, str], float]:
    there = desk.core.book.results.of("s", desk.now.ns)
    return {at: amount for at, amount in there.items() if amount}


def test_a_cost_that_says_less_than_before_takes_nothing_back(desk: Desk) -> None:
    """Asked for again, a gateway need not know the realised result any more."""
    desk.says(execution(1), cost("01.01", 1.0, realized=-25.0), cost("01.01", 1.0))
    assert row(desk) == (1.0, "USD", -25.0)
    assert results(desk) == {("DU1", "USD"): -25.0}
    assert len(desk.commissions()) == 1


@pytest.mark.parametrize("first", [True, False])
def test_an_empty_report_is_no_cost(desk: Desk, first: bool) -> None:
    """pysystemtrade pull request 1661: the first one is empty, and the cost comes later."""
    told = [cost("01.01", 0.0, ""), cost("01.01", 1.5, realized=-4.0)]
    desk.says(execution(1), *(told if first else reversed(told)))
    assert row(desk) == (1.5, "USD", -4.0)
    assert results(desk) == {("DU1", "USD"): -4.0}


def test_a_cost_that_comes_anew_in_another_currency_replaces_the_old_one(desk: Desk) -> None:
    desk.says(execution(1), cost("01.01", 5.0, realized=-9.0), cost("01.01", 4.5, "EUR", -8.0))
    assert row(desk) == (4.5, "EUR", -8.0)
    assert results(desk) == {("DU1", "EUR"): -8.0}


def test_what_is_realised_has_its_cost_in_it_already(desk: Desk) -> None:
    """Captured: two fills of MES at 7039.5 and 7039.25, with 0.62 commission each, realise -2.49."""
    desk.says(execution(1), cost("01.01", 0.62, realized=-2.49))
    assert results(desk) == {("DU1", "USD"): -2.49}


def test_a_rebate_is_a_cost_below_nothing(desk: Desk) -> None:
    desk.says(execution(1), cost("01.01", -0.3))
    assert row(desk) == (-0.3, "USD", None)
    assert results(desk) == {}, "what opens has realised nothing"


def test_a_corrected_execution_has_the_old_ones_cost_until_its_own_comes(desk: Desk) -> None:
    desk.says(execution(1), cost("01.01", 1.0, realized=-5.0), execution(1, f"{EXEC}.01.02", price=2.0))
    assert row(desk) == (1.0, "USD", -5.0)
    desk.says(cost("01.02", 1.2, realized=-6.0))
    assert row(desk) == (1.2, "USD", -6.0)
    assert results(desk) == {("DU1", "USD"): pytest.approx(-6.0)}


def test_a_correction_may_come_before_what_it_corrects(desk: Desk) -> None:
    desk.says(execution(1, f"{EXEC}.01.02", 4.0, 2.0), execution(1, f"{EXEC}.01.01", 5.0, 1.0))
    assert (desk.order().filled, desk.order().avg_price) == (4.0, 2.0)


def test_corrections_are_numbered_beyond_nine(desk: Desk) -> None:
    for number in ("09", "10", "2"):
        desk.says(execution(1, f"{EXEC}.01.{number}", float(number)))
    assert desk.order().filled == 10.0


@pytest.mark.parametrize(
    "parts", [(0.12345678, 0.1, 0.02222222), (0.1, 0.1, 0.04567900), (1e-8, 0.24567898, 1e-8)]
)
def test_parts_of_a_coin_add_up(parts: tuple[float, ...]) -> None:
    desk = Desk()
    desk.place(instrument="CRYPTO:BTC:PAXOS:USD", quantity=0.245679)
    desk.accepted(total_quantity=0.245679)
    for number, shares in enumerate(parts, 1):
        assert desk.status() in ("submitted", "partially_filled")
        desk.says(execution(1, f"{EXEC}.0{number}.01", shares, 64_000.0))
    assert desk.status() == "filled"
    assert desk.order().remaining == pytest.approx(0.0, abs=1e-12)


def test_the_least_part_of_a_coin_that_is_left_is_left() -> None:
    desk = Desk()
    desk.place(instrument="CRYPTO:BTC:PAXOS:USD", quantity=2e-8)
    desk.accepted(total_quantity=2e-8)
    desk.says(execution(1, shares=1e-8))
    assert (desk.status(), desk.order().remaining) == ("partially_filled", 1e-8)


def test_of_an_order_that_fills_over_midnight_all_counts_and_of_its_costs_the_days(desk: Desk) -> None:
    early, late = "20260921-22:00:00", "20260922-09:00:00"
    desk.later(10 * 3600.0)
    desk.says(execution(1, f"{EXEC}.01.01", 4.0, time=early), cost("01.01", 1.0, realized=-1.0))
    assert results(desk) == {("DU1", "USD"): -1.0}
    desk.session_lost()
    desk.later(12 * 3600.0)
    desk.session_up()
    desk.snapshot(
        executions=[
            execution(1, f"{EXEC}.02.01", 6.0, time=late, req_id=9),
            cost("02.01", 1.0, realized=-2.0),
        ]
    )
    desk.says(cost("01.01", 1.5, realized=-7.0))  # of yesterday's, once more
    assert (desk.status(), desk.order().filled) == ("filled", 10.0)
    assert results(desk) == {("DU1", "USD"): -2.0}


# -- an adviser's order for several accounts


def for_a_group(**changes: Any) -> Desk:
    desk = Desk(up=False)
    desk.session_up(accounts=ACCOUNTS)
    desk.snapshot()
    desk.place(**(GROUP | changes))
    desk.accepted(account="DF1", total_quantity=changes.get("quantity", 10.0))
    return desk


MASTER = [execution(1, f"{EXEC}.0{n}.01", 5.0, 1.0 + n, acct_number="DF1") for n in (1, 2)]
ALLOTTED = [
    execution(1, f"{EXEC}.0{n}.01", 5.0, 2.5, acct_number=account) for n, account in ((3, "DU2"), (4, "DU3"))
]


@pytest.mark.parametrize(
    "told", [[*MASTER, *ALLOTTED], [*ALLOTTED, *MASTER], [MASTER[0], ALLOTTED[0], ALLOTTED[1], MASTER[1]]]
)
def test_what_an_advisers_order_allots_is_not_executed_twice(told: list[tws.Event]) -> None:
    """First come executions of the order, under the adviser's own account, then what each of the others gets
    of them (Lean, InteractiveBrokersBrokerage)."""
    desk = for_a_group(quantity=20.0)
    desk.says(*told)
    assert (desk.status(), desk.order().filled, desk.order().avg_price) == ("partially_filled", 10.0, 2.5)
    assert desk.core.book.positions["s", "", "STK:AAPL:SMART:USD"] == 10.0
    rows = desk.core.account_executions(GetAccountExecutions()).executions
    assert sorted(one.account for one in rows) == ["DF1", "DF1", "DU2", "DU3"]
    mirror = StrategyMirror("s")
    for event in desk.published:
        mirror.take(event)
    assert {one.exec_id: one.leg for one in mirror.fills("a")} == {
        **{one.execution.exec_id: False for one in MASTER},
        **{one.execution.exec_id: True for one in ALLOTTED},
    }


def test_what_is_told_of_the_others_alone_counts() -> None:
    desk = for_a_group()
    desk.says(*ALLOTTED)
    assert (desk.status(), desk.order().filled) == ("filled", 10.0)


def test_costs_of_what_is_allotted_count_once() -> None:
    desk = for_a_group(quantity=20.0)
    mine = [cost("01.01", 1.0, realized=-5.0), cost("02.01", 1.0, realized=-5.0)]
    others = [cost("03.01", 1.0, realized=-4.0), cost("04.01", 1.0, realized=-6.0)]
    desk.says(*(each for part in (MASTER, mine, ALLOTTED, others) for each in part))
    assert sum(results(desk).values()) == -10.0


def test_costs_of_what_is_allotted_count_once_if_they_come_first() -> None:
    desk = for_a_group(quantity=20.0)
    others = [cost("03.01", 1.0, realized=-4.0), cost("04.01", 1.0, realized=-6.0)]
    desk.says(*ALLOTTED, *others)
    assert sum(results(desk).values()) == -10.0
    desk.says(*MASTER, cost("01.01", 1.0, realized=-5.0), cost("02.01", 1.0, realized=-5.0))
    assert sum(results(desk).values()) == -10.0


def test_an_order_for_one_of_an_advisers_accounts_is_executed_there() -> None:
    desk = for_a_group(extra={}, account="DU2")
    desk.says(*[execution(1, f"{EXEC}.0{n}.01", 5.0, acct_number="DU2") for n in (1, 2)])
    assert (desk.status(), desk.order().filled) == ("filled", 10.0)


# -- others' combos


def combo(event: Any, sec_type: str) -> Any:
    con_id = 28812380 if sec_type == "BAG" else 900
    return replace(event, contract=replace(event.contract, sec_type=sec_type, con_id=con_id, symbol="SPY"))


def theirs(number: str, shares: float, sec_type: str) -> tws.ExecDetails:
    seen = execution(7, f"{EXEC}.{number}.01", shares, client_id=3, perm_id=PERM, order_ref="")
    return combo(seen, sec_type)


@pytest.mark.parametrize("whole_first", [True, False])
def test_of_anothers_combo_the_legs_are_no_executions_of_its_own(whole_first: bool) -> None:
    desk = Desk(alone=False)
    opened = open_order(7, "", client_id=3, perm_id=PERM, order_ref="")
    desk.says(combo(opened, "BAG"))
    whole, legs = theirs("01", 4.0, "BAG"), [theirs("02", 4.0, "OPT"), theirs("03", 4.0, "OPT")]
    desk.says(*([whole, *legs] if whole_first else [*legs, whole]))
    told = [event for event in desk.announced if isinstance(event, AccountExecution)]
    assert sorted(event.leg for event in told) == [False, True, True]
    desk.later(FOREIGN_S)
    while desk.asked:
        desk.says(end_of(desk.asked.pop(0)))
    ended = [event for event in desk.announced if isinstance(event, ForeignOrderChanged)][-1]
    assert (ended.working, ended.filled, ended.status) == (False, 4.0, "Submitted")


def test_executions_of_anothers_combo_whose_order_was_never_seen() -> None:
    desk = Desk()
    desk.says(theirs("01", 4.0, "BAG"), theirs("02", 4.0, "OPT"))
    rows = desk.core.account_executions(GetAccountExecutions()).executions
    assert [one.leg for one in rows] == [False, True]


def test_fractions_add_up_to_what_a_person_would_say() -> None:
    desk = Desk()
    trades = (("a", "BUY", 0.1), ("b", "BUY", 0.2), ("c", "SELL", 0.3))
    for number, (cid, side, quantity) in enumerate(trades, 1):
        desk.place(cid, side=side, quantity=quantity)
        desk.accepted(number, cid, action=side, total_quantity=quantity)
    parts = [(1, 0.1, "a", "01"), (2, 0.2, "b", "02"), *((3, 0.1, "c", f"0{n}") for n in (3, 4))]
    for order_id, shares, cid, number in parts:
        side = "SLD" if cid == "c" else "BOT"
        desk.says(execution(order_id, f"{EXEC}.{number}.01", shares, side=side, order_ref=f"s/{cid}"))
    assert desk.order("c").remaining == 0.1
    desk.says(execution(3, f"{EXEC}.05.01", 0.1, side="SLD", order_ref="s/c"))
    assert (desk.status("c"), desk.order("c").filled) == ("filled", 0.3)
    assert [*desk.core.book.positions.values()] == [0.0]
