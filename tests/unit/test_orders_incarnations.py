"""An order that the broker has twice: modified while the connection was lost, it came out as a second one
with a permanent id of its own (nautilus_trader issue 4564)."""

from __future__ import annotations

import pytest
from support.orders_desk import Desk
from support.orders_reports import completed, error, execution, open_order, order_status
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq

FIRST, SECOND = 9001, 9002


def cancels(desk: Desk) -> int:
    return sum(isinstance(each, rq.CancelOrder) for each in (*desk.wire, *desk.asked))


def working(perm_id: int, limit_price: float = 1.0) -> tuple[tws.Event, tws.Event]:
    return (
        open_order(1, perm_id=perm_id, limit_price=limit_price),
        order_status(1, "Submitted", perm_id=perm_id, remaining=10.0),
    )


def ended(perm_id: int, word: str = "Cancelled", **amounts: float) -> tws.Event:
    return order_status(1, word, perm_id=perm_id, **amounts)


@pytest.fixture
def desk() -> Desk:
    """Order 1 is modified, and both versions work."""
    desk = Desk()
    desk.place()
    desk.accepted()
    desk.modify(limit_price=2.0)
    desk.says(*working(SECOND, 2.0))
    return desk


def test_it_is_told(desk: Desk):
    (notice,) = desk.notices()
    assert "9001 and 9002" in notice.text
    assert desk.status() == "submitted"


def test_a_cancel_goes_out_until_none_is_left(desk: Desk):
    desk.cancel()
    assert cancels(desk) == 1
    desk.says(ended(SECOND), error(1, 202))
    assert desk.status() == "pending_cancel"
    assert cancels(desk) == 2
    desk.says(ended(FIRST), error(1, 202))
    assert desk.status() == "cancelled"
    assert cancels(desk) == 2


def test_the_word_about_one_is_not_the_word_about_the_order(desk: Desk):
    desk.says(ended(FIRST))
    desk.later(1.0)
    assert desk.status() == "submitted"
    desk.snapshot(*working(SECOND, 2.0), completed=[completed(perm_id=FIRST)])
    assert desk.status() == "submitted"
    assert [order.status for order in desk.told(type(desk.order()))].count("cancelled") == 0


def test_the_last_one_ends_the_order(desk: Desk):
    desk.says(ended(FIRST), ended(SECOND))
    desk.later(0.5)
    assert desk.status() == "cancelled"


def test_both_may_fill_and_every_execution_counts(desk: Desk):
    desk.says(execution(1, "a.01", perm_id=FIRST), ended(FIRST, "Filled", filled=10.0))
    assert desk.status() == "filled"
    assert cancels(desk) > 0, "what is left of it would fill beyond its quantity"
    desk.says(execution(1, "b.01", perm_id=SECOND), ended(SECOND, "Filled", filled=10.0))
    assert desk.order().filled == 20.0
    assert len(desk.fills()) == 2


def test_when_both_together_reach_the_quantity_the_rest_is_cancelled(desk: Desk):
    desk.says(execution(1, "a.01", 4.0, perm_id=FIRST), execution(1, "b.01", 6.0, perm_id=SECOND))
    assert desk.status() == "filled"
    assert cancels(desk) == 1
    desk.says(ended(SECOND, filled=6.0))
    assert cancels(desk) == 2
    desk.says(ended(FIRST, filled=4.0))
    assert (desk.status(), desk.order().filled) == ("filled", 10.0)


def test_filled_in_one_is_not_filled_if_the_other_is_larger():
    desk = Desk()
    desk.place()
    desk.accepted()
    desk.modify(quantity=20.0)
    desk.says(open_order(1, perm_id=SECOND, total_quantity=20.0))
    desk.says(execution(1, perm_id=FIRST), ended(FIRST, "Filled", filled=10.0))
    assert desk.status() == "partially_filled"
    desk.says(ended(SECOND))
    desk.later(0.5)
    assert (desk.status(), desk.order().filled) == ("cancelled", 10.0)


def test_found_only_after_the_cancel_it_is_cancelled_too():
    """As it happened in the issue: the snapshots after the reconnect show the second one."""
    desk = Desk()
    desk.place()
    desk.accepted()
    desk.modify(limit_price=2.0)
    desk.cancel()
    desk.says(ended(FIRST), error(1, 202))
    assert desk.status() == "cancelled"
    desk.session_lost()
    desk.session_up(next_order_id=2)
    desk.snapshot(*working(SECOND, 2.0), completed=[completed(perm_id=FIRST)])
    assert desk.status() == "pending_cancel"
    assert cancels(desk) == 2


def test_a_report_of_an_unknown_one_after_the_end_is_looked_into():
    desk = Desk()
    desk.place()
    desk.accepted()
    desk.cancel()
    desk.says(ended(FIRST))
    desk.says(*working(SECOND))
    desk.later(0.3)
    desk.snapshot(*working(SECOND), completed=[completed(perm_id=FIRST)])
    assert desk.status() == "pending_cancel"
    assert cancels(desk) == 2


def test_found_open_after_it_was_filled_it_is_cancelled():
    desk = Desk()
    desk.place()
    desk.accepted()
    desk.says(execution(1), ended(FIRST, "Filled", filled=10.0))
    desk.session_lost()
    desk.session_up(next_order_id=2)
    desk.snapshot(*working(SECOND), executions=[execution(1, req_id=1)])
    assert desk.status() == "filled"
    assert cancels(desk) == 1


def test_a_refused_cancel_of_one_leaves_the_wish(desk: Desk):
    desk.cancel()
    desk.says(error(1, 10148))
    assert desk.status() == "pending_cancel"


def test_what_the_next_snapshot_does_not_list_is_not_alive(desk: Desk):
    desk.session_lost()
    desk.session_up(next_order_id=2)
    desk.snapshot(*working(SECOND, 2.0), completed=[completed(perm_id=FIRST)])
    desk.cancel()
    desk.says(ended(SECOND), error(1, 202))
    assert desk.status() == "cancelled"
