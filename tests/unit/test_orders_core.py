"""One order's life as a client and the gateway see it, told as events and their consequences."""

from __future__ import annotations

from typing import Any

import pytest
from support.orders_desk import EXEC, Caller, Desk, error, execution, open_order, order_status
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq
from twsmq_protocol.order_events import Order
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


def test_a_commission_that_comes_first_waits_for_its_execution_and_is_told_once(desk: Desk) -> None:
    report = tws.CommissionReport(f"{EXEC}.01.01", 1.0, "USD", None, None, None)
    desk.place()
    desk.says(report)
    assert not desk.commissions()
    desk.says(execution(1), report)
    assert len(desk.commissions()) == 1


# -- cancelled, refused


def test_cancelled_in_the_order_captured_status_first_then_202(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    assert desk.cancel().answer.status == "pending_cancel"
    assert desk.wire[-1] == rq.CancelOrder(1)
    desk.accepted(word="PendingCancel")
    desk.says(order_status(1, "Cancelled", remaining=10.0), error(1, 202, "Order Canceled - reason:"))
    last = desk.order()
    assert (last.status, last.reason, last.tws_code) == ("cancelled", "Order Canceled - reason:", 202)
    assert desk.cancel().answer.status == "cancelled"


def test_202_before_the_status_is_the_same(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.cancel()
    desk.says(error(1, 202, "Order Canceled - reason:"), order_status(1, "Cancelled", remaining=10.0))
    assert (desk.status(), desk.order().tws_code) == ("cancelled", 202)


def test_a_fill_that_crosses_the_cancel_counts(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.cancel()
    desk.says(order_status(1, "Cancelled"), execution(1, shares=4.0))
    assert (desk.status(), desk.order().filled, desk.order().remaining) == ("cancelled", 4.0, 6.0)
    desk.says(execution(1, f"{EXEC}.02.01", shares=6.0))
    assert desk.status() == "filled"


@pytest.mark.parametrize("code", [161, 10147, 10148])
def test_a_refused_cancel_leaves_the_order_where_it_stood(desk: Desk, code: int) -> None:
    desk.place()
    desk.accepted()
    desk.cancel()
    desk.says(error(1, code, "no"))
    assert (desk.status(), desk.order().reason, desk.order().tws_code) == ("submitted", "no", code)
    assert desk.cancel().answer.status == "pending_cancel"
    assert desk.wire[-2:] == [rq.CancelOrder(1), rq.CancelOrder(1)]


def test_a_cancel_of_an_order_that_waits_at_the_gate_means_it_is_never_sent() -> None:
    desk = Desk(auto=False, up=False)
    desk.session_up()
    desk.snapshot()
    placing = desk.place()
    cancelling = desk.cancel()
    assert placing.code == "conflict"
    assert (cancelling.answer.status, cancelling.answer.order_id) == ("cancelled", None)
    assert not desk.core.waiting
    assert not desk.uncommitted


def test_a_cancel_never_overtakes_its_own_order() -> None:
    desk = Desk(auto=False, up=False)
    desk.session_up()
    desk.snapshot()
    desk.place()
    desk.admit()
    desk.cancel()
    desk.commit()
    desk.admit()
    assert [type(request) for request in desk.wire] == [rq.PlaceOrder, rq.CancelOrder]


@pytest.mark.parametrize(("code", "status"), [(200, "rejected"), (201, "rejected"), (321, "rejected")])
def test_a_local_rejection_is_an_error_and_nothing_else(desk: Desk, code: int, status: str) -> None:
    desk.place()
    desk.says(error(1, code, "why"))
    assert (desk.status(), desk.order().reason, desk.order().tws_code) == (status, "why", code)


def statuses(desk: Desk) -> list[str]:
    return [event.status for event in desk.told(Order)]


def test_a_refusal_in_disguise_is_never_told_as_a_cancellation(desk: Desk) -> None:
    """Discarded: orderStatus Cancelled, then 201 (captured)."""
    desk.place()
    desk.says(order_status(1, "Cancelled"))
    desk.later(0.4)
    desk.says(error(1, 201, "Order rejected - reason:Order was discarded."))
    desk.later(0.5)
    assert statuses(desk) == ["pending", "rejected"]
    assert (desk.order().tws_code, desk.order().gateway_status) == (201, "Cancelled")


def test_a_cancellation_nobody_here_asked_for_is_told_with_its_reason(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.says(order_status(1, "Cancelled", remaining=10.0), error(1, 202, "Order Canceled - reason:"))
    assert statuses(desk)[-2:] == ["submitted", "cancelled"]
    assert (desk.order().reason, desk.order().tws_code) == ("Order Canceled - reason:", 202)


def test_a_cancellation_that_nothing_explains_is_told_soon(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.says(order_status(1, "Cancelled", remaining=10.0))
    desk.says(order_status(1, "Cancelled", remaining=10.0))
    desk.later(0.4)
    assert desk.status() == "submitted"
    desk.later(0.1)
    assert (desk.status(), desk.order().reason) == (
        "cancelled",
        "the gateway cancelled it and gave no reason",
    )
    assert statuses(desk).count("cancelled") == 1


def test_each_cancellation_waits_for_its_own_time(desk: Desk) -> None:
    for order_id, cid in ((1, "a"), (2, "b")):
        desk.place(cid)
        desk.accepted(order_id, cid)
        desk.says(order_status(order_id, "Cancelled", remaining=10.0))
        desk.later(0.3)
    assert (desk.status("a"), desk.status("b")) == ("cancelled", "submitted")
    desk.later(0.2)
    assert desk.status("b") == "cancelled"


def test_executions_that_cross_an_unexplained_cancellation_count(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.says(order_status(1, "Cancelled", remaining=10.0), execution(1, shares=4.0))
    desk.later(0.5)
    order = desk.order()
    assert (order.status, order.filled, order.remaining, order.avg_price) == ("cancelled", 4.0, 6.0, 1.0)


def test_a_cancellation_that_waits_for_its_reason_gives_way_to_the_last_fill(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.says(order_status(1, "Cancelled", remaining=10.0), execution(1))
    desk.later(0.5)
    assert (desk.status(), desk.order().filled, desk.order().reason) == ("filled", 10.0, None)


def test_inactive_may_revive(desk: Desk) -> None:
    desk.place()
    desk.accepted(word="Inactive")
    assert desk.status() == "inactive"
    assert ("s", "a") in desk.retained
    desk.accepted(word="Submitted")
    assert desk.status() == "submitted"


def test_a_duplicate_id_rejects_and_asks_for_the_next_valid_one(desk: Desk) -> None:
    desk.place()
    desk.says(error(1, 103, "Duplicate order id"))
    assert desk.status() == "rejected"
    assert isinstance(desk.asked[-1], rq.ReqIds)
    desk.says(tws.NextValidId(77))
    assert desk.place("b").answer.order_id == 77


@pytest.mark.parametrize("code", [110, 399, 404, 481, 2109, 2146, 10349])
def test_an_informational_code_changes_no_state(desk: Desk, code: int) -> None:
    desk.place()
    desk.accepted()
    before = desk.order()
    desk.says(error(1, code, "fyi"))
    assert desk.order() == before
    assert [(notice.tws_code, notice.text) for notice in desk.notices()] == [(code, "fyi")]


def test_a_complaint_that_says_nothing_about_the_order_is_settled_by_a_snapshot(desk: Desk) -> None:
    desk.place()
    desk.later(4.0)
    desk.says(error(1, 110, "The price does not conform"))
    assert desk.status() == "pending"
    desk.later(0.3)
    desk.snapshot()
    assert (desk.status(), desk.order().tws_code) == ("rejected", 110)


# -- modified


def test_a_modification_shows_once_the_gateway_shows_it(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    assert desk.modify(limit_price=1.5).answer.status == "submitted"
    request = desk.wire[-1]
    assert isinstance(request, rq.PlaceOrder)
    assert (request.order_id, request.order.limit_price) == (1, 1.5)
    assert desk.order().limit_price == 1.0
    desk.says(open_order(1, limit_price=1.5), order_status(1, "Submitted", remaining=10.0))
    assert desk.order().limit_price == 1.5
    assert desk.core.book.records["s", "a"].wanted is None


@pytest.mark.parametrize("code", [104, 105, 201, 321, 462, 2102, 110])
def test_a_refused_modification_leaves_the_order_as_it_was(desk: Desk, code: int) -> None:
    desk.place()
    desk.accepted()
    desk.modify(limit_price=1.5, quantity=20.0)
    desk.says(error(1, code, "no"))
    if code == 201:  # it may be the order's end: a snapshot shows that it is not
        desk.later(4.0)
        desk.snapshot(open_order(1))
    order = desk.order()
    assert (order.status, order.limit_price, order.quantity) == ("submitted", 1.0, 10.0)
    assert desk.core.book.records["s", "a"].wanted is None
    desk.modify(quantity=30.0)
    request = desk.wire[-1]
    assert isinstance(request, rq.PlaceOrder)
    assert (request.order.total_quantity, request.order.limit_price) == (30.0, 1.0)


def test_a_modification_that_one_before_it_has_made_needless_is_not_sent(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.auto = False
    first, second = desk.modify(limit_price=2.0), desk.modify(limit_price=2.0)
    desk.admit()
    desk.commit()
    desk.says(open_order(1, limit_price=2.0))
    desk.admit()
    desk.commit()
    assert first.answer == second.answer
    assert len(desk.wire) == 2
    assert desk.core.book.records["s", "a"].wanted is None


def test_a_modification_is_not_answered_for_the_bytes_of_the_one_before(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.auto = False
    first = desk.modify(quantity=20.0)
    desk.admit()
    durable = desk.core.book.last_no
    second = desk.modify(quantity=30.0)
    desk.admit()
    desk.committed, desk.uncommitted = desk.committed + desk.uncommitted[:1], desk.uncommitted[1:]
    desk.do(desk.core.durable(durable, desk.now))
    assert (first.answer.status, second.answers) == ("submitted", [])
    desk.session_lost()
    desk.commit()
    assert second.code == "not_ready"


def test_an_order_that_is_to_become_larger_is_not_done_with_its_old_quantity(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.modify(quantity=20.0)
    desk.says(execution(1, shares=10.0))
    assert desk.status() == "partially_filled"
    desk.says(open_order(1, total_quantity=20.0), order_status(1, "Submitted", filled=10.0, remaining=10.0))
    assert (desk.status(), desk.order().remaining) == ("partially_filled", 10.0)
    desk.says(execution(1, f"{EXEC}.02.01", shares=10.0))
    assert (desk.status(), desk.order().filled) == ("filled", 20.0)


@pytest.mark.parametrize("refused", [True, False])
def test_an_order_that_was_to_become_larger_too_late_is_done(desk: Desk, refused: bool) -> None:
    desk.place()
    desk.accepted()
    desk.modify(quantity=20.0)
    desk.says(execution(1, shares=10.0))
    if refused:
        desk.says(error(1, 104, "Cannot modify a filled order."))
    else:
        desk.says(open_order(1, word="Filled"), order_status(1, "Filled", filled=10.0))
    assert (desk.status(), desk.order().filled) == ("filled", 10.0)


def test_a_refusal_of_either_the_order_or_its_modification_is_settled_by_a_snapshot(desk: Desk) -> None:
    desk.place()
    desk.modify(limit_price=2.0)
    desk.says(error(1, 321, "Error validating request"))
    assert desk.status() == "pending"
    desk.later(4.0)
    desk.snapshot(open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.status() == "submitted"


def test_a_modification_refused_before_the_order_is_acknowledged_is_not_sent_with_the_next(
    desk: Desk,
) -> None:
    desk.place()
    desk.modify(limit_price=2.0)
    desk.says(error(1, 2102, "Unable to modify this order as its still being processed"))
    desk.accepted()
    desk.modify(quantity=20.0)
    request = desk.wire[-1]
    assert isinstance(request, rq.PlaceOrder)
    assert (request.order.total_quantity, request.order.limit_price) == (20.0, 1.0)


def test_two_modifications_in_flight_build_on_each_other(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.modify(limit_price=1.5)
    desk.modify(quantity=20.0)
    request = desk.wire[-1]
    assert isinstance(request, rq.PlaceOrder)
    assert (request.order.total_quantity, request.order.limit_price) == (20.0, 1.5)


@pytest.mark.parametrize(
    ("changes", "field"), [({"stop_price": 2.0}, "stop_price"), ({"quantity": 4.0}, "quantity")]
)
def test_a_modification_that_cannot_be_names_the_field(
    desk: Desk, changes: dict[str, Any], field: str
) -> None:
    desk.place()
    desk.accepted()
    desk.says(execution(1, shares=4.0))
    caller = desk.modify(**changes)
    assert (caller.code, caller.answer.field) == ("invalid_argument", field)
    assert len(desk.wire) == 1


def test_an_order_that_is_done_cannot_be_modified_or_cancelled(desk: Desk) -> None:
    assert desk.modify(quantity=3.0).code == "unknown_order"
    assert desk.cancel().code == "unknown_order"
    desk.place()
    desk.says(execution(1))
    assert desk.modify(quantity=20.0).code == "conflict"
    assert desk.cancel().code == "conflict"


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
