"""A gateway that refuses to list our open orders: its API is read-only."""

from __future__ import annotations

import pytest
from support.orders_desk import Desk
from support.orders_reports import error, open_order, order_status
from twsmq_nodes.orders.reconciliation.reconciliation import REFUSED_S
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws import requests as rq

REFUSAL = error(
    -1, 321, "Error validating request.-'bN' : cause - The API interface is currently in Read-Only mode."
)


def refused() -> Desk:
    desk = Desk(up=False)
    desk.session_up()
    assert [type(one) for one in desk.asked] == [rq.ReqOpenOrders]
    desk.asked.clear()
    desk.says(REFUSAL)
    return desk


def test_the_setting_and_the_cure_are_named() -> None:
    desk = refused()
    state, detail = desk.core.state
    assert state == "reconciling"
    assert detail is not None
    assert "Read-Only API" in detail
    caller = desk.place("a")
    assert caller.code == "not_ready"
    assert "Read-Only API" in str(caller.answer)
    assert desk.wire == []


def test_it_is_asked_again_and_work_begins_once_it_is_answered() -> None:
    desk = refused()
    for _ in range(3):
        desk.later(REFUSED_S - 0.1)
        assert desk.asked == [], "now and then, not at once"
        desk.later(0.2)
        assert [type(one) for one in desk.asked] == [rq.ReqOpenOrders]
        assert "Read-Only API" in str(desk.core.state[1]), "the reason stands while it is asked"
        desk.asked.clear()
        desk.says(REFUSAL)
    desk.later(REFUSED_S + 0.1)
    desk.snapshot()
    assert desk.core.state == ("ready", None)
    assert desk.place("a").answer.order_id == 1


def test_a_refusal_of_another_kind_is_told_in_the_gateways_words() -> None:
    desk = Desk(up=False)
    desk.session_up()
    desk.says(error(-1, 322, "Error processing request.-'x' : cause - out of sorts"))
    assert "out of sorts" in str(desk.core.state[1])


@pytest.mark.parametrize(
    "other", [error(-1, 2104, "farm"), error(5, 321, "of a request"), error(-1, 507, "x")]
)
def test_what_refuses_no_question_gives_up_no_question(other: tws.Event) -> None:
    desk = Desk(up=False)
    desk.session_up()
    desk.says(other)
    desk.snapshot()
    assert desk.core.state == ("ready", None)


def test_a_refusal_while_nothing_is_asked_changes_nothing() -> None:
    desk = Desk()
    desk.says(REFUSAL)
    assert desk.core.state == ("ready", None)


def test_a_gateway_made_read_only_while_an_order_works_loses_neither_it_nor_its_cancel() -> None:
    desk = Desk()
    desk.place("a")
    desk.accepted()
    desk.cancel("a")
    desk.says(error(1, 321, REFUSAL.text))
    assert desk.status() in ("submitted", "pending_cancel"), "the refusal is the cancel's, not the order's"
    desk.later(5.1)
    desk.later(0.1)
    assert [type(one) for one in desk.asked] == [rq.ReqOpenOrders], "an unanswered cancel is looked for"
    desk.asked.clear()
    desk.says(REFUSAL)
    assert desk.core.state[0] == "reconciling"
    assert "Read-Only API" in str(desk.place("b").answer)
    desk.wire.clear()
    desk.later(REFUSED_S + 0.1)
    desk.snapshot(open_order(1), order_status(1, "Submitted", remaining=10.0))
    assert [type(one) for one in desk.wire] == [rq.CancelOrder], "still wanted, so it is sent again"
    desk.says(order_status(1, "Cancelled"))
    assert desk.status() == "cancelled"
    assert desk.core.state == ("ready", None)


def test_a_refusal_left_behind_by_a_session_is_not_the_next_ones() -> None:
    desk = refused()
    desk.session_lost()
    desk.session_up()
    assert "Read-Only" not in str(desk.core.state[1])
    desk.snapshot()
    assert desk.core.state == ("ready", None)
