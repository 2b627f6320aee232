"""One order's life as a client and the gateway see it, told as events and their consequences."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from support.orders_desk import AAPL, Caller, Desk
from support.orders_reports import EXEC, execution, open_order, order_status
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq
from twsmq_protocol.order_control_requests import GetAccountExecutions
from twsmq_protocol.order_events import Order
from twsmq_protocol.order_query_requests import GetExecutions
from twsmq_protocol.requests import GetOrders, OrderAccepted


@pytest.fixture
def desk() -> Desk:
    return Desk()


# -- requests


def test_nothing_is_written_before_its_intent_is_durable_and_nothing_answered_before_it_is_written() -> None:
    desk = Desk(auto=False, up=False)
    desk.session_up()
    desk.snapshot()
    caller = desk.place()
    assert desk.core.waiting
    desk.admit()
    assert len(desk.uncommitted) == 1
    assert not desk.wire
    assert not desk.published
    assert not caller.answers
    desk.commit()
    (request,) = desk.wire
    assert isinstance(request, rq.PlaceOrder)
    assert (request.order_id, request.order.order_ref, request.order.account) == (1, "s/a", "DU1")
    assert caller.answer == OrderAccepted(client_order_id="a", order_id=1, status="pending")
    assert [event.status for event in desk.published] == ["pending"]


def test_the_same_request_again_returns_the_first_answer_and_another_one_is_a_conflict(desk: Desk) -> None:
    first = desk.place().answer
    desk.accepted()
    assert desk.place().answer == first
    other = desk.place(quantity=11.0)
    assert (other.code, other.answer.field) == ("conflict", "quantity")
    assert len(desk.wire) == 1


def test_two_callers_with_one_key_at_once_share_one_order() -> None:
    desk = Desk(auto=False, up=False)
    desk.session_up()
    desk.snapshot()
    at_the_gate = [desk.place(), desk.place()]
    desk.admit()
    in_the_journal = desk.place()
    conflict = desk.place(limit_price=2.0)
    assert conflict.code == "conflict"
    desk.commit()
    assert len(desk.wire) == 1
    assert [c.answer.order_id for c in (*at_the_gate, in_the_journal)] == [1, 1, 1]


def test_no_order_is_taken_before_a_complete_snapshot_of_this_session() -> None:
    desk = Desk(up=False)
    assert desk.place().code == "not_ready"
    desk.session_up()
    assert desk.place().code == "not_ready"
    desk.says(tws.OpenOrderEnd(), tws.ExecDetailsEnd(1))
    assert desk.state == "reconciling"
    desk.says(tws.OpenOrderEnd(), tws.ExecDetailsEnd(1))
    desk.says(tws.ExecDetailsEnd(desk.asked[-1].req_id), tws.CompletedOrdersEnd())  # type: ignore[attr-defined]
    assert desk.state == "ready"
    assert desk.place().answer.order_id == 1


def test_an_open_order_end_before_next_valid_id_closes_nothing() -> None:
    desk = Desk(up=False)
    desk.says(open_order(1), order_status(1, "Submitted"), tws.OpenOrderEnd())
    desk.session_up()
    assert desk.state == "reconciling"
    desk.snapshot()
    assert desk.state == "ready"


def test_order_ids_only_rise_even_when_next_valid_id_rolls_back(desk: Desk) -> None:
    desk.session_up(next_order_id=50)
    desk.snapshot()
    assert desk.place("a").answer.order_id == 50
    desk.session_lost()
    desk.session_up(next_order_id=3)
    desk.snapshot(open_order(50))
    assert desk.place("b").answer.order_id == 51
    desk.crash()
    desk.session_up(next_order_id=3)
    desk.snapshot(open_order(50), open_order(51, "b"))
    assert desk.place("c").answer.order_id == 52


@pytest.mark.parametrize(
    ("accounts", "asked", "code"),
    [
        (("DU1",), None, None),
        (("DU1", "DU2"), None, "invalid_argument"),
        (("DU1", "DU2"), "DU2", None),
        (("DU1",), "DU9", "invalid_argument"),
        (("U1",), None, "risk_rejected"),
        (("DF1",), None, None),
    ],
)
def test_accounts(accounts: tuple[str, ...], asked: str | None, code: str | None) -> None:
    desk = Desk(up=False)
    desk.session_up(accounts=accounts)
    desk.snapshot()
    caller = desk.place(account=asked)
    if code is None:
        assert caller.answer.status == "pending"
    else:
        assert (caller.code, caller.answer.field) == (code, "account")
        assert not desk.committed


def test_a_live_account_trades_when_allowed() -> None:
    desk = Desk(up=False, allow_live=True)
    desk.session_up(accounts=("U1",))
    desk.snapshot()
    assert desk.place().answer.status == "pending"


def test_what_cannot_be_encoded_is_refused_and_leaves_no_trace(desk: Desk) -> None:
    caller = desk.place(instrument="STK:ÄÖÜ:SMART:USD")
    assert (caller.code, caller.answer.field) == ("invalid_argument", "symbol")
    assert not desk.committed
    assert not desk.core.orders(GetOrders()).orders
    assert desk.place(instrument="STK:IBM:SMART:USD").answer.order_id == 1


def test_valid_until_counts_at_the_gate_too() -> None:
    desk = Desk(auto=False, up=False)
    desk.session_up()
    desk.snapshot()
    caller = desk.place(caller=Caller(valid_until=desk.now.ns + 1_000_000, answers=[]))
    desk.later(1.0)
    desk.admit()
    assert caller.code == "timeout"
    assert not desk.uncommitted


def test_what_waits_at_the_gate_when_the_session_ends_leaves_no_trace() -> None:
    desk = Desk(auto=False, up=False)
    desk.session_up()
    desk.snapshot()
    caller = desk.place()
    desk.session_lost()
    assert caller.code == "not_ready"
    assert not desk.core.waiting
    assert not desk.core.book.records


# -- accepted, filled, charged


def test_accepted_filled_and_charged_in_the_order_captured_from_a_gateway(desk: Desk) -> None:
    desk.place()
    desk.accepted(word="PreSubmitted")
    desk.accepted(word="PreSubmitted")
    desk.says(
        execution(1, price=1.5),
        open_order(1, word="Filled"),
        order_status(1, "Filled", filled=10.0, avg_fill_price=1.5),
        open_order(1, word="Filled"),
        order_status(1, "Filled", filled=10.0, avg_fill_price=1.5),
        tws.CommissionReport(f"{EXEC}.01.01", 1.0, "USD", None, None, None),
    )
    statuses = [event.status for event in desk.told(Order)]
    assert statuses == ["pending", "submitted", "filled", "filled"]
    (fill,) = desk.fills()
    assert (fill.side, fill.quantity, fill.price, fill.recovered) == ("BUY", 10.0, 1.5, False)
    assert fill.time == 1_790_586_296_000_000_000
    (commission,) = desk.commissions()
    assert (commission.exec_id, commission.commission) == (fill.exec_id, 1.0)
    last = desk.order()
    assert (last.filled, last.remaining, last.avg_price, last.perm_id) == (10.0, 0.0, 1.5, 9001)
    assert ("s", "a") not in desk.retained
    assert [event.event_no for event in desk.published] == list(range(1, len(desk.published) + 1))


def test_filled_without_ever_being_submitted(desk: Desk) -> None:
    desk.place()
    desk.says(execution(1))
    assert (desk.status(), desk.order().remaining) == ("filled", 0.0)


def test_an_order_status_says_filled_before_its_execution_comes(desk: Desk) -> None:
    """Captured: orderStatus Filled 100 ms before its execDetails."""
    desk.place()
    desk.accepted()
    desk.says(order_status(1, "Filled", filled=10.0, avg_fill_price=1.0))
    assert desk.status() == "submitted"
    desk.says(execution(1))
    assert desk.status() == "filled"
    desk.later(2.0)
    assert not desk.told(Order)[-1].reason


def test_executions_that_never_come_are_asked_for_and_then_the_gateways_word_has_to_do(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.says(order_status(1, "Filled", filled=10.0))
    desk.later(1.1)
    desk.snapshot(executions=[execution(1, shares=4.0, req_id=1)])
    assert [(fill.quantity, fill.recovered) for fill in desk.fills()] == [(4.0, True)]
    assert desk.status() == "filled"
    assert "4 only" in (desk.order().reason or "")


def test_each_execution_counts_once_and_a_correction_replaces(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.says(execution(1, f"{EXEC}.01.01", 4.0), execution(1, f"{EXEC}.01.01", 4.0))
    assert (desk.status(), desk.order().filled) == ("partially_filled", 4.0)
    desk.says(execution(1, f"{EXEC}.01.02", 3.0, price=2.0), execution(1, f"{EXEC}.01.01", 4.0))
    assert (desk.order().filled, desk.order().avg_price) == (3.0, 2.0)
    assert [(fill.quantity, fill.corrects) for fill in desk.fills()] == [(4.0, None), (3.0, f"{EXEC}.01.01")]
    desk.says(execution(1, f"{EXEC}.02.01", 7.0))
    assert (desk.status(), desk.order().filled) == ("filled", 10.0)


@pytest.mark.parametrize("price", [0.0, 1.0, None])
@pytest.mark.parametrize("shares", [4.0, 10.0])
def test_an_execution_that_is_corrected_to_nothing_counts_no_more(
    desk: Desk, shares: float, price: float | None
) -> None:
    """A trade that the exchange has busted."""
    desk.place()
    desk.accepted()
    taken_back = execution(1, f"{EXEC}.01.02", 0.0)
    taken_back = replace(taken_back, execution=replace(taken_back.execution, price=price))
    desk.says(execution(1, f"{EXEC}.01.01", shares), taken_back)
    order = desk.order()
    assert (order.filled, order.remaining, order.avg_price) == (0.0, 10.0, None)
    assert order.status == ("filled" if shares == 10.0 else "submitted"), "nothing leaves filled"
    assert [(fill.quantity, fill.corrects) for fill in desk.fills()][1:] == [(0.0, f"{EXEC}.01.01")]
    assert f"{EXEC}.01.01 of {shares:g} was taken back" in desk.notices()[-1].text
    assert desk.core.executions(GetExecutions()).executions == []
    assert desk.core.account_executions(GetAccountExecutions()).executions == []
    assert desk.core.book.positions["s", "DU1", AAPL] == 0.0
    desk.says(execution(1, f"{EXEC}.01.01", shares), execution(1, f"{EXEC}.09.02", 0.0))
    assert len(desk.fills()) == 2, "neither an old one again, nor nothing of what was never executed"
    desk.crash()
    assert desk.order() == order


def test_what_was_taken_back_has_brought_nothing(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.says(execution(1, f"{EXEC}.01.01", time="20260921 12:00:00 US/Eastern"))
    desk.says(tws.CommissionReport(f"{EXEC}.01.01", 1.0, "USD", -500.0, None, None))
    assert desk.core.book.results.of("s", desk.now.ns) == {("DU1", "USD"): -500.0}
    desk.says(execution(1, f"{EXEC}.01.02", 0.0, time="20260921 12:00:00 US/Eastern"))
    assert desk.core.book.results.of("s", desk.now.ns) == {("DU1", "USD"): 0.0}


def test_a_commission_that_comes_first_waits_for_its_execution_and_is_told_once(desk: Desk) -> None:
    report = tws.CommissionReport(f"{EXEC}.01.01", 1.0, "USD", None, None, None)
    desk.place()
    desk.says(report)
    assert not desk.commissions()
    desk.says(execution(1), report)
    assert len(desk.commissions()) == 1


# -- modified


def test_orders_of_another_client_are_not_ours(desk: Desk) -> None:
    desk.place()
    desk.says(
        open_order(1, client_id=7, perm_id=4, order_ref="theirs"),
        order_status(1, "Cancelled", client_id=7, perm_id=4),
        execution(1, client_id=7, perm_id=4, order_ref=""),
    )
    assert desk.status() == "pending"
    assert not desk.fills()


def test_an_order_id_that_belonged_to_another_reference_is_not_ours(desk: Desk) -> None:
    desk.place()
    desk.says(open_order(1, order_ref="someone/else", perm_id=5))
    assert desk.status() == "pending"
