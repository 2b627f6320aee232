"""A cancel that was promised: owed through reconnects and crashes, repeated where it was swallowed."""

from __future__ import annotations

import pytest
from support.orders_desk import Desk
from support.orders_reports import error, open_order, order_status
from support.orders_steps import cancels_of, reconnect
from twsmq_nodes.tws import requests as rq


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_cancel_is_owed_through_a_reconnect(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.session_lost()
    assert desk.cancel().answer.status == "pending_cancel"
    assert len(desk.wire) == 1
    reconnect(desk, open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.wire[-1] == rq.CancelOrder(1)
    assert desk.status() == "pending_cancel"


def test_a_cancel_is_owed_through_a_crash(desk: Desk) -> None:
    desk.place()
    desk.accepted()
    desk.cancel()
    desk.crash()
    assert desk.status() == "pending_cancel"
    reconnect(desk, open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert [type(request) for request in desk.wire] == [rq.PlaceOrder, rq.CancelOrder, rq.CancelOrder]


def test_an_unknown_order_that_is_to_be_cancelled_is_cancelled_when_it_turns_up(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    assert desk.cancel().answer.status == "unknown"
    reconnect(desk, open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert desk.status() == "pending_cancel"
    assert desk.wire[-1] == rq.CancelOrder(1)


def test_an_unknown_order_that_is_to_be_cancelled_and_proved_absent_is_cancelled(desk: Desk) -> None:
    desk.place()
    desk.session_lost()
    desk.cancel()
    reconnect(desk)
    assert desk.status() == "cancelled"


@pytest.mark.parametrize("arrives", [True, False])
def test_the_wish_to_cancel_an_unknown_order_outlives_that_the_gateway_does_not_find_it_yet(
    desk: Desk, arrives: bool
) -> None:
    desk.place()
    desk.session_lost()
    reconnect(desk, after=0.5)
    desk.cancel()
    assert desk.wire[-1] == rq.CancelOrder(1)
    desk.says(error(1, 10147, "not found"))
    rows = (open_order(1), order_status(1, "Submitted", remaining=10.0)) if arrives else ()
    desk.says(*rows)
    desk.later(5.0)
    desk.snapshot(*rows)
    assert desk.status() == ("pending_cancel" if arrives else "cancelled")
    assert desk.wire.count(rq.CancelOrder(1)) == 1 + arrives


def test_a_cancel_the_gateway_swallowed_goes_out_again_once_the_order_is_seen_working() -> None:
    desk = Desk()
    desk.place()
    desk.accepted()
    desk.cancel()
    desk.later(5.0)
    desk.later(0.1)
    desk.snapshot(open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert cancels_of(desk) == [1, 1]


def test_a_client_may_ask_for_the_cancel_again_but_not_flood_the_gateway() -> None:
    desk = Desk()
    desk.place()
    desk.accepted()
    for _ in range(3):
        assert desk.cancel().answer.status == "pending_cancel"
    assert cancels_of(desk) == [1]
    desk.later(2.0)
    desk.cancel()
    assert cancels_of(desk) == [1, 1]


def test_a_cancel_the_gateway_is_at_is_not_repeated() -> None:
    desk = Desk()
    desk.place()
    desk.accepted()
    desk.cancel()
    desk.says(order_status(1, "PendingCancel", remaining=10.0))
    desk.later(5.0)
    desk.later(0.1)
    desk.cancel()
    assert cancels_of(desk) == [1]
    assert not desk.asked, "nobody is asked: it has answered"
