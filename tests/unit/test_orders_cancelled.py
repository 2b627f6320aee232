"""An order that is cancelled or refused, by us, by the venue, in words or without."""

from __future__ import annotations

import pytest
from support.orders_desk import Desk
from support.orders_reports import EXEC, error, execution, order_status
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq
from twsmq_protocol.order_events import Order


@pytest.fixture
def desk() -> Desk:
    return Desk()


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
