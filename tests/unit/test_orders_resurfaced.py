"""What was thought to have ended and is there: ended orders that work, attempts beside their successors."""

from __future__ import annotations

import pytest
from support.orders_desk import Desk
from support.orders_reports import CLIENT_ID, completed, error, execution, open_order, order_status
from support.orders_steps import cancels_of, reconnect
from twsmq_nodes.tws import requests as rq
from twsmq_protocol.order_events import Order


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_cancelled_as_we_thought_but_listed_as_open_is_live(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.says(error(1, 202, "Order Canceled - reason:"))
    desk.session_lost()
    reconnect(desk, open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.status() == "submitted"


def test_an_attempt_alive_beside_its_successor_is_cancelled_once_the_session_is_up(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk)
    desk.place()
    desk.accepted(order_id=2)
    desk.session_lost()
    rows = (open_order(1), order_status(1, "Submitted", remaining=10.0), open_order(2))
    desk.says(*rows)  # a gateway sends them before it says that it is ready (captured)
    assert desk.asked == []
    desk.session_up()
    desk.says(*rows)
    assert rq.CancelOrder(1) in desk.asked


def test_rejected_as_we_thought_but_working_is_looked_for(desk: Desk) -> None:
    desk.place()
    desk.says(error(1, 321, "Error validating request"))
    assert desk.status() == "rejected"
    row = (open_order(1), order_status(1, "Submitted", remaining=10.0))
    desk.says(*row)
    desk.later(0.3)
    desk.snapshot(*row)
    assert desk.status() == "submitted"


def test_an_attempt_given_up_as_never_sent_that_comes_alive_beside_its_successor_is_shouted(
    desk: Desk,
) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk)
    desk.place()
    desk.accepted(order_id=2)
    desk.says(open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.order().order_id == 2
    assert "1 is alive" in desk.warnings[0]
    assert "order id 1" in desk.notices()[0].text


def after_a_revenant() -> Desk:
    """Attempt 1 was proved absent and went again as attempt 2; then attempt 1 turns up alive."""
    desk = Desk()
    desk.place()
    desk.session_lost()
    desk.later(5.0)
    desk.session_up(next_order_id=1)
    desk.snapshot()
    assert desk.status() == "not_sent"
    desk.place()
    desk.accepted(2, perm_id=9002)
    desk.says(open_order(1), order_status(1, "Submitted", remaining=10.0))
    return desk


def test_an_attempt_that_turns_up_late_is_told_and_cancelled_once() -> None:
    desk = after_a_revenant()
    desk.says(open_order(1), order_status(1, "Submitted", remaining=10.0), order_status(1, "Cancelled"))
    assert cancels_of(desk) == [1]
    assert len(desk.notices()) == 1
    assert desk.status() == "submitted"


def test_what_ended_an_earlier_attempt_does_not_end_the_present_one() -> None:
    desk = after_a_revenant()
    desk.session_lost()
    desk.session_up(next_order_id=3)
    desk.snapshot(open_order(2), completed=[completed(perm_id=9001)])
    assert desk.status() == "submitted"
    assert all(order.status != "cancelled" for order in desk.told(Order))


def test_an_order_that_an_earlier_attempt_has_filled_is_cancelled() -> None:
    desk = after_a_revenant()
    desk.says(execution(1, order_ref="s/a"))
    assert (desk.status(), desk.order().filled, desk.order().perm_id) == ("filled", 10.0, 9002)
    assert cancels_of(desk)[-1] == 2


def test_an_earlier_attempt_that_has_completed_is_not_the_end_of_the_present_one(desk: Desk) -> None:
    """Above server version 203 a completed order has its number and no reference need tie it to ours."""
    desk.place()
    desk.session_lost()
    reconnect(desk)
    assert desk.status() == "not_sent"
    assert desk.place().answer.order_id == 2
    desk.session_lost()
    reconnect(desk, completed=[completed(order_id=1, client_id=CLIENT_ID)])
    assert desk.status() == "not_sent"
