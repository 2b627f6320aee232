"""What the gateway holds back: the staged orders of a group, and how they end or are handed on."""

from __future__ import annotations

import pytest
from support.orders_desk import Caller, Desk
from support.orders_reports import error, execution, order_status
from support.orders_steps import linked, outcomes, sent, working
from twsmq_nodes.tws import requests as rq


@pytest.fixture
def desk() -> Desk:
    return Desk()


def bracket(desk: Desk) -> Caller:
    return linked(desk, {"client_order_id": "a"}, {"client_order_id": "b"}, {"client_order_id": "c"})


def test_siblings_of_a_refused_last_leg_are_cancelled_and_told_so(desk: Desk) -> None:
    bracket(desk)
    desk.says(error(3, 328, "Trailing stop orders can be attached to limit or stop-limit orders only"))
    assert desk.status("c") == "rejected"
    assert desk.wire[3:] == [rq.CancelOrder(1), rq.CancelOrder(2)]
    assert "c is rejected" in (desk.order("a").reason or "")
    desk.says(error(1, 202, "Order was discarded."), error(2, 202, "Order was discarded."))
    assert (desk.status("a"), desk.status("b")) == ("cancelled", "cancelled")
    assert desk.order("a").reason == "Order was discarded."


def test_a_last_leg_refused_in_the_guise_of_a_cancellation_is_no_acceptance(desk: Desk) -> None:
    bracket(desk)
    desk.says(order_status(3, "Cancelled"), error(3, 201, "Order rejected - reason:no"))
    assert desk.status("c") == "rejected"
    assert desk.wire[3:] == [rq.CancelOrder(1), rq.CancelOrder(2)]


def test_a_leg_off_its_tick_takes_the_staged_ones_with_it(desk: Desk) -> None:
    bracket(desk)
    desk.says(error(3, 110, "The price does not conform"))
    desk.later(0.3)
    desk.snapshot()
    desk.later(4.0)
    desk.snapshot()
    assert desk.status("c") == "rejected"
    assert [one for one in desk.wire if isinstance(one, rq.CancelOrder)][:2] == [
        rq.CancelOrder(1),
        rq.CancelOrder(2),
    ]
    assert desk.status("a") == "pending_cancel", "never proved absent by a list"


def test_a_connection_lost_between_the_legs_leaves_nothing_staged(desk: Desk) -> None:
    bracket(desk)
    desk.session_lost()
    desk.later(10.0)
    desk.session_up(4)
    desk.snapshot()
    assert desk.status("c") == "not_sent"
    assert desk.wire[3:] == [rq.CancelOrder(1), rq.CancelOrder(2)]
    desk.says(error(1, 10147, "not found"), error(2, 10147, "not found"))
    assert (desk.status("a"), desk.status("b")) == ("cancelled", "cancelled")


def test_a_bracket_whose_last_leg_never_left_may_go_again_once_the_rest_is_cancelled(desk: Desk) -> None:
    bracket(desk)
    desk.session_lost()
    desk.later(10.0)
    desk.session_up(4)
    desk.snapshot()
    assert desk.status("c") == "not_sent"
    assert bracket(desk).code == "timeout", "the gateway still holds two of them back"
    desk.says(error(1, 10147, "not found"), error(2, 10147, "not found"))
    assert [row.order_id for row in bracket(desk).answer.orders] == [4, 5, 6]
    assert [desk.status(cid) for cid in "abc"] == ["pending"] * 3


def test_a_bracket_of_which_a_leg_has_worked_does_not_go_again(desk: Desk) -> None:
    bracket(desk)
    desk.accepted(1, "a")
    desk.session_lost()
    desk.later(10.0)
    desk.session_up(4)
    desk.snapshot()
    desk.says(order_status(1, "Cancelled"), error(2, 10147, "not found"))
    desk.later(1.0)
    assert [desk.status(cid) for cid in "abc"] == ["cancelled", "cancelled", "not_sent"]
    assert bracket(desk).code == "conflict"


def test_one_that_is_staged_is_neither_looked_for_nor_proved_absent(desk: Desk) -> None:
    desk.place(transmit=False)
    assert (sent(desk).transmit, desk.order().staged, desk.status()) == (False, True, "pending")
    desk.later(6.0)
    assert desk.asked == []
    desk.session_lost()
    desk.later(10.0)
    desk.session_up(2)
    desk.snapshot()
    assert desk.status() == "unknown"


def test_stage_now_transmit_later(desk: Desk) -> None:
    desk.place(transmit=False)
    desk.modify(limit_price=2.0)
    assert (sent(desk).transmit, sent(desk).limit_price) == (False, 2.0)
    desk.modify(transmit=True)
    assert (sent(desk).transmit, sent(desk).limit_price) == (True, 2.0)
    desk.accepted(limit_price=2.0)
    assert (desk.status(), desk.order().staged) == ("submitted", False)
    assert outcomes(desk)[2:] == [(1, "confirmed"), (2, "confirmed")]


def test_handing_on_that_nobody_answers_leaves_it_staged_as_it_was_sent_last(desk: Desk) -> None:
    desk.place(transmit=False)
    desk.modify(limit_price=2.0)
    desk.modify(transmit=True)
    desk.session_lost()
    desk.later(10.0)
    desk.session_up(2)
    desk.snapshot()
    desk.later(4.0)
    desk.snapshot()
    assert (desk.status(), desk.order().staged) == ("unknown", True)
    assert outcomes(desk)[-1] == (2, "unanswered")
    desk.modify(transmit=True)
    assert (sent(desk).transmit, sent(desk).limit_price) == (True, 2.0)


def test_a_staged_order_is_cancelled_with_what_is_attached_to_it(desk: Desk) -> None:
    desk.place("a", transmit=False)
    desk.place("b", parent="a", transmit=False)
    assert sent(desk).parent_id == 1
    desk.cancel("a")
    assert desk.wire[2:] == [rq.CancelOrder(1), rq.CancelOrder(2)]


def test_a_child_is_attached_to_a_working_order(desk: Desk) -> None:
    working(desk)
    desk.place("b", parent="a", side="SELL", limit_price=3.0)
    assert (sent(desk).parent_id, sent(desk).transmit) == (1, True)
    assert desk.order("b").parent == "a"
    desk.says(execution(1), order_status(1, "Filled", filled=10.0))
    refused = desk.place("c", parent="a")
    assert (refused.code, refused.answer.field) == ("conflict", "parent")
    assert desk.place("d", parent="nobody").code == "unknown_order"
